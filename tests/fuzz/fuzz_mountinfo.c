/* The parser of mountinfo over any bytes: what it takes has a canonical form, what it refuses has a line. */
#include "sources/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!mounts_parse((const char *)data, size, "mounts:", &list, &err)) {
		if (err.code != ERR_MALFORMED || err.line == 0)
			abort();
	} else if (!json_canonical(list, &bytes, &err)) {
		abort();
	}
	return 0;
}
