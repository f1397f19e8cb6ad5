#include "sources/talk.h"

#include <strings.h>

#define STEP(text, reader)                                                                                             \
	{ text, sizeof text - 1, reader }
#define FIRST(reader)                                                                                                  \
	{ NULL, 0, reader }

/* The line at an offset without its end; NULL: it is cut. */
static const char *line_at(const char *data, size_t len, size_t at, size_t *ret_len, size_t *ret_next) {
	const char *end = at < len ? memchr(data + at, '\n', len - at) : NULL;
	if (!end)
		return NULL;
	*ret_next = (size_t)(end - data) + 1;
	*ret_len = *ret_next - 1 - at;
	if (*ret_len > 0 && end[-1] == '\r')
		--*ret_len;
	return data + at;
}

static bool begins(const char *line, size_t len, const char *with) {
	return len >= strlen(with) && !strncasecmp(line, with, strlen(with));
}

/* What is there of a line that is cut may already be something else. */
static bool may_become(const char *data, size_t len, const char *with) {
	size_t common = len < strlen(with) ? len : strlen(with);
	return !strncasecmp(data, with, common);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum talk_said talk_code(const char *data, size_t len) {
	size_t at = 0, size, next;
	const char *line;
	for (size_t i = 0; i < len && i < 3; i++)
		if (!is_digit(data[i]))
			return TALK_OTHER;
	while ((line = line_at(data, len, at, &size, &next))) {
		if (size >= 3 && !strncmp(line, data, 3) && (size == 3 || line[3] == ' '))
			return data[0] == '2' ? TALK_YES : TALK_NO;
		if (at == 0 && (size < 4 || line[3] != '-'))
			return TALK_OTHER;
		at = next;
	}
	return TALK_MORE;
}

enum talk_said talk_imap_greeting(const char *data, size_t len) {
	size_t size, next;
	const char *line = line_at(data, len, 0, &size, &next);
	if (!line)
		return may_become(data, len, "* ") ? TALK_MORE : TALK_OTHER;
	return begins(line, size, "* OK") || begins(line, size, "* PREAUTH") ? TALK_YES
	       : begins(line, size, "* BYE")                                 ? TALK_NO
									     : TALK_OTHER;
}

enum talk_said talk_imap_answer(const char *data, size_t len) {
	size_t at = 0, size, next;
	const char *line;
	while ((line = line_at(data, len, at, &size, &next))) {
		if (begins(line, size, "a "))
			return begins(line, size, "a OK") ? TALK_YES : TALK_NO;
		if (!begins(line, size, "* "))
			return TALK_OTHER;
		at = next;
	}
	return TALK_MORE;
}

enum talk_said talk_pop3(const char *data, size_t len) {
	size_t size, next;
	const char *line = line_at(data, len, 0, &size, &next);
	if (!line)
		return may_become(data, len, "+OK") || may_become(data, len, "-ERR") ? TALK_MORE : TALK_OTHER;
	return begins(line, size, "+OK") ? TALK_YES : begins(line, size, "-ERR") ? TALK_NO : TALK_OTHER;
}

enum talk_said talk_pop3_list(const char *data, size_t len) {
	enum talk_said said = talk_pop3(data, len);
	size_t at = 0, size, next;
	const char *line;
	if (said != TALK_YES)
		return said;
	while ((line = line_at(data, len, at, &size, &next))) {
		if (size == 1 && *line == '.')
			return TALK_YES;
		at = next;
	}
	return TALK_MORE;
}

/* Tag and length of BER (X.690 8.1), in the short form or in one to four bytes. NULL: cut, or another tag. */
static const unsigned char *ber_value(struct cursor *cursor, unsigned char tag, size_t *ret_len) {
	const unsigned char *head = cursor_bytes(cursor, 2);
	if (!head || head[0] != tag || head[1] == 0x80 || head[1] > 0x84)
		return NULL;
	size_t count = head[1] > 0x80 ? head[1] & 0x7f : 0, len = count ? 0 : head[1];
	const unsigned char *bytes = cursor_bytes(cursor, count);
	for (size_t i = 0; bytes && i < count; i++)
		len = len << 8 | bytes[i];
	*ret_len = len;
	return cursor->bad ? NULL : cursor->at;
}

/* LDAPMessage { messageID 1, [APPLICATION 24] { resultCode, ... } } */
enum talk_said talk_ldap(const char *data, size_t len) {
	struct cursor cursor = cursor_over(data, len);
	size_t size;
	if (len > 0 && data[0] != 0x30)
		return TALK_OTHER;
	if (len < 2)
		return TALK_MORE;
	if (!ber_value(&cursor, 0x30, &size))
		return cursor.bad ? TALK_MORE : TALK_OTHER;
	if ((size_t)(cursor.end - cursor.at) < size)
		return size < TALK_LARGEST - 8 ? TALK_MORE : TALK_OTHER;
	cursor.end = cursor.at + size;
	const unsigned char *id = cursor_bytes(&cursor, 3);
	if (!id || memcmp(id, "\2\1\1", 3) != 0 || !ber_value(&cursor, 0x78, &size))
		return TALK_OTHER;
	const unsigned char *code = cursor_bytes(&cursor, 3);
	if (!code || code[0] != 0x0a || code[1] != 1)
		return TALK_OTHER;
	return code[2] == 0 ? TALK_YES : TALK_NO;
}

enum talk_said talk_postgres(const char *data, size_t len) {
	if (len == 0)
		return TALK_MORE;
	return len > 1 ? TALK_OTHER : *data == 'S' ? TALK_YES : *data == 'N' ? TALK_NO : TALK_OTHER;
}

/* Protocol::HandshakeV10: length and number of the packet, 10, version, NUL, thread, eight bytes of salt, NUL, then
 * capabilities of which 0x0800 is CLIENT_SSL. */
enum talk_said talk_mysql(const char *data, size_t len) {
	const unsigned char *bytes = (const unsigned char *)data;
	if ((len > 3 && bytes[3] != 0) || (len > 4 && bytes[4] != 10))
		return TALK_OTHER;
	if (len < 5)
		return TALK_MORE;
	size_t size = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
	if (size < 20 || size > 1024)
		return TALK_OTHER;
	if (len < size + 4)
		return TALK_MORE;
	const char *end = memchr(data + 5, 0, size - 1);
	size_t at = end ? (size_t)(end - data) + 1 + 4 + 8 + 1 : 0;
	if (!end || at + 2 > size + 4)
		return TALK_OTHER;
	return bytes[at + 1] & 0x08 ? TALK_YES : TALK_NO;
}

static bool ends_word(char c) { return c == ' ' || c == '\r' || c == '\n' || c == '-' || c == '='; }

bool talk_has_word(const char *data, size_t len, const char *word) {
	size_t size = strlen(word);
	for (size_t at = 0; at + size <= len; at++)
		if ((at == 0 || ends_word(data[at - 1])) && !strncasecmp(data + at, word, size) &&
		    (at + size == len || ends_word(data[at + size])))
			return true;
	return false;
}

static const struct talk_protocol protocols[] = {
	{"smtp", {FIRST(talk_code), STEP("EHLO vouch.invalid\r\n", talk_code), STEP("STARTTLS\r\n", talk_code)}},
	{"imap", {FIRST(talk_imap_greeting), STEP("a STARTTLS\r\n", talk_imap_answer)}},
	{"pop3", {FIRST(talk_pop3), STEP("STLS\r\n", talk_pop3)}},
	{"ftp", {FIRST(talk_code), STEP("AUTH TLS\r\n", talk_code)}},
	{"ldap",
	 {STEP("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
	       "1.3.6.1.4.1.1466.20037",
	       talk_ldap)}},
	{"postgres", {STEP("\0\0\0\x08\x04\xd2\x16\x2f", talk_postgres)}},
	/* capabilities: CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION */
	{"mysql",
	 {FIRST(talk_mysql), STEP("\x20\0\0\1"
				  "\0\x8a\0\0"
				  "\0\0\0\1"
				  "\x21"
				  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
				  NULL)}},
};

const struct talk_protocol *talk_protocol_find(const char *name, size_t len) {
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (strlen(protocols[i].name) == len && !strncmp(protocols[i].name, name, len))
			return &protocols[i];
	return NULL;
}

bool talk_step(const struct ask *ask, int socket, const struct talk_step *step, uint64_t until_us, struct buf *bytes,
	       enum talk_said *ret_said, struct err *err) {
	enum talk_said said = step->read ? TALK_MORE : TALK_YES;
	bytes->len = 0;
	if (step->say && !probe_send(ask, socket, step->say, step->len, until_us, err))
		return false;
	while (said == TALK_MORE && bytes->len < TALK_LARGEST) {
		size_t got = 0, room = TALK_LARGEST - bytes->len;
		if (!probe_receive(ask, socket, buf_room(bytes, room), room, until_us, &got, err))
			return false;
		if (got == 0)
			break;
		bytes->len += got;
		said = step->read(bytes->data, bytes->len);
	}
	*ret_said = said == TALK_MORE ? TALK_OTHER : said;
	return true;
}

bool talk_to_tls(const struct ask *ask, int socket, const struct talk_protocol *protocol, uint64_t until_us,
		 struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	for (size_t i = 0; i < TALK_STEPS_MOST && (protocol->steps[i].say || protocol->steps[i].read); i++) {
		enum talk_said said;
		if (!talk_step(ask, socket, &protocol->steps[i], until_us, &bytes, &said, err))
			return false;
		if (said != TALK_YES)
			return err_set(err, ERR_MALFORMED, ask->name, "the server does not go over to TLS by %s",
				       protocol->name);
	}
	return true;
}
