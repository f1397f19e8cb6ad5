#include "sources/ssh.h"

#include <string.h>
#include <sys/socket.h>

#include "core/text.h"
#include "sources/probe.h"

#define LARGEST (SSH_LINES_MOST * SSH_LINE_LONGEST + SSH_PACKET_LARGEST + 4) /* bytes that are looked at */
#define ANSWER_MS 8000
#define KEXINIT 20
#define IDENTIFICATION "SSH-2.0-vouch\r\n"

static enum ssh_said not_ssh(const char *why, const char **ret_why) {
	*ret_why = why;
	return SSH_NOT_SSH;
}

/* A name-list (RFC 4251 5): printable ASCII between commas, no name empty. NULL: it is none. */
static json_t *read_names(struct cursor *cursor) {
	size_t len = cursor_u32be(cursor);
	const unsigned char *text = cursor_bytes(cursor, len);
	CLEANUP(json_decref_p) json_t *names = json_array();
	for (size_t begin = 0, i = 0; text && len > 0 && i <= len; i++) {
		if (i < len && text[i] != ',') {
			if (text[i] <= 0x20 || text[i] > 0x7e)
				return NULL;
			continue;
		}
		if (i == begin)
			return NULL;
		json_array_append_new(names, json_stringn((const char *)text + begin, i - begin));
		begin = i + 1;
	}
	return text ? json_incref(names) : NULL;
}

static bool read_lists(const unsigned char *payload, size_t len, json_t *value) {
	static const char *const members[] = {"kex",      "host_keys", "ciphers_c2s",     "ciphers_s2c",
					      "macs_c2s", "macs_s2c",  "compression_c2s", "compression_s2c",
					      NULL,       NULL};
	struct cursor cursor = cursor_over(payload, len);
	cursor_bytes(&cursor, 17);                        /* its number and the cookie */
	for (size_t i = 0; i < ARRAY_LEN(members); i++) { /* the last two are languages */
		json_t *names = read_names(&cursor);
		if (!names)
			return false;
		if (members[i])
			json_object_set_new(value, members[i], names);
		else
			json_decref(names);
	}
	cursor_bytes(&cursor, 5); /* first_kex_packet_follows and what is reserved */
	return !cursor.bad && cursor_at_end(&cursor);
}

static enum ssh_said read_packet(struct cursor *cursor, json_t *value, const char **ret_why) {
	struct cursor head = *cursor;
	size_t len = cursor_u32be(&head);
	if (head.bad)
		return SSH_MORE;
	if (len < 12 || len > SSH_PACKET_LARGEST)
		return not_ssh("the first packet's length cannot be", ret_why);
	const unsigned char *packet = cursor_bytes(&head, len);
	if (!packet)
		return SSH_MORE;
	size_t padding = packet[0];
	if (padding < 4 || padding + 2 > len || packet[1] != KEXINIT)
		return not_ssh("the first packet is no KEXINIT", ret_why);
	return read_lists(packet + 1, len - 1 - padding, value) ? SSH_WHOLE
								: not_ssh("a KEXINIT that does not parse", ret_why);
}

/* The next line without its end; NULL: cut, or *ret_is_long. */
static const unsigned char *read_line(struct cursor *cursor, size_t *ret_len, bool *ret_is_long) {
	size_t room = (size_t)(cursor->end - cursor->at);
	const unsigned char *end = memchr(cursor->at, '\n', room < SSH_LINE_LONGEST ? room : SSH_LINE_LONGEST);
	const unsigned char *line = cursor->at;
	*ret_is_long = !end && room >= SSH_LINE_LONGEST;
	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line) - (end > line && end[-1] == '\r');
	cursor->at = end + 1;
	return line;
}

static enum ssh_said read_banner(struct cursor *cursor, json_t *value, const char **ret_why) {
	for (int i = 0; i <= SSH_LINES_MOST; i++) {
		size_t len = 0;
		bool is_long;
		const unsigned char *line = read_line(cursor, &len, &is_long);
		if (!line)
			return is_long ? not_ssh("a line that is too long", ret_why) : SSH_MORE;
		if (len < 4 || memcmp(line, "SSH-", 4) != 0)
			continue;
		if ((len < 8 || memcmp(line, "SSH-2.0-", 8) != 0) && (len < 9 || memcmp(line, "SSH-1.99-", 9) != 0))
			return not_ssh("a server of another version than 2", ret_why);
		json_t *banner = json_textn((const char *)line, len);
		CLEANUP(free_ptr) char *text = xstrdup(json_string_value(banner));
		json_decref(banner);
		text_replace_controls(text);
		json_object_set_new(value, "banner", json_text(text));
		return SSH_WHOLE;
	}
	return not_ssh("no identification", ret_why);
}

enum ssh_said ssh_read(const void *data, size_t len, json_t **ret_value, const char **ret_why) {
	CLEANUP(json_decref_p) json_t *value = json_object();
	struct cursor cursor = cursor_over(data, len);
	if (len == 0)
		return SSH_MORE;
	enum ssh_said said = read_banner(&cursor, value, ret_why);
	if (said == SSH_WHOLE)
		said = read_packet(&cursor, value, ret_why);
	if (said == SSH_WHOLE)
		*ret_value = json_incref(value);
	return said;
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct probe_peer server;
	const char *why = "the server says too much";
	enum ssh_said said = SSH_MORE;
	if (!probe_peer_read(ask, ask->rest, strlen(ask->rest), NULL, &server, err) ||
	    !probe_dial(ask, &server, SOCK_STREAM, &socket, err))
		return false;
	uint64_t until = probe_until(ask, ANSWER_MS);
	if (!probe_send(ask, socket, IDENTIFICATION, strlen(IDENTIFICATION), until, err))
		return false;
	while (said == SSH_MORE && bytes.len < LARGEST) {
		size_t got = 0;
		if (!probe_receive(ask, socket, buf_room(&bytes, LARGEST - bytes.len), LARGEST - bytes.len, until, &got,
				   err))
			return false;
		if (got == 0)
			return err_set(err, ERR_MALFORMED, ask->name, "the server closes before its KEXINIT");
		bytes.len += got;
		said = ssh_read(bytes.data, bytes.len, &value, &why);
	}
	if (said != SSH_WHOLE)
		return err_set(err, ERR_MALFORMED, ask->name, "%s", why);
	return answer_json(ask, value, ret_answer, err);
}

const struct kind probe_ssh = {
	.prefix = "ssh:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};
