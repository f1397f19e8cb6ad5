/* authorized_keys files of any content: what is taken for a key has a type and a fingerprint. */
#include "core/authorized_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err = {0};
	json_t *row;
	size_t i;
	if (!authorized_keys_read("keys", (const char *)data, size, list, &err) && err.code != ERR_MALFORMED)
		abort();
	json_array_foreach(list, i, row) {
		bool understood = json_is_true(json_object_get(row, "understood"));
		if (understood != (json_object_get(row, "fingerprint") != NULL) ||
		    understood != (json_object_get(row, "type") != NULL))
			abort();
	}
	if (!json_canonical(list, &bytes, &err))
		abort();
	return 0;
}
