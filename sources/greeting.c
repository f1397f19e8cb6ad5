#include "sources/greeting.h"

#include <string.h>
#include <sys/socket.h>

#include "sources/hello.h"
#include "sources/talk.h"

#define QUESTION(name, text, reader)                                                                                   \
	{                                                                                                              \
		name, { text, sizeof text - 1, reader }                                                                \
	}
#define FIRST(reader) ((const struct talk_step){NULL, 0, reader})
#define SAY(text, reader) ((const struct talk_step){text, sizeof text - 1, reader})
#define TELNET_COMMAND 0xff /* IAC, RFC 854 */

static bool may_become(const char *data, size_t len, const char *text) {
	return !strncmp(data, text, len < strlen(text) ? len : strlen(text));
}

enum greeting greeting_class(const char *data, size_t len) {
	static const struct {
		const char *begin;
		enum greeting greeting;
	} texts[] = {
		{"SSH-", GREETING_SSH},  {"220 ", GREETING_MAIL_OR_FTP}, {"220-", GREETING_MAIL_OR_FTP},
		{"* OK", GREETING_IMAP}, {"* PREAUTH", GREETING_IMAP},   {"* BYE", GREETING_IMAP},
		{"+OK", GREETING_POP3},  {"RFB 00", GREETING_VNC},
	};
	if ((unsigned char)data[0] == TELNET_COMMAND)
		return GREETING_TELNET;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (may_become(data, len, texts[i].begin))
			return len >= strlen(texts[i].begin) ? texts[i].greeting : GREETING_MORE;
	switch (talk_mysql(data, len)) {
	case TALK_MORE:
		return GREETING_MORE;
	case TALK_OTHER:
		return GREETING_UNKNOWN;
	default:
		return GREETING_MYSQL;
	}
}

struct asking {
	const struct ask *ask;
	struct probe_peer peer;
	struct buf bytes; /* the last answer */
	json_t *value;
};

enum answer3 { NO, YES, CANNOT_SAY };

static void say(struct asking *at, const char *service, enum answer3 starttls, enum answer3 cleartext) {
	json_object_set_new(at->value, "service", service ? json_string(service) : json_null());
	json_object_set_new(at->value, "starttls", starttls == CANNOT_SAY ? json_null() : json_boolean(starttls));
	json_object_set_new(at->value, "cleartext", cleartext == CANNOT_SAY ? json_null() : json_boolean(cleartext));
}

/* It was there: that it refuses now does not make it absent. */
static bool dial(struct asking *at, int *ret_socket, struct err *err) {
	struct err why;
	if (probe_dial(at->ask, &at->peer, SOCK_STREAM, ret_socket, &why))
		return true;
	return err_set(err, why.code == ERR_ABSENT ? ERR_UNPROVED : why.code, at->ask->name,
		       "it answered before, and now: %s", why.why);
}

