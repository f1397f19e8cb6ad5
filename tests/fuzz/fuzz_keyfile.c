/* The look at private keys over any bytes: it says one of three things, and never a byte of the file. */
#include "sources/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *value = keyfile_parse((const char *)data, size);
	if (!value || !json_canonical(value, &bytes, &err) || bytes.len > 64)
		abort();
	return 0;
}
