/* A compressed request from a host: what comes out is under the cap and packs again to what comes out. */
#include "core/gzip.h"

#define MOST 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0}, packed = {0}, again = {0};
	if (!gzip_read(data, size, MOST, "fuzz", &bytes, &err))
		return 0;
	if (bytes.len > MOST)
		abort();
	gzip_write(bytes.data, bytes.len, &packed);
	if (!gzip_read(packed.data, packed.len, MOST, "fuzz", &again, &err) || again.len != bytes.len ||
	    (again.len > 0 && memcmp(again.data, bytes.data, again.len) != 0))
		abort();
	return 0;
}
