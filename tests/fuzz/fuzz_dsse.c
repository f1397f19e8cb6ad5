/* Envelopes from anybody: what is read can be written, and read again as the same. */
#include "core/dsse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(json_decref_p) json_t *object = NULL, *again = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL, *second = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	if (!json_read((const char *)data, size, DSSE_ENVELOPE_LARGEST, "fuzz", &object, &err) ||
	    !dsse_from_json(object, "fuzz", &envelope, &err))
		return 0;
	dsse_write(envelope, &text);
	if (!json_read(text.data, text.len, 2 * DSSE_ENVELOPE_LARGEST, "fuzz", &again, &err) ||
	    !dsse_from_json(again, "fuzz", &second, &err))
		abort();
	struct hash a = dsse_digest(envelope), b = dsse_digest(second);
	if (!hash_equal(&a, &b) || envelope->signature_count != second->signature_count)
		abort();
	return 0;
}
