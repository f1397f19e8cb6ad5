#include "sources/hello.h"

#include <string.h>

#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22
#define RECORD_LARGEST 16384
#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define WARNING 1
#define FATAL 2
#define CLOSE_NOTIFY 0

#define EXTENSION_SERVER_NAME 0
#define EXTENSION_GROUPS 10
#define EXTENSION_POINT_FORMATS 11
#define EXTENSION_SIGNATURES 13
#define EXTENSION_VERSIONS 43
#define EXTENSION_KEY_SHARE 51
#define GROUP_X25519 0x001d
#define SUITE_RENEGOTIATION 0x00ff /* RFC 5746 3.3: no suite, but some servers want it */

const uint16_t hello_versions[HELLO_VERSIONS] = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304};

const char *hello_version_name(uint16_t version) {
	static const char *const names[HELLO_VERSIONS] = {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	return version >= 0x0300 && version <= 0x0304 ? names[version - 0x0300] : "unknown";
}

/* Everything that a server may choose, anonymous and broken ones included: the question is the version. */
static const uint16_t old_suites[] = {
	0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e, 0x009f, 0xccaa, 0xc0ac, 0xc0ad, 0xc09c, 0xc09d,
	0x009c, 0x009d, 0xc023, 0xc027, 0xc024, 0xc028, 0x0067, 0x006b, 0x003c, 0x003d, 0xc009, 0xc013, 0xc00a,
	0xc014, 0x0033, 0x0039, 0x0032, 0x0038, 0x002f, 0x0035, 0x0041, 0x0084, 0x0045, 0x0088, 0x0096, 0xc012,
	0xc008, 0x0016, 0x0013, 0x000a, 0xc011, 0xc007, 0x0005, 0x0004, 0x0015, 0x0012, 0x0009, 0x0034, 0x003a,
	0x0018, 0x001b, 0xc018, 0xc019, 0x0003, 0x0006, 0x0008, 0x0011, 0x0014, 0x00ff};
static const uint16_t new_suites[] = {0x1301, 0x1302, 0x1303};
static const uint16_t groups[] = {GROUP_X25519, 0x0017, 0x0018, 0x0019, 0x001e, 0x0016, 0x0100, 0x0101};
static const uint16_t signatures[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809,
				      0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0202};

static void add_u8(struct buf *bytes, unsigned value) { buf_add(bytes, &(unsigned char){(unsigned char)value}, 1); }

static void add_u16(struct buf *bytes, unsigned value) {
	add_u8(bytes, value >> 8);
	add_u8(bytes, value);
}

static void add_list(struct buf *bytes, const uint16_t *list, size_t count) {
	add_u16(bytes, (unsigned)count * 2);
	for (size_t i = 0; i < count; i++)
		add_u16(bytes, list[i]);
}

/* Bytes under a length of two bytes. */
static void add_counted(struct buf *bytes, const struct buf *inner) {
	add_u16(bytes, (unsigned)inner->len);
	buf_add(bytes, inner->data, inner->len);
}

static void add_list_extension(struct buf *bytes, unsigned type, const uint16_t *list, size_t count) {
	add_u16(bytes, type);
	add_u16(bytes, (unsigned)count * 2 + 2);
	add_list(bytes, list, count);
}

static void add_server_name(struct buf *bytes, const char *name) {
	unsigned len = (unsigned)strnlen(name, HELLO_NAME_LONGEST);
	add_u16(bytes, EXTENSION_SERVER_NAME);
	add_u16(bytes, len + 5);
	add_u16(bytes, len + 3);
	add_u8(bytes, 0); /* host_name */
	add_u16(bytes, len);
	buf_add(bytes, name, len);
}

static void add_key_share(const uint8_t *key, bool has_key, struct buf *bytes) {
	add_u16(bytes, EXTENSION_KEY_SHARE);
	add_u16(bytes, has_key ? 38 : 2);
	add_u16(bytes, has_key ? 36 : 0);
	if (!has_key)
		return;
	add_u16(bytes, GROUP_X25519);
	add_u16(bytes, 32);
	buf_add(bytes, key, 32); /* every 32 bytes are a point of that curve */
}

static void add_extensions(uint16_t version, const char *server_name, const uint8_t *key,
			   const struct hello_offer *offer, struct buf *bytes) {
	if (server_name)
		add_server_name(bytes, server_name);
	add_list_extension(bytes, EXTENSION_GROUPS, offer->groups ? offer->groups : groups,
			   offer->groups ? offer->group_count : ARRAY_LEN(groups));
	add_u16(bytes, EXTENSION_POINT_FORMATS);
	buf_add(bytes, "\0\2\1\0", 4); /* uncompressed */
	if (version >= 0x0303)
		add_list_extension(bytes, EXTENSION_SIGNATURES, signatures, ARRAY_LEN(signatures));
	if (version < 0x0304)
		return;
	add_u16(bytes, EXTENSION_VERSIONS);
	buf_add(bytes, "\0\3\2\3\4", 5);
	add_key_share(key, !offer->groups, bytes);
}

void hello_write(uint16_t version, const char *server_name, const uint8_t random[HELLO_RANDOM], struct buf *bytes) {
	hello_write_offer(version, server_name, random, &(const struct hello_offer){0}, bytes);
}

static void add_suites(bool is_new, const struct hello_offer *offer, struct buf *hello) {
	if (offer->suites && is_new) {
		add_list(hello, offer->suites, offer->suite_count);
	} else if (offer->suites) {
		add_u16(hello, (unsigned)offer->suite_count * 2 + 2);
		for (size_t i = 0; i < offer->suite_count; i++)
			add_u16(hello, offer->suites[i]);
		add_u16(hello, SUITE_RENEGOTIATION);
	} else {
		add_list(hello, is_new ? new_suites : old_suites,
			 is_new ? ARRAY_LEN(new_suites) : ARRAY_LEN(old_suites));
	}
}

void hello_write_offer(uint16_t version, const char *server_name, const uint8_t random[HELLO_RANDOM],
		       const struct hello_offer *offer, struct buf *bytes) {
	CLEANUP(buf_done) struct buf hello = {0};
	CLEANUP(buf_done) struct buf extensions = {0};
	bool is_new = version >= 0x0304;
	add_u16(&hello, is_new ? 0x0303 : version);
	buf_add(&hello, random, 32);
	add_u8(&hello, is_new ? 32 : 0);
	buf_add(&hello, random + 32, is_new ? 32 : 0);
	add_suites(is_new, offer, &hello);
	buf_add(&hello, "\1\0", 2); /* no compression */
	if (version > 0x0300) {
		add_extensions(version, server_name, random + 64, offer, &extensions);
		add_counted(&hello, &extensions);
	}
	add_u8(bytes, RECORD_HANDSHAKE);
	add_u16(bytes, version == 0x0300 ? 0x0300 : 0x0301);
	add_u16(bytes, (unsigned)hello.len + 4);
	add_u8(bytes, CLIENT_HELLO);
	add_u8(bytes, 0);
	add_counted(bytes, &hello);
}

/* supported_versions of a ServerHello overrules the version at its head. */
static bool read_extensions(struct cursor *cursor, struct hello_answer *answer) {
	size_t all = cursor_u16be(cursor);
	if (all != (size_t)(cursor->end - cursor->at))
		return false;
	while (!cursor->bad && cursor->at < cursor->end) {
		uint16_t type = cursor_u16be(cursor), len = cursor_u16be(cursor);
		const unsigned char *data = cursor_bytes(cursor, len);
		if (type == EXTENSION_VERSIONS && data) {
			if (len != 2)
				return false;
			answer->number = (uint16_t)(data[0] << 8 | data[1]);
		}
		if (type == EXTENSION_KEY_SHARE && data && len >= 2)
			answer->group = (uint16_t)(data[0] << 8 | data[1]);
	}
	return true;
}

static bool read_server_hello(const struct buf *message, struct hello_answer *ret_answer) {
	struct cursor cursor = cursor_over(message->data + 4, message->len - 4);
	struct hello_answer answer = {.said = HELLO_SERVER, .number = cursor_u16be(&cursor)};
	cursor_bytes(&cursor, 32);
	const unsigned char *session = cursor_bytes(&cursor, 1);
	if (!session || session[0] > 32)
		return false;
	cursor_bytes(&cursor, session[0]);
	answer.suite = cursor_u16be(&cursor);
	cursor_bytes(&cursor, 1); /* compression */
	if (!cursor.bad && cursor.at < cursor.end && !read_extensions(&cursor, &answer))
		return false;
	*ret_answer = answer;
	return !cursor.bad && cursor_at_end(&cursor) && answer.number >= 0x0300 && answer.number <= 0x0304;
}

/* The handshake bytes so far, of which the first message has to be the ServerHello. */
static enum hello_said read_handshake(struct buf *message, struct hello_answer *ret_answer) {
	const unsigned char *head = (const unsigned char *)message->data;
	if (!head)
		return HELLO_MORE;
	if (head[0] != SERVER_HELLO)
		return HELLO_NOT_TLS;
	if (message->len < 4)
		return HELLO_MORE;
	size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > RECORD_LARGEST)
		return HELLO_NOT_TLS;
	if (message->len < len + 4)
		return HELLO_MORE;
	message->len = len + 4; /* what follows in the record is the next message */
	return read_server_hello(message, ret_answer) ? HELLO_SERVER : HELLO_NOT_TLS;
}

