/* The reader of /proc/PID/net/tcp and its like over any bytes; the first says which of the four. */
#include "sources/netfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (size == 0)
		return 0;
	if (!netfile_parse((const char *)data + 1, size - 1, data[0] & 1, data[0] & 2, "netfile:", &list, &err)) {
		if (err.code != ERR_MALFORMED && err.code != ERR_UNPROVED)
			abort();
	} else if (!json_canonical(list, &bytes, &err)) {
		abort();
	}
	return 0;
}
