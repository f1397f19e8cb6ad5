#include "core/token.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <p11-kit/pkcs11.h>
#include <string.h>

#include "core/file.h"
#include "core/hash.h"
#include "core/key.h"

#define POINT 65 /* bytes of an uncompressed point: SEC 1, 2.3.3 */
#define HALF 32  /* of r, and of s */

/* DER of the object identifier of P-256, as CKA_EC_PARAMS has it. */
static const unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

struct token {
	char *name, *module_path;
	void *module;
	CK_FUNCTION_LIST *calls; /* NULL: not initialised */
	CK_SESSION_HANDLE session;
	bool has_session;
	CK_OBJECT_HANDLE private, public;
};

static const char *name_of(CK_RV code) {
	switch (code) {
	case CKR_PIN_INCORRECT:
		return "the PIN is wrong";
	case CKR_PIN_LOCKED:
		return "the PIN is locked";
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_DEVICE_REMOVED:
		return "the token is not there any more";
	case CKR_TOKEN_WRITE_PROTECTED:
		return "the token cannot be written";
	case CKR_MECHANISM_INVALID:
		return "the token does not know this kind of key";
	default:
		return "the token refuses";
	}
}

static bool failed(const struct token *token, const char *what, CK_RV code, struct err *err) {
	return err_set(err, code == CKR_PIN_INCORRECT || code == CKR_PIN_LOCKED ? ERR_REFUSED : ERR_CRYPTO, token->name,
		       "%s: %s (PKCS#11 code 0x%lx)", what, name_of(code), code);
}

/* --- the module and the token ------------------------------------------------------------------------------------- */

static bool load(struct token *token, struct err *err) {
	CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
	CK_FUNCTION_LIST *calls = NULL;
	CK_RV (*get_calls)(CK_FUNCTION_LIST * *list) = NULL;
	token->module = dlopen(token->module_path, RTLD_NOW | RTLD_LOCAL);
	if (!token->module)
		return err_set(err, ERR_ABSENT, token->module_path, "the PKCS#11 module cannot be loaded");
	/* POSIX's own way round ISO C, which has no conversion from an object's address to a function's. */
	*(void **)&get_calls = dlsym(token->module, "C_GetFunctionList");
	if (!get_calls || get_calls(&calls) != CKR_OK)
		return err_set(err, ERR_CRYPTO, token->module_path, "not a PKCS#11 module");
	CK_RV code = calls->C_Initialize(&arguments);
	if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return err_set(err, ERR_CRYPTO, token->module_path, "it cannot be started (PKCS#11 code 0x%lx)", code);
	token->calls = calls;
	return true;
}

/* PKCS#11 pads its texts with blanks. */
static bool is_text(const unsigned char *padded, size_t size, const char *text) {
	if (!text)
		return true;
	while (size && padded[size - 1] == ' ')
		size--;
	return size == strlen(text) && !memcmp(padded, text, size);
}

static bool is_meant(const CK_TOKEN_INFO *info, const struct pkcs11_uri *uri) {
	return (info->flags & CKF_TOKEN_INITIALIZED) && is_text(info->label, sizeof info->label, uri->token) &&
	       is_text(info->manufacturerID, sizeof info->manufacturerID, uri->manufacturer) &&
	       is_text(info->model, sizeof info->model, uri->model) &&
	       is_text(info->serialNumber, sizeof info->serialNumber, uri->serial);
}

static bool find_slot(const struct token *token, const struct pkcs11_uri *uri, CK_SLOT_ID *ret_slot,
		      CK_TOKEN_INFO *ret_info, struct err *err) {
	CK_SLOT_ID slots[TOKEN_SLOTS_MOST];
	CK_ULONG count = ARRAY_LEN(slots);
	unsigned found = 0;
	CK_RV code = token->calls->C_GetSlotList(CK_TRUE, slots, &count);
	if (code != CKR_OK)
		return failed(token, "list the tokens", code, err);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info = {0};
		if (token->calls->C_GetTokenInfo(slots[i], &info) != CKR_OK || !is_meant(&info, uri))
			continue;
		*ret_slot = slots[i];
		*ret_info = info;
		found++;
	}
	if (found == 0)
		return err_set(err, ERR_ABSENT, token->name, "there is no such token");
	return found == 1 ||
	       err_set(err, ERR_REFUSED, token->name, "there are %u such tokens: say which by serial=", found);
}

