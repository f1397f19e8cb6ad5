/* The probe ssh: against sshd, and against what is no SSH server. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/ssh.h"
#include "tests/unit/peers.h"
#include "tests/unit/scratch.h"

#define SSHD "/usr/sbin/sshd"
#define KEYGEN "/usr/bin/ssh-keygen"

static char *name_of(const struct peer *peer) { return xasprintf("ssh:127.0.0.1:%d", peer->port); }

static void list_is(const json_t *value, const char *member, const char *expected) {
	CLEANUP(json_decref_p) json_t *list = json_pack("[s]", expected);
	assert_true(json_equal(json_object_get(value, member), list));
}

static void sshd_tells_what_it_offers(void **state) {
	char *folder = scratch_new();
	struct peer peer = {.port = peer_free_port(SOCK_STREAM)};
	CLEANUP(free_ptr) char *key = file_join(folder, "key"), *path = file_join(folder, "conf");
	CLEANUP(free_ptr)
	char *conf = xasprintf(
		"Port %d\nListenAddress 127.0.0.1\nHostKey %s\nPidFile none\nKexAlgorithms curve25519-sha256\n"
		"Ciphers aes256-gcm@openssh.com\nMACs hmac-sha2-512\nCompression no\n",
		peer.port, key);
	scratch_put(folder, "conf", conf);
	struct peer keygen =
		peer_program(0, (const char *const[]){KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", key, NULL});
	int status = -1;
	assert_int_equal(waitpid(keygen.process, &status, 0), keygen.process);
	assert_int_equal(status, 0);
	(void)mkdir("/run/sshd", 0755);
	peer = peer_program(peer.port, (const char *const[]){SSHD, "-D", "-e", "-f", path, NULL});
	peer_wait(&peer);
	CLEANUP(free_ptr) char *name = name_of(&peer);
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_ssh, name);
	peer_stop(&peer);
	scratch_free(&folder);
	assert_true(!strncmp(json_string_value(json_object_get(value, "banner")), "SSH-2.0-OpenSSH_", 16));
	assert_string_equal(json_string_value(json_array_get(json_object_get(value, "kex"), 0)), "curve25519-sha256");
	list_is(value, "host_keys", "ssh-ed25519");
	list_is(value, "ciphers_c2s", "aes256-gcm@openssh.com");
	list_is(value, "ciphers_s2c", "aes256-gcm@openssh.com");
	list_is(value, "macs_c2s", "hmac-sha2-512");
	list_is(value, "macs_s2c", "hmac-sha2-512");
	list_is(value, "compression_c2s", "none");
	list_is(value, "compression_s2c", "none");
	assert_int_equal(json_object_size(value), 9);
}

static void what_is_no_ssh_is_an_error_of_its_kind(void **state) {
	static const struct {
		void (*serve)(int connection, const void *context);
		const char *context;
		enum err_code code;
		const char *why;
	} cases[] = {
		{peer_closes, NULL, ERR_MALFORMED, ""},
		{peer_says, "SSH-1.5-old\r\n", ERR_MALFORMED, "another version than 2"},
		{peer_says, "SSH-2.0-x\r\nHTTP", ERR_MALFORMED, "length cannot be"},
		{peer_says, "220 mail.example ESMTP\r\n", ERR_MALFORMED, "closes before its KEXINIT"},
		{peer_floods, "a", ERR_MALFORMED, "a line that is too long"},
		{peer_floods, "\n", ERR_MALFORMED, "no identification"},
		{peer_drips, "SSH-2.0-x\r\n\1", ERR_MALFORMED, "length cannot be"},
		{peer_drips, "a", ERR_TIMEOUT, "in time"},
		{peer_says_nothing, NULL, ERR_TIMEOUT, "in time"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer peer = peer_stream(cases[i].serve, cases[i].context);
		CLEANUP(free_ptr) char *name = name_of(&peer);
		struct err err = {0};
		CLEANUP(answer_done) struct answer answer = {0};
		unsigned ms = cases[i].code == ERR_TIMEOUT ? 500 : 8000;
		assert_false(probe_now(&probe_ssh, name, ms, &answer, &err));
		/* A connection that is closed with bytes unread is reset. */
		if (err.code != cases[i].code && !(cases[i].serve == peer_closes && strstr(err.why, "ECONNRESET")))
			fail_msg("case %zu: %s: %s", i, err_code_name(err.code), err.why);
		if (err.code == cases[i].code && !strstr(err.why, cases[i].why))
			fail_msg("case %zu: %s", i, err.why);
		peer_stop(&peer);
	}
}

#define LIST "\0\0\0\3a,b"
#define NONE "\0\0\0\0"
#define HEAD                                                                                                           \
	"\4\x14"                                                                                                       \
	"0123456789abcdef"
#define TAIL                                                                                                           \
	NONE NONE "\0\0\0\0\0"                                                                                         \
		  "PADD"
#define WITH(bytes) bytes, sizeof(bytes) - 1
/* Behind the length, which is put before. */
static void packet_is_read_to_its_last_byte(void **state) {
	static const struct {
		const char *packet;
		size_t len;
		enum ssh_said said;
		const char *why;
	} cases[] = {
		{WITH(HEAD LIST LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_WHOLE, ""},
		{WITH(HEAD LIST LIST LIST LIST LIST LIST LIST LIST NONE LIST "\0\0\0\0\0"
									     "PADD"),
		 SSH_WHOLE, ""},
		{WITH(HEAD LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD LIST LIST LIST LIST LIST LIST LIST LIST NONE NONE "\0\0\0\0\0x"
									     "PADD"),
		 SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD LIST LIST LIST LIST LIST LIST LIST LIST "x" TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD "\0\0\0\3a,," LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD "\0\0\0\2a," LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD "\0\0\0\1\7" LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH(HEAD "\377\377\377\377" LIST LIST LIST LIST LIST LIST LIST TAIL), SSH_NOT_SSH, "does not parse"},
		{WITH("\3\x14"
		      "0123456789abcdef" LIST TAIL),
		 SSH_NOT_SSH, "no KEXINIT"},
		{WITH("\377\x14"
		      "0123456789abcdef" LIST TAIL),
		 SSH_NOT_SSH, "no KEXINIT"},
		{WITH("\4\x15"
		      "0123456789abcdef" LIST TAIL),
		 SSH_NOT_SSH, "no KEXINIT"},
		{WITH("\4\x14"), SSH_NOT_SSH, "length cannot be"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf bytes = {0};
		CLEANUP(json_decref_p) json_t *value = NULL, *cut = NULL;
		const char *why = "";
		buf_adds(&bytes, "hello\r\nSSH-2.0-x\033 y\r\n");
		buf_add(&bytes, (char[]){0, 0, 0, (char)cases[i].len}, 4);
		buf_add(&bytes, cases[i].packet, cases[i].len);
		if (ssh_read(bytes.data, bytes.len, &value, &why) != cases[i].said || !strstr(why, cases[i].why))
			fail_msg("case %zu: %s", i, why);
		if (cases[i].said != SSH_WHOLE)
			continue;
		assert_string_equal(json_string_value(json_object_get(value, "banner")), "SSH-2.0-x? y");
		assert_int_equal(json_array_size(json_object_get(value, "macs_s2c")), 2);
		for (size_t len = 0; len < bytes.len; len++)
			assert_int_equal(ssh_read(bytes.data, len, &cut, &why), SSH_MORE);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sshd_tells_what_it_offers),
		cmocka_unit_test(what_is_no_ssh_is_an_error_of_its_kind),
		cmocka_unit_test(packet_is_read_to_its_last_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
