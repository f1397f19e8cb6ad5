/* The probe tls: against OpenSSL's own server, and against what is no server at all. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/hello.h"
#include "sources/tls.h"
#include "tests/unit/peers.h"
#include "tests/unit/scratch.h"

#define OPENSSL "/usr/bin/openssl"
#define OPTIONS_MOST 16

struct kit {
	char *folder, *key, *certificate, *ca, *ca_key, *request, *extensions;
};

static void run(const char *const argv[]) {
	struct peer program = peer_program(0, argv);
	int status = 0;
	assert_int_equal(waitpid(program.process, &status, 0), program.process);
	if (status != 0)
		fail_msg("%s %s: status %d", argv[0], argv[1], status);
}

/* A CA, and a certificate of its for "localhost" and 127.0.0.1. */
static int make_kit(void **state) {
	struct kit *kit = xcalloc(1, sizeof *kit);
	kit->folder = scratch_new();
	kit->key = file_join(kit->folder, "key.pem");
	kit->certificate = file_join(kit->folder, "certificate.pem");
	kit->ca = file_join(kit->folder, "ca.pem");
	kit->ca_key = file_join(kit->folder, "ca-key.pem");
	kit->request = file_join(kit->folder, "request.pem");
	kit->extensions = file_join(kit->folder, "extensions");
	scratch_put(kit->folder, "extensions", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
	run((const char *const[]){OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=The CA",
				  "-days", "7", "-keyout", kit->ca_key, "-out", kit->ca, NULL});
	run((const char *const[]){OPENSSL, "req", "-newkey", "rsa:2048", "-nodes", "-subj",
				  "/O=Ex\xc3\xa4mple/CN=server", "-utf8", "-keyout", kit->key, "-out", kit->request,
				  NULL});
	run((const char *const[]){OPENSSL, "x509", "-req", "-in", kit->request, "-CA", kit->ca, "-CAkey", kit->ca_key,
				  "-CAcreateserial", "-days", "7", "-extfile", kit->extensions, "-out",
				  kit->certificate, NULL});
	*state = kit;
	return 0;
}

static int drop_kit(void **state) {
	struct kit *kit = *state;
	scratch_free(&kit->folder);
	free(kit->key);
	free(kit->certificate);
	free(kit->ca);
	free(kit->ca_key);
	free(kit->request);
	free(kit->extensions);
	free(kit);
	return 0;
}

/* `openssl s_server` with these options. */
static struct peer serve(const struct kit *kit, const char *const options[]) {
	int port = peer_free_port(SOCK_STREAM);
	CLEANUP(free_ptr) char *address = xasprintf("127.0.0.1:%d", port);
	const char *argv[OPTIONS_MOST + 10] = {OPENSSL,  "s_server", "-accept",        address, "-key",
					       kit->key, "-cert",    kit->certificate, "-quiet"};
	for (size_t i = 0; options[i]; i++)
		argv[9 + i] = options[i];
	struct peer peer = peer_program(port, argv);
	peer_wait(&peer);
	return peer;
}

static char *name_of(const struct peer *peer, const char *query) {
	return xasprintf("tls:127.0.0.1:%d%s", peer->port, query);
}

static void look_into(const char *name, const char *cas, json_t **ret_value) {
	struct err err = {0};
	char text[600];
	CLEANUP(answer_done) struct answer answer = {0};
	struct ask ask = {.name = name, .rest = name + 4, .deadline_us = time_us() + PROBE_DEADLINE_MS * 1000};
	if (!tls_look(&ask, cas, &answer, &err) ||
	    !json_read(answer.bytes.data, answer.bytes.len, SOURCE_LARGEST, name, ret_value, &err))
		fail_msg("%s", err_text(&err, text, sizeof text));
}

static const char *text_at(const json_t *value, const char *member) {
	return json_string_value(json_object_get(value, member));
}

/* "1", "0" and "-" for offered, refused and unknown, from SSLv3 to TLSv1.3. */
static void versions_are(const json_t *value, const char *expected) {
	char seen[HELLO_VERSIONS + 1] = "";
	for (size_t i = 0; i < HELLO_VERSIONS; i++) {
		const json_t *offered =
			json_object_get(json_object_get(value, "versions"), hello_version_name(hello_versions[i]));
		assert_non_null(offered);
		seen[i] = json_is_null(offered) ? '-' : json_is_true(offered) ? '1' : '0';
	}
	assert_string_equal(seen, expected);
}

static void modern_server_offers_two_versions_and_refuses_three(void **state) {
	const struct kit *kit = *state;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct peer peer = serve(kit, (const char *const[]){"-groups", "P-256", NULL});
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	look_into(name, kit->ca, &value);
	peer_stop(&peer);
	versions_are(value, "00011");
	assert_true(json_is_true(json_object_get(value, "handshake")));
	assert_string_equal(text_at(value, "cipher"), "TLS_AES_256_GCM_SHA384");
	assert_string_equal(text_at(value, "group"), "secp256r1");
	assert_string_equal(text_at(value, "verify"), "ok");
}

static void certificate_is_told_in_full(void **state) {
	const struct kit *kit = *state;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct peer peer = serve(kit, (const char *const[]){NULL});
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	look_into(name, kit->ca, &value);
	peer_stop(&peer);
	const json_t *leaf = json_array_get(json_object_get(value, "certificates"), 0);
	assert_string_equal(text_at(leaf, "subject"), "CN=server,O=Ex\xc3\xa4mple");
	assert_string_equal(text_at(leaf, "issuer"), "CN=The CA");
	assert_string_equal(text_at(leaf, "key_type"), "RSA");
	assert_int_equal(json_integer_value(json_object_get(leaf, "key_bits")), 2048);
	assert_string_equal(text_at(leaf, "signature"), "sha256WithRSAEncryption");
	assert_int_equal(strlen(text_at(leaf, "sha256")), 64);
	assert_int_equal(strlen(text_at(leaf, "notAfter")), 20);
	CLEANUP(json_decref_p) json_t *names = json_pack("[s,s]", "DNS:localhost", "IP:127.0.0.1");
	assert_true(json_equal(json_object_get(leaf, "names"), names));
}

static void verification_fails_for_another_name_and_for_a_stranger_ca(void **state) {
	const struct kit *kit = *state;
	static const struct {
		const char *query;
		bool knows_ca;
		const char *verify, *chain;
	} cases[] = {{"?sni=localhost", true, "ok", "ok"},
		     {"?sni=other.example", true, "hostname mismatch", "ok"},
		     {"", false, "unable to get local issuer certificate", "unable to get local issuer certificate"}};
	struct peer peer = serve(kit, (const char *const[]){NULL});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(json_decref_p) json_t *value = NULL;
		CLEANUP(free_ptr) char *name = name_of(&peer, cases[i].query);
		/* Its own certificate as a CA is a stranger's. */
		look_into(name, cases[i].knows_ca ? kit->ca : kit->ca_key, &value);
		if (cases[i].knows_ca)
			assert_string_equal(text_at(value, "verify"), cases[i].verify);
		if (cases[i].knows_ca)
			assert_string_equal(text_at(value, "chain"), cases[i].chain);
		else
			assert_true(json_is_null(json_object_get(value, "verify")));
	}
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	CLEANUP(free_ptr)
	char *other = file_join(kit->folder, "other.pem"), *key = file_join(kit->folder, "other-key.pem");
	run((const char *const[]){OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Stranger",
				  "-keyout", key, "-out", other, NULL});
	look_into(name, other, &value);
	peer_stop(&peer);
	assert_string_equal(text_at(value, "verify"), cases[2].verify);
}

