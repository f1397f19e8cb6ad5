/* What leaves a host is without its secrets, and still says what rules judge by. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/redact.h"
#include "sources/fetch.h"

static struct masker *masker;

static int make(void **state) {
	masker = masker_new();
	return 0;
}

static int drop(void **state) {
	masker_free(masker);
	return 0;
}

/* The bytes of a source of this name after redaction; "" when it was left out. */
static void becomes(const char *name, const char *bytes, size_t len, const char *expected, size_t expected_len) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct source *source = sources_add(set, name);
	buf_add(&source->bytes, bytes, len);
	struct redaction done = redact(masker, source);
	if (source->bytes.len != expected_len || memcmp(buf_str(&source->bytes), expected, expected_len) != 0)
		fail_msg("%s: \"%s\" became \"%s\", not \"%s\"", name, bytes, buf_str(&source->bytes), expected);
	assert_int_equal(done.is_left_out, source->err.code == ERR_DENIED);
	assert_int_equal(done.masked > 0,
			 !done.is_left_out && (len != expected_len || memcmp(bytes, expected, len) != 0));
	struct hash sum = hash_of(source->bytes.data, source->bytes.len);
	if (!source->err.code)
		assert_true(hash_equal(&sum, &source->sha256));
}

struct pair {
	const char *before, *after; /* after NULL: as before */
};

static void all_become(const char *name, const struct pair *pairs, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const char *after = pairs[i].after ? pairs[i].after : pairs[i].before;
		becomes(name, pairs[i].before, strlen(pairs[i].before), after, strlen(after));
		becomes(name, after, strlen(after), after, strlen(after)); /* and once is enough */
	}
}
#define BECOME(name, ...)                                                                                              \
	all_become(name, (const struct pair[]){__VA_ARGS__}, ARRAY_LEN(((const struct pair[]){__VA_ARGS__})))

