/* The certificates that a collector sends before anything is trusted. */
#include "agent/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	STACK_OF(X509) *found = NULL;
	struct err err;
	if (est_certificates((const char *)data, size, "fuzz", &found, &err))
		sk_X509_pop_free(found, X509_free);
	return 0;
}
