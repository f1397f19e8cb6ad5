/* The certificates that somebody hands over in a file, with a key of his own choice. */
#include "agent/enrol_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	STACK_OF(X509) *found = NULL;
	struct err err;
	if (enrol_certificates((const char *)data, size, "fuzz", &found, &err))
		sk_X509_pop_free(found, X509_free);
	return 0;
}