static enum hello_said read_alert(const unsigned char *alert, size_t len, uint16_t *ret_number) {
	if (len != 2 || (alert[0] != WARNING && alert[0] != FATAL))
		return HELLO_NOT_TLS;
	if (alert[0] == WARNING && alert[1] != CLOSE_NOTIFY)
		return HELLO_MORE;
	*ret_number = alert[1];
	return HELLO_ALERT;
}

/* The head of a record, as far as it is there. */
static bool is_head(const struct cursor *cursor) {
	const unsigned char *head = cursor->at;
	size_t len = (size_t)(cursor->end - cursor->at);
	return (len < 1 || head[0] == RECORD_ALERT || head[0] == RECORD_HANDSHAKE) && (len < 2 || head[1] == 3) &&
	       (len < 5 || (head[3] << 8 | head[4]) <= RECORD_LARGEST) && (len < 5 || (head[3] | head[4]) != 0);
}

static enum hello_said read_answer(const void *data, size_t len, struct hello_answer *ret_answer) {
	CLEANUP(buf_done) struct buf message = {0};
	struct cursor cursor = cursor_over(data, len);
	while (cursor.at < cursor.end) {
		if (!is_head(&cursor))
			return HELLO_NOT_TLS;
		const unsigned char *head = cursor_bytes(&cursor, 5);
		size_t size = head ? (size_t)(head[3] << 8 | head[4]) : 0;
		const unsigned char *record = head ? cursor_bytes(&cursor, size) : NULL;
		if (!record)
			return HELLO_MORE;
		if (head[0] == RECORD_HANDSHAKE)
			buf_add(&message, record, size);
		/* An alert within the hello would be one in the middle of a message. */
		enum hello_said said = head[0] == RECORD_ALERT ? read_alert(record, size, &ret_answer->number)
							       : read_handshake(&message, ret_answer);
		if (said != HELLO_MORE)
			return said;
	}
	return HELLO_MORE;
}

struct hello_answer hello_answer(const void *data, size_t len) {
	struct hello_answer answer = {0};
	answer.said = read_answer(data, len, &answer);
	return answer;
}

enum hello_said hello_read(const void *data, size_t len, uint16_t *ret_number) {
	struct hello_answer answer = hello_answer(data, len);
	if (answer.said == HELLO_SERVER || answer.said == HELLO_ALERT)
		*ret_number = answer.number;
	return answer.said;
}
