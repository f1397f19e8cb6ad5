#include "core/ssh_key.h"

#include <string.h>

#include "core/base64.h"
#include "core/text.h"

static bool fault(const char *where, const char *why, struct err *err) {
	return err_set(err, ERR_MALFORMED, where, "no public key of SSH: %s", why);
}

/* The size in bits of an mpint (RFC 4251 5); 0: negative or cut. */
static unsigned read_bits(struct cursor *cursor) {
	size_t len = cursor_u32be(cursor);
	const unsigned char *bytes = cursor_bytes(cursor, len);
	if (!bytes || len == 0 || len > SSH_KEY_LONGEST || bytes[0] & 0x80)
		return 0;
	while (len > 0 && *bytes == 0) {
		bytes++;
		len--;
	}
	unsigned bits = (unsigned)len * 8;
	for (unsigned char top = len ? *bytes : 0xff; !(top & 0x80); top = (unsigned char)(top << 1))
		bits--;
	return bits;
}

static unsigned curve_bits(const char *type) {
	static const struct {
		const char *end;
		unsigned bits;
	} curves[] = {{"nistp256", 256}, {"nistp384", 384}, {"nistp521", 521}, {"ssh-ed25519", 256}};
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (text_ends(type, curves[i].end))
			return curves[i].bits;
	return 0;
}

/* RSA: exponent, modulus; DSA: modulus first. */
static bool read_blob(const struct buf *blob, const char *where, struct ssh_key *key, struct err *err) {
	struct cursor cursor = cursor_over(blob->data, blob->len);
	size_t len = cursor_u32be(&cursor);
	const unsigned char *type = cursor_bytes(&cursor, len);
	if (!type || len != strlen(key->type) || memcmp(type, key->type, len) != 0)
		return fault(where, "its two types differ", err);
	key->bits = curve_bits(key->type);
	bool is_rsa = !strcmp(key->type, "ssh-rsa"), is_dsa = !strcmp(key->type, "ssh-dss");
	if (is_rsa)
		cursor_bytes(&cursor, cursor_u32be(&cursor));
	if (is_rsa || is_dsa)
		key->bits = read_bits(&cursor);
	if (cursor.bad || ((is_rsa || is_dsa) && key->bits == 0))
		return fault(where, "its numbers are cut", err);
	return !is_rsa || cursor_at_end(&cursor) || fault(where, "something follows its numbers", err);
}

bool ssh_key_read(const char *data, size_t len, const char *where, struct ssh_key *ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf blob = {0};
	struct ssh_key key = {0};
	size_t size = 0;
	while (size < len && data[size] != '\n' && data[size] != '\0')
		size++;
	if (size > SSH_KEY_LONGEST)
		return fault(where, "its line is too long", err);
	CLEANUP(free_ptr) char *line = xstrndup(data, size);
	char *rest = line, *type = text_word(&rest), *text = type ? text_word(&rest) : NULL;
	if (!text || strlen(type) >= sizeof key.type)
		return fault(where, "not TYPE and BASE64", err);
	snprintf(key.type, sizeof key.type, "%s", type);
	text[strcspn(text, "\r")] = '\0';
	if (!base64_decode(text, strlen(text), where, &blob, err))
		return fault(where, "its second word is not base64", err);
	if (!read_blob(&blob, where, &key, err))
		return false;
	*ret_key = key;
	return true;
}