static void old_versions_are_seen_though_the_library_would_not_speak_them(void **state) {
	static const struct {
		const char *option, *versions;
	} cases[] = {{"-tls1", "01000"}, {"-tls1_1", "00100"}, {"-tls1_2", "00010"}, {"-tls1_3", "00001"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(json_decref_p) json_t *value = NULL;
		struct peer peer =
			serve(*state, (const char *const[]){cases[i].option, "-cipher", "ALL:@SECLEVEL=0", NULL});
		CLEANUP(free_ptr) char *name = name_of(&peer, "");
		look_into(name, NULL, &value);
		peer_stop(&peer);
		versions_are(value, cases[i].versions);
		assert_int_equal(json_array_size(json_object_get(value, "certificates")), 1);
	}
}

static void server_that_wants_a_client_certificate_still_shows_its_own(void **state) {
	const struct kit *kit = *state;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct peer peer = serve(kit, (const char *const[]){"-tls1_2", "-Verify", "1", "-verify_return_error", NULL});
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	look_into(name, kit->ca, &value);
	peer_stop(&peer);
	versions_are(value, "00010");
	assert_true(json_is_false(json_object_get(value, "handshake")));
	assert_string_equal(text_at(value, "verify"), "ok");
	assert_int_equal(json_array_size(json_object_get(value, "certificates")), 1);
}

static void what_is_no_tls_is_an_error_of_its_kind(void **state) {
	static const struct {
		void (*serve)(int connection, const void *context);
		const char *context;
		enum err_code code;
		const char *why;
	} cases[] = {
		{peer_closes, NULL, ERR_MALFORMED, "does not speak TLS"},
		{peer_says, "HTTP/1.1 400 Bad Request\r\n\r\n", ERR_MALFORMED, "does not speak TLS"},
		{peer_says, "\x15\x03\x01", ERR_MALFORMED, "does not speak TLS"},
		{peer_floods, "\x16", ERR_MALFORMED, "does not speak TLS"},
		{peer_says, "\x15\x03\x01", ERR_MALFORMED, "does not speak TLS"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer peer = peer_stream(cases[i].serve, cases[i].context);
		CLEANUP(free_ptr) char *name = name_of(&peer, "");
		probe_fails(&probe_tls, name, 8000, cases[i].code, cases[i].why);
		peer_stop(&peer);
	}
}

static void silent_and_dripping_servers_are_timeouts(void **state) {
	static const char drip[] = "\x16\x03\x01\x10";
	struct peer silent = peer_stream(peer_says_nothing, NULL), slow = peer_stream(peer_drips, drip);
	CLEANUP(free_ptr) char *one = name_of(&silent, ""), *other = name_of(&slow, "");
	probe_fails(&probe_tls, one, 300, ERR_TIMEOUT, "");
	probe_fails(&probe_tls, other, 300, ERR_TIMEOUT, "");
	peer_stop(&silent);
	peer_stop(&slow);
}

static void refuses_all(int connection, const void *context) {
	char request[4096];
	if (read(connection, request, sizeof request) >= 0)
		(void)!write(connection, "\x15\x03\x03\0\2\2\x28", 7); /* handshake_failure */
}

static void server_that_refuses_every_version_proves_nothing(void **state) {
	struct peer peer = peer_stream(refuses_all, NULL);
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	probe_fails(&probe_tls, name, 8000, ERR_UNPROVED, "no version was offered");
	peer_stop(&peer);
}

/* A ServerHello of TLS 1.2 for who asks for that, silence by closing for everybody else. */
static void closes_but_for_one_version(int connection, const void *context) {
	static const unsigned char hello[] = {22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3};
	unsigned char request[4096], answer[47] = {0};
	ssize_t got = read(connection, request, sizeof request);
	memcpy(answer, hello, sizeof hello);
	answer[44] = 0xc0, answer[45] = 0x2f;
	if (got > 47 && request[9] == 3 && request[10] == 3 && request[43] == 0)
		(void)!write(connection, answer, sizeof answer);
}

static void closed_connection_says_neither_yes_nor_no(void **state) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct peer peer = peer_stream(closes_but_for_one_version, NULL);
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	look_into(name, NULL, &value);
	peer_stop(&peer);
	versions_are(value, "---1-");
	assert_true(json_is_null(json_object_get(value, "certificates")));
	assert_true(json_is_null(json_object_get(value, "verify")));
}

/* TLS 1.0 answers at the second time, 1.1 never: each with an error of the server's own at first. */
static void has_bad_moments(int connection, const void *context) {
	static int count;
	unsigned char request[4096], answer[47] = {22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1};
	ssize_t got = read(connection, request, sizeof request);
	if (got > 47 && (request[10] == 1 || request[10] == 2) && (request[10] == 2 || count++ == 0))
		(void)!write(connection, "\x15\x03\x01\0\2\2\x50", 7);
	else if (got > 47 && request[10] == 1)
		(void)!write(connection, answer, sizeof answer);
}

static void servers_own_error_refuses_only_when_it_comes_twice(void **state) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct peer peer = peer_stream(has_bad_moments, NULL);
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	look_into(name, NULL, &value);
	peer_stop(&peer);
	versions_are(value, "-10--");
}

