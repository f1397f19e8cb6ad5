/* The probe greeting: against small servers that say what real ones do, and the words before TLS that it reads. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/greeting.h"
#include "sources/talk.h"
#include "tests/unit/peers.h"

/* What a server says first, and its answers to what begins so. Lengths, because some of it is no text. */
struct line {
	const char *begins, *answer;
	size_t len;
};
struct script {
	const char *first;
	size_t first_len;
	struct line lines[4];
};
#define FIRST(text) .first = text, .first_len = sizeof text - 1
#define LINE(begins, text)                                                                                             \
	{ begins, text, sizeof text - 1 }

static const struct line *answer_to(const struct script *script, const char *asked) {
	for (size_t i = 0; i < ARRAY_LEN(script->lines) && script->lines[i].begins; i++)
		if (!memcmp(asked, script->lines[i].begins, strlen(script->lines[i].begins)))
			return &script->lines[i];
	return NULL;
}

/* What it does not know ends the connection. */
static void play(int connection, const void *context) {
	const struct script *script = context;
	const struct line *line;
	char asked[2048];
	if (script->first && write(connection, script->first, script->first_len) < 0)
		return;
	while (read(connection, asked, sizeof asked) > 0)
		if (!(line = answer_to(script, asked)) || write(connection, line->answer, line->len) < 0)
			return;
}

