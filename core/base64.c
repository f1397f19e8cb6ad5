#include "core/base64.h"

#include <openssl/evp.h>

char *base64_encode(const void *data, size_t len) {
	char *text = xmalloc((len + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, data ? data : (const void *)"", (int)len);
	return text;
}

static int sextet(char c) {
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(const char *text, size_t len, const char *where, struct buf *ret_bytes, struct err *err) {
	while (len > 0 && len % 4 == 0 && text[len - 1] == '=' &&
	       text[len - 1 - (len > 1 && text[len - 2] == '=')] == '=')
		len -= len > 1 && text[len - 2] == '=' ? 2 : 1;
	struct buf bytes = {0};
	unsigned char *out = (unsigned char *)buf_room(&bytes, len / 4 * 3 + 3);
	unsigned bits = 0, kept = 0;
	for (size_t i = 0; i < len; i++) {
		int value = sextet(text[i]);
		if (value < 0) {
			buf_done(&bytes);
			return err_set(err, ERR_MALFORMED, where, "not base64 at byte %zu", i);
		}
		bits = bits << 6 | (unsigned)value;
		kept += 6;
		if (kept >= 8) {
			kept -= 8;
			out[bytes.len++] = (unsigned char)(bits >> kept);
			bits &= (1U << kept) - 1;
		}
	}
	if (len % 4 == 1 || bits != 0) {
		buf_done(&bytes);
		return err_set(err, ERR_MALFORMED, where, "base64 breaks off");
	}
	out[bytes.len] = '\0';
	*ret_bytes = bytes;
	return true;
}
