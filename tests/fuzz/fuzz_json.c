/* JSON from bytes: what reads and has a canonical form reads again from it, and has the same. */
#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(json_decref_p) json_t *again = NULL;
	CLEANUP(buf_done) struct buf first = {0};
	CLEANUP(buf_done) struct buf second = {0};
	if (!json_read((const char *)data, size, 1U << 20, "fuzz", &value, &err) ||
	    !json_canonical(value, &first, &err))
		return 0;
	if (!json_read(first.data, first.len, SIZE_MAX, "canonical", &again, &err) ||
	    !json_canonical(again, &second, &err) || first.len != second.len ||
	    memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