/* A conversation over a new connection; what the last step came to. Silence and whatever breaks it off is no answer. */
static bool converse(struct asking *at, const struct talk_step *steps, size_t count, enum talk_said *ret_said,
		     struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	struct err quiet;
	if (!ask_in_time(at->ask, err) || !dial(at, &socket, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		/* The first words may be slow in coming: a server looks up who is there. */
		uint64_t until = probe_until(at->ask, steps[i].say ? GREETING_MS : 4 * GREETING_MS);
		if (!talk_step(at->ask, socket, &steps[i], until, &at->bytes, ret_said, &quiet))
			*ret_said = TALK_OTHER;
		if (*ret_said == TALK_OTHER || (*ret_said == TALK_NO && i + 1 < count)) {
			*ret_said = i + 1 < count ? TALK_OTHER : *ret_said;
			return true;
		}
	}
	return true;
}

static bool has(const struct asking *at, const char *word) {
	return talk_has_word(at->bytes.data, at->bytes.len, word);
}

/* EHLO's or LHLO's answer: the passwords of PLAIN and LOGIN are as they were typed. */
static void say_mail(struct asking *at, const char *service) {
	bool takes = has(at, "AUTH") && (has(at, "PLAIN") || has(at, "LOGIN"));
	say(at, service, has(at, "STARTTLS") ? YES : NO, takes ? YES : NO);
}

static bool ask_mail_or_ftp(struct asking *at, struct err *err) {
	const struct talk_step smtp[] = {FIRST(talk_code), SAY("EHLO vouch.invalid\r\n", talk_code)};
	const struct talk_step lmtp[] = {FIRST(talk_code), SAY("LHLO vouch.invalid\r\n", talk_code)};
	const struct talk_step ftp[] = {FIRST(talk_code), SAY("AUTH TLS\r\n", talk_code)};
	enum talk_said said;
	if (!converse(at, smtp, ARRAY_LEN(smtp), &said, err))
		return false;
	if (said == TALK_YES) {
		say_mail(at, "smtp");
		return true;
	}
	if (!converse(at, lmtp, ARRAY_LEN(lmtp), &said, err))
		return false;
	if (said == TALK_YES) {
		say_mail(at, "lmtp");
		return true;
	}
	if (!converse(at, ftp, ARRAY_LEN(ftp), &said, err))
		return false;
	if (said == TALK_YES)
		say(at, "ftp", YES, CANNOT_SAY);
	else if (said == TALK_NO)
		say(at, "ftp", NO, YES);
	return true;
}

static bool ask_imap(struct asking *at, struct err *err) {
	const struct talk_step steps[] = {FIRST(talk_imap_greeting), SAY("a CAPABILITY\r\n", talk_imap_answer)};
	enum talk_said said;
	if (!converse(at, steps, ARRAY_LEN(steps), &said, err))
		return false;
	bool has_tls = has(at, "STARTTLS");
	if (said == TALK_YES)
		say(at, "imap", has_tls ? YES : NO, has(at, "LOGINDISABLED") ? NO : has_tls ? CANNOT_SAY : YES);
	return true;
}

static bool ask_pop3(struct asking *at, struct err *err) {
	const struct talk_step steps[] = {FIRST(talk_pop3), SAY("CAPA\r\n", talk_pop3_list)};
	enum talk_said said;
	if (!converse(at, steps, ARRAY_LEN(steps), &said, err))
		return false;
	bool has_tls = said == TALK_YES && has(at, "STLS");
	bool takes = said == TALK_NO || has(at, "USER") || has(at, "PLAIN") || has(at, "LOGIN");
	if (said != TALK_OTHER)
		say(at, "pop3", has_tls ? YES : NO, !takes ? NO : has_tls ? CANNOT_SAY : YES);
	return true;
}

static bool ask_mysql(struct asking *at, struct err *err) {
	enum talk_said said;
	if (!converse(at, &FIRST(talk_mysql), 1, &said, err))
		return false;
	if (said != TALK_OTHER)
		say(at, "mysql", said == TALK_YES ? YES : NO, said == TALK_YES ? CANNOT_SAY : YES);
	return true;
}

static enum talk_said read_tls(const char *data, size_t len) {
	uint16_t number = 0;
	switch (hello_read(data, len, &number)) {
	case HELLO_MORE:
		return TALK_MORE;
	case HELLO_NOT_TLS:
		return TALK_OTHER;
	default:
		return TALK_YES;
	}
}

static enum talk_said read_http(const char *data, size_t len) {
	if (!may_become(data, len, "HTTP/"))
		return TALK_OTHER;
	return len < 5 ? TALK_MORE : TALK_YES;
}

static enum talk_said read_redis(const char *data, size_t len) {
	static const char *const answers[] = {"+PONG\r\n", "-NOAUTH ", "-DENIED Redis"};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (may_become(data, len, answers[i]))
			return len < strlen(answers[i]) ? TALK_MORE : TALK_YES;
	return TALK_OTHER;
}

/* The answer to the question below: its length, number, and the bit that makes it an answer (RFC 1035 4.1.1). */
static enum talk_said read_dns(const char *data, size_t len) {
	const unsigned char *bytes = (const unsigned char *)data;
	if (len < 5)
		return TALK_MORE;
	bool is_answer = (bytes[0] << 8 | bytes[1]) >= 12 && bytes[2] == 0x76 && bytes[3] == 0x6f && bytes[4] & 0x80;
	return is_answer ? TALK_YES : TALK_OTHER;
}

static bool ask_tls(struct asking *at, enum talk_said *ret_said, struct err *err) {
	CLEANUP(buf_done) struct buf hello = {0};
	uint8_t random[HELLO_RANDOM];
	probe_random(random, sizeof random);
	hello_write(0x0303, probe_is_address(at->peer.host) ? NULL : at->peer.host, random, &hello);
	const struct talk_step step = {hello.data, hello.len, read_tls};
	return converse(at, &step, 1, ret_said, err);
}

/* What waits to be spoken to. HTTP before what has lines too: it says what it is to any line, others only wait. */
static bool ask_silent(struct asking *at, struct err *err) {
	static const struct {
		const char *service;
		struct talk_step step;
		enum answer3 yes_cleartext; /* where it agrees to TLS: starttls; else passwords are in the clear */
		bool has_tls;
	} questions[] = {
		{"http", {"OPTIONS * HTTP/1.0\r\n\r\n", 22, read_http}, CANNOT_SAY, false},
		{"postgres", {"\0\0\0\x08\x04\xd2\x16\x2f", 8, talk_postgres}, CANNOT_SAY, true},
		{"redis", {"PING\r\n", 6, read_redis}, YES, false},
		{"ldap",
		 {"\x30\x1d\2\1\1\x77\x18\x80\x16"
		  "1.3.6.1.4.1.1466.20037",
		  31, talk_ldap},
		 CANNOT_SAY,
		 true},
		{"dns", {"\0\x11vo\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1", 19, read_dns}, CANNOT_SAY, false},
	};
	enum talk_said said;
	if (!ask_tls(at, &said, err))
		return false;
	if (said == TALK_YES) {
		say(at, "tls", CANNOT_SAY, NO);
		return true;
	}
	if (at->bytes.len > 0 && read_http(at->bytes.data, at->bytes.len) == TALK_YES) {
		say(at, "http", CANNOT_SAY, CANNOT_SAY);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		if (!converse(at, &questions[i].step, 1, &said, err))
			return false;
		if (said == TALK_OTHER)
			continue;
		bool agrees = said == TALK_YES;
		say(at, questions[i].service,
		    !questions[i].has_tls ? CANNOT_SAY
		    : agrees              ? YES
					  : NO,
		    agrees ? questions[i].yes_cleartext : YES);
		return true;
	}
	return true;
}

/* What it says unasked; nothing is UNKNOWN with no bytes. */
static bool hear(struct asking *at, enum greeting *ret_greeting, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	struct err quiet;
	*ret_greeting = GREETING_MORE;
	if (!probe_dial(at->ask, &at->peer, SOCK_STREAM, &socket, err))
		return false;
	uint64_t until = probe_until(at->ask, GREETING_MS);
	while (*ret_greeting == GREETING_MORE && at->bytes.len < TALK_LARGEST) {
		size_t got = 0, room = TALK_LARGEST - at->bytes.len;
		if (!probe_receive(at->ask, socket, buf_room(&at->bytes, room), room, until, &got, &quiet) || got == 0)
			break;
		at->bytes.len += got;
		*ret_greeting = greeting_class(at->bytes.data, at->bytes.len);
	}
	return true;
}

static bool classify(struct asking *at, struct err *err) {
	enum greeting greeting;
	say(at, NULL, CANNOT_SAY, CANNOT_SAY);
	if (!hear(at, &greeting, err))
		return false;
	switch (greeting) {
	case GREETING_SSH:
		say(at, "ssh", CANNOT_SAY, NO);
		return true;
	case GREETING_TELNET:
		say(at, "telnet", CANNOT_SAY, YES);
		return true;
	case GREETING_VNC:
		say(at, "vnc", CANNOT_SAY, CANNOT_SAY);
		return true;
	case GREETING_MAIL_OR_FTP:
		return ask_mail_or_ftp(at, err);
	case GREETING_IMAP:
		return ask_imap(at, err);
	case GREETING_POP3:
		return ask_pop3(at, err);
	case GREETING_MYSQL:
		return ask_mysql(at, err);
	default:
		return at->bytes.len > 0 || ask_silent(at, err);
	}
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = json_object();
	struct asking at = {.ask = ask, .value = value};
	bool is_told = probe_peer_read(ask, ask->rest, strlen(ask->rest), NULL, &at.peer, err) && classify(&at, err);
	buf_done(&at.bytes);
	return is_told && answer_json(ask, value, ret_answer, err);
}

const struct kind probe_greeting = {.prefix = "greeting:",
				    .deadline_ms = PROBE_DEADLINE_MS,
				    .helper = HELPER_PROBER,
				    .is_slow = true,
				    .look = look};
