/* Keys: the vectors of RFC 8032 7.1, files that only their owner may read, and what is not a key. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "core/file.h"
#include "core/key.h"

static const struct {
	const char *seed, *public, *message, *signature;
	size_t len;
} rfc8032[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bb"
	 "e24"
	 "655141438e7a100b",
	 0},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302"
	 "aee"
	 "b00d291612bb0c00",
	 1},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed"
	 "28d"
	 "c027beceea1ec40a",
	 2},
};

static char folder[] = "/tmp/vouch-test-key-XXXXXX";

static int make_folder(void **state) { return mkdtemp(folder) == NULL; }

static int drop_folder(void **state) { return rmdir(folder); /* which fails when a test left a file behind */ }

static void the_vectors_of_rfc_8032_sign_and_verify(void **state) {
	for (size_t i = 0; i < ARRAY_LEN(rfc8032); i++) {
		struct hash seed;
		struct err err;
		uint8_t raw[32], signature[KEY_SIGNATURE_LONGEST];
		char hex[2 * KEY_SIGNATURE_LONGEST + 1];
		size_t len;
		CLEANUP(key_free_p) EVP_PKEY *key = NULL;
		assert_true(hash_from_hex(rfc8032[i].seed, &seed));
		assert_true(key_from_seed(seed.bytes, &key, &err));
		assert_true(key_raw_public(key, raw, &err));
		assert_string_equal(hex_encode(raw, 32, hex), rfc8032[i].public);
		assert_true(key_sign(key, rfc8032[i].message, rfc8032[i].len, signature, &len, &err));
		assert_string_equal(hex_encode(signature, len, hex), rfc8032[i].signature);
		assert_true(key_is_signed(key, rfc8032[i].message, rfc8032[i].len, signature, len));
		for (size_t bit = 0; bit < len * 8; bit++) {
			signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_false(key_is_signed(key, rfc8032[i].message, rfc8032[i].len, signature, len));
			signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		assert_false(key_is_signed(key, "other", 5, signature, len));
		assert_false(key_is_signed(key, rfc8032[i].message, rfc8032[i].len, signature, len - 1));
		assert_false(key_is_signed(key, rfc8032[i].message, rfc8032[i].len, signature, len + 1));
		assert_false(key_is_signed(key, rfc8032[i].message, rfc8032[i].len, NULL, 0));
	}
}

static void p256_signs_in_der_and_verifies(void **state) {
	struct err err;
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t len;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL, *other = NULL;
	assert_true(key_make_p256(&key, &err));
	assert_true(key_make_p256(&other, &err));
	assert_true(key_sign(key, "text", 4, signature, &len, &err));
	assert_int_equal(signature[0], 0x30);
	assert_true(key_is_signed(key, "text", 4, signature, len));
	assert_false(key_is_signed(key, "texu", 4, signature, len));
	assert_false(key_is_signed(other, "text", 4, signature, len));
	signature[len - 1] ^= 1;
	assert_false(key_is_signed(key, "text", 4, signature, len));
	uint8_t raw[32];
	assert_false(key_raw_public(key, raw, &err));
	assert_int_equal(err.code, ERR_CRYPTO);
}

static void both_kinds_have_the_names_that_sigstore_gives_them(void **state) {
	struct err err;
	CLEANUP(key_free_p)
	EVP_PKEY *ed25519 = NULL, *p256 = NULL, *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	CLEANUP(key_free_p) EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_true(key_make_ed25519(&ed25519, &err));
	assert_true(key_make_p256(&p256, &err));
	assert_string_equal(key_details(ed25519), "PKIX_ED25519");
	assert_string_equal(key_details(p256), "PKIX_ECDSA_P256_SHA_256");
	assert_null(key_details(p384));
	assert_null(key_details(x25519));
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t len;
	assert_false(key_sign(p384, "", 0, signature, &len, &err));
	CLEANUP(free_ptr) char *pem = key_public_pem(p384);
	EVP_PKEY *key = NULL;
	assert_false(key_from_public_pem(pem, "t", &key, &err));
	assert_null(key);
}

static void a_key_comes_back_from_its_file_which_is_only_its_owner_s(void **state) {
	struct err err;
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(folder, "key.pem");
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(key_free_p) EVP_PKEY *key = NULL, *loaded = NULL;
		assert_true(i ? key_make_p256(&key, &err) : key_make_ed25519(&key, &err));
		assert_true(key_save(path, key, &err));
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
		assert_int_equal(status.st_nlink, 1);
		assert_true(key_load(path, &loaded, &err));
		assert_int_equal(EVP_PKEY_eq(key, loaded), 1);
		assert_int_equal(unlink(path), 0);
	}
}

