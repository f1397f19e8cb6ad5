/* Time-stamp responses from anybody, and certificates as PEM. Against the root of the seed, whose signer's key is gone,
 * nothing may hold but what says the seed's time over the seed's data. */
#include "core/file.h"
#include "core/timestamp.h"

#define SEEDS SOURCE_DIR "/tests/vectors/timestamp/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct timestamp_trust *trust;
static struct hash imprint;
static int64_t time_of_seed;

static void read_seed(void) {
	struct err err;
	CLEANUP(buf_done) struct buf root = {0}, response = {0}, text = {0};
	CLEANUP(timestamp_done) struct timestamp said = {0};
	trust = timestamp_trust_new();
	if (!file_read(SEEDS "root.pem", TIMESTAMP_PEM_LARGEST, &root, &err) ||
	    !file_read(SEEDS "text", 1024, &text, &err) ||
	    !file_read(SEEDS "response.tsr", TIMESTAMP_RESPONSE_LARGEST, &response, &err) ||
	    !timestamp_trust_add(trust, root.data, root.len, "root", &err))
		abort();
	imprint = timestamp_imprint(text.data, text.len);
	if (!timestamp_verify(response.data, response.len, &imprint, NULL, trust, "seed", &said, &err))
		abort();
	time_of_seed = said.time;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(timestamp_done) struct timestamp said = {0};
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *read = timestamp_trust_new();
	if (!trust)
		read_seed();
	if (timestamp_verify(data, size, &imprint, NULL, trust, "fuzz", &said, &err) && said.time != time_of_seed)
		abort();
	if (!timestamp_trust_add(read, (const char *)data, size, "fuzz", &err))
		return 0;
	CLEANUP(certificates_free_p) STACK_OF(X509) *certificates = NULL;
	CLEANUP(buf_done) struct buf pem = {0};
	if (!timestamp_certificates((const char *)data, size, "fuzz", &certificates, &err))
		abort();
	json_decref(timestamp_chain_json(certificates));
	timestamp_pem(certificates, 0, &pem);
	return 0;
}