static void secrets_of_any_text_are_masked(void **state) {
	BECOME("file:/etc/app.conf",
	       {"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nowIB\n-----END RSA PRIVATE KEY-----\nb\n",
		"a\n-----BEGIN RSA PRIVATE KEY-----\nmasked\n-----END RSA PRIVATE KEY-----\nb\n"},
	       {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nMIIE\n"
		"-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nmasked\n"
		"-----END RSA PRIVATE KEY-----\n"},
	       {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nno end", "-----BEGIN OPENSSH PRIVATE KEY-----\nmasked"},
	       {"-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----\n",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\nmasked\n-----END PGP PRIVATE KEY BLOCK-----\n"},
	       {"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n", NULL},
	       {"proxy https://me:p@ss,w0rd@proxy.example:8080/x", "proxy https://masked@proxy.example:8080/x"},
	       {"mirror https://deb.example/debian/pool/@scope", NULL},
	       {"root:$y$j9T$abcdefgh$ijklmnop:19000", "root:$y$masked:19000"},
	       {"password_pbkdf2 root grub.pbkdf2.sha512.10000.ABCD", "password_pbkdf2 root grub.pbkdf2.masked"},
	       {"Authorization: Bearer abc.def", "Authorization: Bearer masked"},
	       {"curl -H \"Authorization: Basic dTpw\" x", "curl -H \"Authorization: Basic masked\" x"},
	       {"x AKIAABCDEFGHIJKLMNOP y", "x masked y"},
	       {"basic constraints, token ring, key = value, secretary: Mary", NULL});
}

static void values_of_settings_that_say_secret_are_masked(void **state) {
	BECOME("file:/etc/app.conf",
	       {"db_password = correct horse, battery\nport = 1\n", "db_password = masked\nport = 1\n"},
	       {"Passphrase: \"two words\" # why\n", "Passphrase: \"masked\" # why\n"},
	       {"wpa_psk='abc'\n", "wpa_psk='masked'\n"}, {"password hunter2\n", "password masked\n"},
	       {"  secret s3cr3t 5\n", "  secret masked\n"},
	       {"{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": \"masked\", \"n\": 1}"},
	       {"PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n", "PrivateKey = masked\n"},
	       {"password: |\n  one\n  two\nport: 1\n", "password: |\n  masked\nport: 1\n"},
	       {"ExecStart=/usr/bin/app --token abc --port 1\n", "ExecStart=/usr/bin/app --token masked --port 1\n"},
	       {"password = no way\n", "password = masked\n"},
	       /* What rules judge by, and what only looks like it. */
	       {"PasswordAuthentication no\nPermitEmptyPasswords no\npasswd_timeout = 5\n", NULL},
	       {"password = no\nsecret = /etc/app/secret\nprivate_key = $dir/private/key.pem\ntoken=\n", NULL});
}

static void settings_that_are_words_keep_their_neighbours(void **state) {
	BECOME("file:/etc/fstab",
	       {"//s/a /a cifs user=b,password=c d,e 0 0\n", "//s/a /a cifs user=b,password=masked d,e 0 0\n"},
	       {"//s/a /a cifs credentials=/etc/a.cred,ro 0 0\n", NULL});
	BECOME("file:/proc/cmdline", {"root=/dev/sda1 luks.pin=1234 quiet mitigations=off",
				      "root=/dev/sda1 luks.pin=masked quiet mitigations=off"});
	BECOME("file:/etc/pam.d/common-password",
	       {"password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok yescrypt\n", NULL});
	BECOME("file:/etc/sudoers", {"%a ALL=(ALL) NOPASSWD: ALL\n", NULL});
	BECOME("file:/etc/nsswitch.conf", {"passwd: files systemd\n", NULL});
	BECOME("file:/etc/ssh/sshd_config", {"PasswordAuthentication yes\nSetEnv A_TOKEN=abc B=c\n",
					     "PasswordAuthentication yes\nSetEnv A_TOKEN=masked B=c\n"});
}

static void comments_of_accounts_and_keys_are_emptied(void **state) {
	BECOME("file:/etc/passwd",
	       {"root:x:0:0:root:/root:/bin/sh\nmia:x:1000:1000:Mia M,,555 123,:/home/mia:/bin/sh\n",
		"root:x:0:0::/root:/bin/sh\nmia:x:1000:1000::/home/mia:/bin/sh\n"},
	       {"old:aGf3kd9sKdXq2:1:1::/:/bin/sh\nno:*:2:2::/:/bin/sh\nempty::3:3::/:/bin/sh\n",
		"old:masked:1:1::/:/bin/sh\nno:*:2:2::/:/bin/sh\nempty::3:3::/:/bin/sh\n"},
	       {"+::::::\nnonsense\n", NULL});
	BECOME("file:/home/mia/.ssh/authorized_keys",
	       {"ssh-ed25519 AAAAC3Nz+/a= mia@home\n", "ssh-ed25519 AAAAC3Nz+/a=\n"},
	       {"from=\"10.0.0.0/8\",environment=\"TOKEN=abc\" ssh-rsa AAAAB3 x y\n",
		"from=\"10.0.0.0/8\",environment=\"TOKEN=masked\" ssh-rsa AAAAB3\n"});
}

static void arguments_of_commands_are_masked(void **state) {
	static const char before[] = "app\0--password\0hunter2\0-u\0me:pw\0-psecret\0-p\0"
				     "22\0--key=a\0--token=b c";
	static const char after[] = "app\0--password\0masked\0-u\0me:masked\0-pmasked\0-p\0"
				    "22\0--key=a\0--token=masked c";
	becomes("file:/proc/12/cmdline", before, sizeof before, after, sizeof after);
	static const char sshd[] = "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0";
	becomes("file:/proc/12/cmdline", sshd, sizeof sshd, sshd, sizeof sshd);
}

static void strings_of_what_is_no_file_are_masked(void **state) {
	BECOME("mounts:", {"[{\"source\":\"//s/a\",\"super_options\":[\"rw\",\"password=abc\"]}]",
			   "[{\"source\":\"//s/a\",\"super_options\":[\"rw\",\"password=masked\"]}]"});
	BECOME("newkind:x", {"{\"a\":{\"password\":\"b\",\"n\":5},\"u\":[\"http://a:b@c/\"]}",
			     "{\"a\":{\"n\":5,\"password\":\"masked\"},\"u\":[\"http://masked@c/\"]}"});
	BECOME("stat:/etc/shadow", {"{\"mode\":\"0640\"}", NULL});
}

static void what_is_nothing_but_secret_is_left_out(void **state) {
	static const char *const names[] = {"file:/etc/shadow",         "file:/etc/shadow-",     "file:/etc/gshadow",
					    "file:/etc/../etc/hosts",   "file:/etc//hosts",      "file:/proc/1/environ",
					    "file:/root/.netrc",        "file:/etc/krb5.keytab", "file:/.vouch/meta",
					    "file:/run/credentials/a/b"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		becomes(names[i], "secret", 6, "", 0);
	/* And what no search can understand. */
	becomes("file:/etc/ssl/private/key.der", "\x30\x82\0secret", 9, "", 0);
}

static void a_reason_does_not_tell_what_a_file_does_not(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct source *source = sources_add(set, "cmd:x");
	err_set(&source->err, ERR_UNREADABLE, "cmd:x", "line 3: bad word after password=abc");
	assert_int_equal(redact(masker, source).masked, 1);
	assert_string_equal(source->err.why, "line 3: bad word after password=masked");
	assert_int_equal(source->err.code, ERR_UNREADABLE);
}

static void text_that_would_take_for_ever_is_left_out(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct source *source = sources_add(set, "file:/etc/app.pem");
	buf_adds(&source->bytes, "-----BEGIN PRIVATE KEY-----\n");
	size_t len = 4U << 20;
	memset(buf_room(&source->bytes, len), 'A', len);
	source->bytes.len += len;
	buf_room(&source->bytes, 0);
	redact(masker, source);
	assert_null(strstr(buf_str(&source->bytes), "AAAA"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_of_any_text_are_masked),
		cmocka_unit_test(values_of_settings_that_say_secret_are_masked),
		cmocka_unit_test(settings_that_are_words_keep_their_neighbours),
		cmocka_unit_test(comments_of_accounts_and_keys_are_emptied),
		cmocka_unit_test(arguments_of_commands_are_masked),
		cmocka_unit_test(strings_of_what_is_no_file_are_masked),
		cmocka_unit_test(what_is_nothing_but_secret_is_left_out),
		cmocka_unit_test(a_reason_does_not_tell_what_a_file_does_not),
		cmocka_unit_test(text_that_would_take_for_ever_is_left_out),
	};
	return cmocka_run_group_tests(tests, make, drop);
}
