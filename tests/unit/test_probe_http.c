/* The probe http: against small servers, one of which is a proxy. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/hash.h"
#include "tests/unit/peers.h"

static char *name_of(const struct peer *peer, const char *path) {
	return xasprintf("http:http://127.0.0.1:%d%s", peer->port, path);
}

static void answers(const struct peer *peer, const char *path, const char *expected) {
	CLEANUP(free_ptr) char *name = name_of(peer, path);
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_http, name);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(json_canonical(value, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* SHA-256 of "hello" */
static void status_headers_and_body_are_told(void **state) {
	static const char text[] =
		"HTTP/1.1 100 Continue\r\nServer: interim\r\n\r\n"
		"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nSERVER:  a\r\nServer: b\r\n"
		"Set-Cookie: secret\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello";
	struct peer peer = peer_stream(peer_says, text);
	answers(&peer, "/a?b=c",
		"{\"body_len\":5,\"body_sha256\":\"" HELLO
		"\",\"headers\":{\"location\":\"http://other.example/\",\"server\":"
		"\"a, b\"},\"proxy_status\":null,\"status\":302}");
	peer_stop(&peer);
}

struct sized {
	size_t body;
};

static void says_sized(int connection, const void *context) {
	const struct sized *sized = context;
	char request[4096], body[65536];
	memset(body, 'x', sizeof body);
	if (read(connection, request, sizeof request) <= 0)
		return;
	dprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", sized->body);
	for (size_t left = sized->body; left > 0;) {
		ssize_t sent = write(connection, body, left < sizeof body ? left : sizeof body);
		if (sent <= 0)
			return;
		left -= (size_t)sent;
	}
}

static void body_over_the_cap_is_left_out(void **state) {
	static const struct sized sizes[] = {{65536}, {65537}, {20U << 20}};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct peer peer = peer_stream(says_sized, &sizes[i]);
		CLEANUP(free_ptr) char *name = name_of(&peer, "/");
		CLEANUP(json_decref_p) json_t *value = probe_json(&probe_http, name);
		peer_stop(&peer);
		assert_int_equal(json_integer_value(json_object_get(value, "status")), 200);
		if (i == 0)
			assert_int_equal(json_integer_value(json_object_get(value, "body_len")), 65536);
		else
			assert_true(json_is_null(json_object_get(value, "body_len")) &&
				    json_is_null(json_object_get(value, "body_sha256")));
	}
}

static void says_endless_headers(int connection, const void *context) {
	dprintf(connection, "HTTP/1.1 200 OK\r\n");
	while (dprintf(connection, "Server: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n") > 0)
		continue;
}

static void what_is_no_http_is_an_error_of_its_kind(void **state) {
	static const struct {
		void (*serve)(int connection, const void *context);
		const char *context;
		enum err_code code;
		const char *why;
	} cases[] = {
		{peer_closes, NULL, ERR_MALFORMED, ""},
		{peer_says, "SSH-2.0-x\r\n", ERR_MALFORMED, ""},
		{peer_says, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", ERR_MALFORMED, ""},
		{peer_says, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ERR_MALFORMED, ""},
		{peer_floods, "a", ERR_MALFORMED, ""},
		{says_endless_headers, NULL, ERR_UNREADABLE, "more than 65536 bytes of headers"},
		{peer_drips, "HTTP/1.1 200 OK\r\nServer: a", ERR_TIMEOUT, ""},
		{peer_says_nothing, NULL, ERR_TIMEOUT, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer peer = peer_stream(cases[i].serve, cases[i].context);
		CLEANUP(free_ptr) char *name = name_of(&peer, "/");
		struct err err = {0};
		CLEANUP(answer_done) struct answer answer = {0};
		if (probe_now(&probe_http, name, cases[i].code == ERR_TIMEOUT ? 500 : 8000, &answer, &err))
			fail_msg("case %zu: %s", i, buf_str(&answer.bytes));
		if (err.code != cases[i].code || !strstr(err.why, cases[i].why))
			fail_msg("case %zu: %s: %s", i, err_code_name(err.code), err.why);
		peer_stop(&peer);
	}
}

static void no_variable_of_the_environment_leads_elsewhere(void **state) {
	struct peer peer = peer_stream(peer_says, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	CLEANUP(free_ptr) char *name = name_of(&peer, "/");
	json_decref(probe_json(&probe_http, name));
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	peer_stop(&peer);
}

/* Says what it was asked for. */
static void is_proxy(int connection, const void *context) {
	char request[4096] = "";
	ssize_t got = read(connection, request, sizeof request - 1);
	if (got > 0 && !strncmp(request, "CONNECT blocked.example:443 ", 28))
		dprintf(connection, "HTTP/1.1 403 Forbidden\r\nServer: squid\r\nContent-Length: 0\r\n\r\n");
	else if (got > 0 && !strncmp(request, "GET http://some.example/ ", 25))
		dprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void proxy_is_asked_and_what_it_blocks_is_told(void **state) {
	struct peer peer = peer_stream(is_proxy, NULL);
	CLEANUP(free_ptr) char *plain = xasprintf("http:http://some.example/?via=127.0.0.1:%d", peer.port);
	CLEANUP(free_ptr) char *blocked = xasprintf("http:https://blocked.example/?via=127.0.0.1:%d", peer.port);
	CLEANUP(json_decref_p) json_t *one = probe_json(&probe_http, plain), *other = probe_json(&probe_http, blocked);
	peer_stop(&peer);
	assert_int_equal(json_integer_value(json_object_get(one, "status")), 200);
	assert_string_equal(json_string_value(json_object_get(one, "body_sha256")), HELLO);
	assert_true(json_is_null(json_object_get(other, "status")));
	assert_true(json_is_null(json_object_get(other, "body_sha256")));
	assert_int_equal(json_integer_value(json_object_get(other, "proxy_status")), 403);
}

static void closed_port_is_absent_and_a_name_without_address_unproved(void **state) {
	CLEANUP(free_ptr) char *name = xasprintf("http:http://127.0.0.1:%d/", peer_free_port(SOCK_STREAM));
	probe_fails(&probe_http, name, 5000, ERR_ABSENT, "");
	probe_fails(&probe_http, "http:http://no-such-host.invalid/", 5000, ERR_UNPROVED, "no-such-host.invalid");
}

static void names_that_are_none_are_refused(void **state) {
	static const char *const names[] = {"http:",
					    "http:127.0.0.1",
					    "http:ftp://127.0.0.1/",
					    "http:file:///etc/passwd",
					    "http:http://user@127.0.0.1/",
					    "http:http://127.0.0.1#@other/",
					    "http:http://127.0.0.1/?via=",
					    "http:http://127.0.0.1/?via=a b",
					    "http:http://127.0.0.1\\@other/"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		probe_fails(&probe_http, names[i], 1000, ERR_UNREADABLE, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_headers_and_body_are_told),
		cmocka_unit_test(body_over_the_cap_is_left_out),
		cmocka_unit_test(what_is_no_http_is_an_error_of_its_kind),
		cmocka_unit_test(no_variable_of_the_environment_leads_elsewhere),
		cmocka_unit_test(proxy_is_asked_and_what_it_blocks_is_told),
		cmocka_unit_test(closed_port_is_absent_and_a_name_without_address_unproved),
		cmocka_unit_test(names_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