static void an_existing_file_is_not_replaced(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf kept = {0};
	CLEANUP(free_ptr) char *path = file_join(folder, "key.pem");
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	assert_true(key_make_ed25519(&key, &err));
	assert_true(file_create(path, "mine", 4, 0600, &err));
	assert_false(key_save(path, key, &err));
	assert_non_null(strstr(err.why, "EEXIST"));
	assert_true(file_read(path, 100, &kept, &err));
	assert_string_equal(buf_str(&kept), "mine");
	assert_int_equal(unlink(path), 0);
}

static void a_file_that_others_may_read_or_that_holds_no_key_is_refused(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *path = file_join(folder, "key.pem");
	CLEANUP(free_ptr) char *large = xcalloc(1, KEY_FILE_LARGEST + 1);
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	EVP_PKEY *loaded = NULL;
	assert_true(key_make_ed25519(&key, &err));
	assert_true(key_save(path, key, &err));
	for (unsigned bit = 1; bit <= 040; bit *= 2) {
		assert_int_equal(chmod(path, 0600 | bit), 0);
		assert_false(key_load(path, &loaded, &err));
		assert_int_equal(err.code, ERR_REFUSED);
	}
	assert_int_equal(unlink(path), 0);
	assert_false(key_load(path, &loaded, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_false(key_load(folder, &loaded, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	CLEANUP(free_ptr) char *public = key_public_pem(key);
	const char *const wrong[] = {"", "text", public};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_true(file_create(path, wrong[i], strlen(wrong[i]), 0600, &err));
		assert_false(key_load(path, &loaded, &err));
		assert_int_equal(err.code, ERR_CRYPTO);
		assert_int_equal(unlink(path), 0);
	}
	assert_true(file_create(path, large, KEY_FILE_LARGEST + 1, 0600, &err));
	assert_false(key_load(path, &loaded, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_int_equal(unlink(path), 0);
	assert_null(loaded);
}

static void a_public_key_has_one_der_form(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL, *again = NULL, *from_pem = NULL;
	CLEANUP(buf_done) struct buf der = {0};
	struct hash seed;
	assert_true(hash_from_hex(rfc8032[0].seed, &seed));
	assert_true(key_from_seed(seed.bytes, &key, &err));
	key_public_der(key, &der);
	assert_int_equal(der.len, 44);
	unsigned char *theirs = NULL; /* OpenSSL's own encoder says the same */
	assert_int_equal(i2d_PUBKEY(key, &theirs), 44);
	assert_memory_equal(der.data, theirs, 44);
	OPENSSL_free(theirs);
	assert_true(key_from_public_der(der.data, der.len, "t", &again, &err));
	assert_int_equal(EVP_PKEY_eq(key, again), 1);
	char hex[HASH_HEX];
	struct hash id = key_id(again);
	assert_string_equal(hash_hex(&id, hex), "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	assert_true(key_from_public_pem(pem, "t", &from_pem, &err));
	assert_int_equal(EVP_PKEY_eq(key, from_pem), 1);

	EVP_PKEY *none = NULL;
	buf_add(&der, "", 1);
	assert_false(key_from_public_der(der.data, der.len, "t", &none, &err));
	assert_false(key_from_public_der(der.data, 43, "t", &none, &err));
	assert_false(key_from_public_der(NULL, 0, "t", &none, &err));
	assert_false(key_from_public_der("\x30\x00", 2, "t", &none, &err));
	assert_false(key_from_public_pem("", "t", &none, &err));
	assert_false(
		key_from_public_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "t", &none, &err));
	assert_null(none);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_8032_sign_and_verify),
		cmocka_unit_test(p256_signs_in_der_and_verifies),
		cmocka_unit_test(both_kinds_have_the_names_that_sigstore_gives_them),
		cmocka_unit_test(a_key_comes_back_from_its_file_which_is_only_its_owner_s),
		cmocka_unit_test(an_existing_file_is_not_replaced),
		cmocka_unit_test(a_file_that_others_may_read_or_that_holds_no_key_is_refused),
		cmocka_unit_test(a_public_key_has_one_der_form),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
