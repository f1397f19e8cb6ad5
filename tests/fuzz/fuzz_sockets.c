/* The reader of the kernel's list of sockets over any bytes: what it takes has a canonical form. */
#include "sources/sockets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!sockets_parse(data, size, "sockets:listen", &list, &err)) {
		if (err.code != ERR_MALFORMED)
			abort();
	} else if (!json_canonical(list, &bytes, &err)) {
		abort();
	}
	return 0;
}
