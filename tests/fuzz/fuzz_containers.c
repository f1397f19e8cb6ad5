/* The reader of container specifications over any bytes: what it takes has a canonical form, what it refuses a reason.
 */
#include "sources/containers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!containers_spec((const char *)data, size, "containers:", &value, &err)) {
		if (err.code != ERR_MALFORMED)
			abort();
	} else if (!json_canonical(value, &bytes, &err)) {
		abort();
	}
	return 0;
}
