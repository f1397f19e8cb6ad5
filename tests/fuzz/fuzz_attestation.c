/* Attestations from a host: what is read can be written, and is read again as the same bytes. */
#include "core/attestation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL, *second = NULL;
	CLEANUP(buf_done) struct buf once = {0}, twice = {0};
	if (!attestation_read(data, size, "fuzz", &attestation, &err))
		return 0;
	if (!attestation_write(attestation, &once, &err) ||
	    !attestation_read(once.data, once.len, "fuzz", &second, &err) || !attestation_write(second, &twice, &err) ||
	    strcmp(buf_str(&once), buf_str(&twice)) != 0)
		abort();
	return 0;
}
