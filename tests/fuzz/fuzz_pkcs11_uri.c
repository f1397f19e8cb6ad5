/* PKCS#11 URIs, of the command line and of the key's file: what is taken has its two parts and keeps to its caps. */
#include "core/pkcs11_uri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	CLEANUP(pkcs11_uri_done) struct pkcs11_uri uri = {0}, again = {0};
	struct err err;
	if (!pkcs11_uri_read(text, &uri, &err))
		return 0;
	if (!uri.token || !uri.module || *uri.module != '/' || uri.id.len > PKCS11_ID_LONGEST)
		abort();
	if (uri.id.len || strlen(text) + 16 > PKCS11_URI_LONGEST)
		return 0;
	CLEANUP(free_ptr) char *with_id = pkcs11_uri_with_id(text, "\0;?", 3);
	if (!pkcs11_uri_read(with_id, &again, &err) || again.id.len != 3 || strcmp(again.token, uri.token) != 0)
		abort();
	return 0;
}