/* --- the PIN ------------------------------------------------------------------------------------------------------ */

static void wipe(struct buf *bytes) {
	OPENSSL_cleanse(bytes->data, bytes->data ? bytes->cap : 0);
	buf_done(bytes);
}

static bool read_pin(const struct token *token, const struct pkcs11_uri *uri, struct buf *pin, struct err *err) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(free_ptr) char *path = folder && *folder ? file_join(folder, TOKEN_PIN_CREDENTIAL) : NULL;
	struct err why;
	if (path && key_read_secret(path, TOKEN_PIN_LONGEST, pin, &why))
		return true;
	if (path && why.code != ERR_ABSENT) {
		*err = why;
		return false;
	}
	if (!uri->pin)
		return err_set(err, ERR_USAGE, token->name, "its PIN is in no file: pin-source= or the credential %s",
			       TOKEN_PIN_CREDENTIAL);
	return key_read_secret(uri->pin, TOKEN_PIN_LONGEST, pin, err);
}

static bool log_in(const struct token *token, const struct pkcs11_uri *uri, const CK_TOKEN_INFO *info,
		   struct err *err) {
	CLEANUP(wipe) struct buf pin = {0};
	if (!(info->flags & CKF_LOGIN_REQUIRED))
		return true;
	if (info->flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED))
		return err_set(err, ERR_REFUSED, token->name,
			       "a wrong PIN was tried before, and another try could lock the token: log in with the "
			       "right one first (pkcs11-tool --login --test)");
	if (!read_pin(token, uri, &pin, err))
		return false;
	while (pin.len && (pin.data[pin.len - 1] == '\n' || pin.data[pin.len - 1] == '\r'))
		pin.len--;
	CK_RV code = token->calls->C_Login(token->session, CKU_USER, (unsigned char *)pin.data, pin.len);
	return code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN || failed(token, "log in", code, err);
}

bool token_open(const struct pkcs11_uri *uri, bool to_write, struct token **ret_token, struct err *err) {
	CLEANUP(token_close_p) struct token *token = xcalloc(1, sizeof *token);
	CK_SLOT_ID slot = 0;
	CK_TOKEN_INFO info = {0};
	token->name = xasprintf("token \"%s\"", uri->token);
	token->module_path = xstrdup(uri->module);
	if (!load(token, err) || !find_slot(token, uri, &slot, &info, err))
		return false;
	CK_RV code = token->calls->C_OpenSession(slot, CKF_SERIAL_SESSION | (to_write ? CKF_RW_SESSION : 0), NULL, NULL,
						 &token->session);
	token->has_session = code == CKR_OK;
	if (code != CKR_OK)
		return failed(token, "open a session", code, err);
	if (!log_in(token, uri, &info, err))
		return false;
	*ret_token = token;
	token = NULL;
	return true;
}