static void closed_port_is_absent_and_a_name_without_address_unproved(void **state) {
	CLEANUP(free_ptr) char *name = xasprintf("tls:127.0.0.1:%d", peer_free_port(SOCK_STREAM));
	probe_fails(&probe_tls, name, 5000, ERR_ABSENT, "connect: ECONNREFUSED");
	probe_fails(&probe_tls, "tls:no-such-host.invalid:443", 5000, ERR_UNPROVED,
		    "no address of no-such-host.invalid");
}

/* Serves one connection, and is gone. */
static void answers_once(int connection, const void *context) {
	refuses_all(connection, context);
	close(connection);
	_exit(0);
}

static void server_that_refuses_after_it_has_answered_is_not_absent(void **state) {
	struct peer peer = peer_stream(answers_once, NULL);
	CLEANUP(free_ptr) char *name = name_of(&peer, "");
	probe_fails(&probe_tls, name, 8000, ERR_UNPROVED, "it answered before, and now: connect: ECONNREFUSED");
	peer_stop(&peer);
}

static void names_that_are_none_are_refused(void **state) {
	static const char *const names[] = {"tls:",
					    "tls:h",
					    "tls:h:",
					    "tls:h:0",
					    "tls:h:65536",
					    "tls::443",
					    "tls:[::1:443",
					    "tls:[h]:443",
					    "tls:h h:443",
					    "tls:h:443?x=1",
					    "tls:h:443?sni=",
					    "tls:h:443?sni=a/b",
					    "tls:h:443?starttls=",
					    "tls:h:443?starttls=gopher",
					    "tls:h:443?starttls=smtp&",
					    "tls:h:443?starttls=smtp&x=1"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		probe_fails(&probe_tls, names[i], 1000, ERR_UNREADABLE, "");
}

static enum hello_said read_text(const char *hex, uint16_t *ret_number) {
	CLEANUP(buf_done) struct buf bytes = {0};
	for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_add(&bytes, &(unsigned char){(unsigned char)byte}, 1);
	return hello_read(bytes.data, bytes.len, ret_number);
}

#define RANDOM "0000000000000000000000000000000000000000000000000000000000000000"
static void answers_are_read_to_their_last_byte(void **state) {
	static const struct {
		const char *hex;
		enum hello_said said;
		uint16_t number;
	} cases[] = {
		{"", HELLO_MORE, 0},
		{"16", HELLO_MORE, 0},
		{"160303002a02000026"
		 "0303" RANDOM "00"
		 "c02f"
		 "00",
		 HELLO_SERVER, 0x0303},
		/* with supported_versions; in two records; behind a warning */
		{"160303003202"
		 "00002e"
		 "0303" RANDOM "00"
		 "1301"
		 "00"
		 "0006"
		 "002b00020304",
		 HELLO_SERVER, 0x0304},
		{"1603030004"
		 "02000026"
		 "1603030026"
		 "0303" RANDOM "00"
		 "c02f"
		 "00",
		 HELLO_SERVER, 0x0303},
		{"15030300020170"
		 "160303002a02000026"
		 "0303" RANDOM "00"
		 "c02f"
		 "00",
		 HELLO_SERVER, 0x0303},
		{"15030300020246", HELLO_ALERT, 70},
		{"15030300020100", HELLO_ALERT, 0},
		{"15030300020346", HELLO_NOT_TLS, 0},
		{"1503030003024600", HELLO_NOT_TLS, 0},
		{"1603030000", HELLO_NOT_TLS, 0},
		{"1602", HELLO_NOT_TLS, 0},
		{"1603034001", HELLO_NOT_TLS, 0},
		{"48545450", HELLO_NOT_TLS, 0},
		/* a byte too many within; a session id of 33; a version that there is not; another message */
		{"160303002b02000027"
		 "0303" RANDOM "00"
		 "c02f"
		 "0000",
		 HELLO_NOT_TLS, 0},
		{"160303002a02000026"
		 "0303" RANDOM "21"
		 "c02f"
		 "00",
		 HELLO_NOT_TLS, 0},
		{"160303002a02000026"
		 "0305" RANDOM "00"
		 "c02f"
		 "00",
		 HELLO_NOT_TLS, 0},
		{"160303002a0b000026"
		 "0303" RANDOM "00"
		 "c02f"
		 "00",
		 HELLO_NOT_TLS, 0},
		{"1603030004"
		 "02ffffff",
		 HELLO_NOT_TLS, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint16_t number = 0;
		enum hello_said said = read_text(cases[i].hex, &number);
		if (said != cases[i].said || (said != HELLO_NOT_TLS && number != cases[i].number))
			fail_msg("%s: %d, %x", cases[i].hex, (int)said, number);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modern_server_offers_two_versions_and_refuses_three),
		cmocka_unit_test(certificate_is_told_in_full),
		cmocka_unit_test(verification_fails_for_another_name_and_for_a_stranger_ca),
		cmocka_unit_test(old_versions_are_seen_though_the_library_would_not_speak_them),
		cmocka_unit_test(server_that_wants_a_client_certificate_still_shows_its_own),
		cmocka_unit_test(what_is_no_tls_is_an_error_of_its_kind),
		cmocka_unit_test(silent_and_dripping_servers_are_timeouts),
		cmocka_unit_test(server_that_refuses_every_version_proves_nothing),
		cmocka_unit_test(closed_connection_says_neither_yes_nor_no),
		cmocka_unit_test(servers_own_error_refuses_only_when_it_comes_twice),
		cmocka_unit_test(closed_port_is_absent_and_a_name_without_address_unproved),
		cmocka_unit_test(server_that_refuses_after_it_has_answered_is_not_absent),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(answers_are_read_to_their_last_byte),
	};
	return cmocka_run_group_tests(tests, make_kit, drop_kit);
}