static void is_told(const struct script *script, const char *expected) {
	struct peer peer = peer_stream(play, script);
	CLEANUP(free_ptr) char *name = xasprintf("greeting:127.0.0.1:%d", peer.port);
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_greeting, name);
	peer_stop(&peer);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(json_canonical(value, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

#define TOLD(cleartext, service, starttls)                                                                             \
	"{\"cleartext\":" cleartext ",\"service\":" service ",\"starttls\":" starttls "}"

static void server_that_speaks_first_is_known_by_it(void **state) {
	is_told(&(const struct script){FIRST("SSH-2.0-x\r\n")}, TOLD("false", "\"ssh\"", "null"));
	is_told(&(const struct script){FIRST("\xff\xfd\x18")}, TOLD("true", "\"telnet\"", "null"));
	is_told(&(const struct script){FIRST("RFB 003.008\n")}, TOLD("null", "\"vnc\"", "null"));
	is_told(&(const struct script){FIRST("hello\r\n")}, TOLD("null", "null", "null"));
	is_told(&(const struct script){FIRST("SSH")}, TOLD("null", "null", "null"));
}

static void mail_says_whether_passwords_come_before_tls(void **state) {
	is_told(&(const struct script){FIRST("220-a\r\n220 b\r\n"),
				       {LINE("EHLO", "250-a\r\n250-STARTTLS\r\n250 8BITMIME\r\n")}},
		TOLD("false", "\"smtp\"", "true"));
	is_told(&(const struct script){FIRST("220 b\r\n"), {LINE("EHLO", "250-STARTTLS\r\n250 AUTH=LOGIN\r\n")}},
		TOLD("true", "\"smtp\"", "true"));
	is_told(&(const struct script){FIRST("220 b\r\n"), {LINE("EHLO", "250-a\r\n250 AUTH GSSAPI\r\n")}},
		TOLD("false", "\"smtp\"", "false"));
	is_told(&(const struct script){FIRST("220 b\r\n"),
				       {LINE("EHLO", "500 no\r\n"), LINE("LHLO", "250 AUTH PLAIN\r\n")}},
		TOLD("true", "\"lmtp\"", "false"));
	is_told(&(const struct script){FIRST("* OK\r\n"),
				       {LINE("a CAP", "* CAPABILITY STARTTLS LOGINDISABLED\r\na OK x\r\n")}},
		TOLD("false", "\"imap\"", "true"));
	is_told(&(const struct script){FIRST("* OK\r\n"), {LINE("a CAP", "* CAPABILITY STARTTLS\r\na OK x\r\n")}},
		TOLD("null", "\"imap\"", "true"));
	is_told(&(const struct script){FIRST("* OK\r\n"), {LINE("a CAP", "* CAPABILITY AUTH=PLAIN\r\na OK x\r\n")}},
		TOLD("true", "\"imap\"", "false"));
	is_told(&(const struct script){FIRST("+OK x\r\n"), {LINE("CAPA", "+OK\r\nSTLS\r\n.\r\n")}},
		TOLD("false", "\"pop3\"", "true"));
	is_told(&(const struct script){FIRST("+OK x\r\n"), {LINE("CAPA", "+OK\r\nUSER\r\nSTLS\r\n.\r\n")}},
		TOLD("null", "\"pop3\"", "true"));
	is_told(&(const struct script){FIRST("+OK x\r\n"), {LINE("CAPA", "-ERR\r\n")}},
		TOLD("true", "\"pop3\"", "false"));
}

static void ftp_is_told_from_mail_by_what_it_refuses(void **state) {
	is_told(&(const struct script){FIRST("220 b\r\n"),
				       {LINE("EHLO", "530 login\r\n"), LINE("LHLO", "530 login\r\n"),
					LINE("AUTH", "234 go\r\n")}},
		TOLD("null", "\"ftp\"", "true"));
	is_told(&(const struct script){FIRST("220 b\r\n"),
				       {LINE("EHLO", "530 login\r\n"), LINE("LHLO", "530 login\r\n"),
					LINE("AUTH", "530 no\r\n")}},
		TOLD("true", "\"ftp\"", "false"));
}

static void mysql_says_in_its_first_packet_whether_it_has_tls(void **state) {
#define MYSQL(flags)                                                                                                   \
	"\x20\0\0\0\x0a"                                                                                               \
	"5.7\0"                                                                                                        \
	"\1\0\0\0"                                                                                                     \
	"saltsalt"                                                                                                     \
	"\0" flags "\0\0\0\0\0\0\0\0\0\0\0\0\0"
	is_told(&(const struct script){FIRST(MYSQL("\xff\xff"))}, TOLD("null", "\"mysql\"", "true"));
	is_told(&(const struct script){FIRST(MYSQL("\xff\xf7"))}, TOLD("true", "\"mysql\"", "false"));
}

static void server_that_waits_is_known_by_its_answer(void **state) {
	is_told(&(const struct script){.lines = {LINE("\x16", "HTTP/1.1 400 Bad Request\r\n\r\n")}},
		TOLD("null", "\"http\"", "null"));
	is_told(&(const struct script){.lines = {LINE("OPTIONS", "HTTP/1.0 200 OK\r\n\r\n")}},
		TOLD("null", "\"http\"", "null"));
	is_told(&(const struct script){.lines = {LINE("\x16", "\x15\3\1\0\2\2\x28")}},
		TOLD("false", "\"tls\"", "null"));
	is_told(&(const struct script){.lines = {LINE("PING", "-NOAUTH Authentication required.\r\n")}},
		TOLD("true", "\"redis\"", "null"));
	is_told(&(const struct script){.lines = {LINE("\x30", "\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0")}},
		TOLD("null", "\"ldap\"", "true"));
	is_told(&(const struct script){.lines = {LINE("\x30", "\x30\x0c\2\1\1\x78\7\x0a\1\2\4\0\4\0")}},
		TOLD("true", "\"ldap\"", "false"));
}

/* What begins with NUL cannot be told apart by a text that begins so. */
static void answer_to_nul(int connection, const void *context) {
	unsigned char asked[2048];
	const char *at = context;
	while (read(connection, asked, sizeof asked) > 0)
		if (asked[0] != 0 || (asked[1] != at[0] && asked[3] != at[0]) ||
		    write(connection, at + 2, (size_t)at[1]) < 0)
			return;
}

static void database_and_names_answer_in_bytes(void **state) {
	static const struct {
		const char *context, *expected;
	} cases[] = {
		{"\x08\1S", TOLD("null", "\"postgres\"", "true")},
		{"\x08\1N", TOLD("true", "\"postgres\"", "false")},
		{"\x11\x0e\0\x0cvo\x81\x80\0\1\0\0\0\0\0\0", TOLD("null", "\"dns\"", "null")},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer peer = peer_stream(answer_to_nul, cases[i].context);
		CLEANUP(free_ptr) char *name = xasprintf("greeting:127.0.0.1:%d", peer.port);
		CLEANUP(json_decref_p) json_t *value = probe_json(&probe_greeting, name);
		peer_stop(&peer);
		CLEANUP(buf_done) struct buf text = {0};
		struct err err;
		assert_true(json_canonical(value, &text, &err));
		assert_string_equal(buf_str(&text), cases[i].expected);
	}
}

static void where_nothing_listens_nothing_is_there(void **state) {
	CLEANUP(free_ptr) char *name = xasprintf("greeting:127.0.0.1:%d", peer_free_port(SOCK_STREAM));
	probe_fails(&probe_greeting, name, PROBE_DEADLINE_MS, ERR_ABSENT, "connect");
	probe_fails(&probe_greeting, "greeting:127.0.0.1", PROBE_DEADLINE_MS, ERR_UNREADABLE, "HOST:PORT");
}

/* Each whole answer, and what it is of any part of it: more, never yes or no. */
static void part_of_an_answer_says_nothing(void **state) {
#define ANSWER(reader, said, text)                                                                                     \
	{ reader, said, text, sizeof text - 1 }
	static const struct {
		talk_reader *read;
		enum talk_said said;
		const char *text;
		size_t len;
	} answers[] = {
		ANSWER(talk_code, TALK_YES, "250-a\r\n250-b\r\n250 c\r\n"),
		ANSWER(talk_code, TALK_NO, "530 x\r\n"),
		ANSWER(talk_imap_greeting, TALK_YES, "* PREAUTH x\r\n"),
		ANSWER(talk_imap_answer, TALK_YES, "* CAPABILITY\r\na OK\r\n"),
		ANSWER(talk_imap_answer, TALK_NO, "a BAD\r\n"),
		ANSWER(talk_pop3, TALK_NO, "-ERR\r\n"),
		ANSWER(talk_pop3_list, TALK_YES, "+OK\r\nSTLS\r\n.\r\n"),
		ANSWER(talk_ldap, TALK_YES, "\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0"),
		ANSWER(talk_ldap, TALK_NO, "\x30\x84\0\0\0\x10\2\1\1\x78\x84\0\0\0\7\x0a\1\2\4\0\4\0"),
		ANSWER(talk_mysql, TALK_YES, MYSQL("\0\x08")),
	};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		assert_int_equal(answers[i].read(answers[i].text, answers[i].len), answers[i].said);
		for (size_t len = 0; len + 1 < answers[i].len; len++) {
			/* Bytes of their own, so that reading over the end is seen. */
			CLEANUP(buf_done) struct buf part = {0};
			buf_add(&part, answers[i].text, len);
			if (answers[i].read(part.data, len) != TALK_MORE &&
			    !(len + 2 == answers[i].len && answers[i].text[len] == '\r'))
				fail_msg("answer %zu cut at %zu is %d", i, len, answers[i].read(part.data, len));
		}
	}
	assert_int_equal(talk_code("25x", 3), TALK_OTHER);
	assert_int_equal(talk_postgres("SS", 2), TALK_OTHER);
	assert_false(talk_has_word("250 XSTARTTLS", 13, "STARTTLS"));
	assert_true(talk_has_word("250-starttls\r\n", 14, "STARTTLS"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_that_speaks_first_is_known_by_it),
		cmocka_unit_test(mail_says_whether_passwords_come_before_tls),
		cmocka_unit_test(ftp_is_told_from_mail_by_what_it_refuses),
		cmocka_unit_test(mysql_says_in_its_first_packet_whether_it_has_tls),
		cmocka_unit_test(server_that_waits_is_known_by_its_answer),
		cmocka_unit_test(database_and_names_answer_in_bytes),
		cmocka_unit_test(where_nothing_listens_nothing_is_there),
		cmocka_unit_test(part_of_an_answer_says_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