void token_close(struct token *token) {
	if (!token)
		return;
	if (token->has_session)
		token->calls->C_CloseSession(token->session);
	if (token->calls)
		token->calls->C_Finalize(NULL);
	if (token->module)
		dlclose(token->module);
	free(token->module_path);
	free(token->name);
	free(token);
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

#define TEXT(value) (void *)(value), strlen(value)
#define VALUE(value) &(value), sizeof(value)

bool token_make_key(struct token *token, const char *label, const void *id, size_t len, struct err *err) {
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_ATTRIBUTE public[] = {{CKA_TOKEN, VALUE(yes)},   {CKA_PRIVATE, VALUE(no)},
				 {CKA_VERIFY, VALUE(yes)},  {CKA_EC_PARAMS, (void *)p256, sizeof p256},
				 {CKA_ID, (void *)id, len}, {CKA_LABEL, TEXT(label)}};
	CK_ATTRIBUTE private[] = {{CKA_TOKEN, VALUE(yes)},      {CKA_PRIVATE, VALUE(yes)}, {CKA_SENSITIVE, VALUE(yes)},
				  {CKA_EXTRACTABLE, VALUE(no)}, {CKA_SIGN, VALUE(yes)},    {CKA_ID, (void *)id, len},
				  {CKA_LABEL, TEXT(label)}};
	CK_RV code = token->calls->C_GenerateKeyPair(token->session, &mechanism, public, ARRAY_LEN(public), private,
						     ARRAY_LEN(private), &token->public, &token->private);
	return code == CKR_OK || failed(token, "make a key", code, err);
}

/* The one object of a class with the URI's label and id. */
static bool find_object(const struct token *token, const struct pkcs11_uri *uri, CK_OBJECT_CLASS class,
			CK_OBJECT_HANDLE *ret_object, struct err *err) {
	CK_ATTRIBUTE wanted[3] = {{CKA_CLASS, VALUE(class)}};
	CK_OBJECT_HANDLE objects[2];
	CK_ULONG parts = 1, count = 0;
	if (uri->object)
		wanted[parts++] = (CK_ATTRIBUTE){CKA_LABEL, TEXT(uri->object)};
	if (uri->id.len)
		wanted[parts++] = (CK_ATTRIBUTE){CKA_ID, uri->id.data, uri->id.len};
	CK_RV code = token->calls->C_FindObjectsInit(token->session, wanted, parts);
	if (code == CKR_OK) {
		code = token->calls->C_FindObjects(token->session, objects, ARRAY_LEN(objects), &count);
		token->calls->C_FindObjectsFinal(token->session);
	}
	if (code != CKR_OK)
		return failed(token, "look for the key", code, err);
	if (count != 1)
		return err_set(err, count ? ERR_REFUSED : ERR_ABSENT, token->name, "%s",
			       count ? "more than one key is so named" : "the key is not in it");
	*ret_object = objects[0];
	return true;
}

/* CKA_EC_POINT is the point in a DER OCTET STRING; some tokens leave the string out. */
static bool read_point(const struct token *token, unsigned char point[POINT], struct err *err) {
	unsigned char params[sizeof p256 + 1], bytes[POINT + 3];
	CK_ATTRIBUTE wanted[] = {{CKA_EC_PARAMS, VALUE(params)}, {CKA_EC_POINT, VALUE(bytes)}};
	CK_RV code = token->calls->C_GetAttributeValue(token->session, token->public, wanted, ARRAY_LEN(wanted));
	if (code != CKR_OK || wanted[0].ulValueLen != sizeof p256 || memcmp(params, p256, sizeof p256) != 0)
		return err_set(err, ERR_CRYPTO, token->name, "the key is not a P-256 one");
	bool is_wrapped = wanted[1].ulValueLen == POINT + 2 && bytes[0] == 0x04 && bytes[1] == POINT;
	if (!is_wrapped && wanted[1].ulValueLen != POINT)
		return err_set(err, ERR_CRYPTO, token->name, "the key's point is not one");
	memcpy(point, bytes + (is_wrapped ? 2 : 0), POINT);
	return true;
}

bool token_find_key(struct token *token, const struct pkcs11_uri *uri, EVP_PKEY **ret_public, struct err *err) {
	/* RFC 5480: SubjectPublicKeyInfo of a point on P-256. */
	unsigned char der[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
			       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
			       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, [26 + POINT - 1] = 0};
	return find_object(token, uri, CKO_PRIVATE_KEY, &token->private, err) &&
	       find_object(token, uri, CKO_PUBLIC_KEY, &token->public, err) && read_point(token, der + 26, err) &&
	       key_from_public_der(der, sizeof der, token->name, ret_public, err);
}

static bool write_der(const unsigned char *raw, struct buf *signature) {
	unsigned char *der = NULL;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, HALF, NULL), *s = BN_bin2bn(raw + HALF, HALF, NULL);
	if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1)
		abort(); /* memory alone can be the reason */
	int len = i2d_ECDSA_SIG(pair, &der);
	if (len > 0)
		buf_add(signature, der, (size_t)len);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	return len > 0;
}

bool token_sign(struct token *token, const void *digest, struct buf *signature, struct err *err) {
	CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
	unsigned char raw[2 * HALF];
	CK_ULONG len = sizeof raw;
	CK_RV code = token->calls->C_SignInit(token->session, &mechanism, token->private);
	if (code == CKR_OK)
		code = token->calls->C_Sign(token->session, (unsigned char *)digest, HASH_LEN, raw, &len);
	if (code != CKR_OK)
		return failed(token, "sign", code, err);
	return (len == sizeof raw && write_der(raw, signature)) ||
	       err_set(err, ERR_CRYPTO, token->name, "what it gave is no signature");
}

void token_forget_key(struct token *token) {
	token->calls->C_DestroyObject(token->session, token->private);
	token->calls->C_DestroyObject(token->session, token->public);
}
