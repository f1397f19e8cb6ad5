/* Bundles and trust files from anybody. Against the trust file of docs/AUDITING.md, whose keys nobody else has, nothing
 * may verify but the statement that is in its bundle. */
#include "core/bundle.h"
#include "core/file.h"

#define AUDIT SOURCE_DIR "/tests/vectors/audit/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hash expected;

static struct trust *trust_of_the_page(void) {
	struct err err;
	struct trust *trust = NULL;
	CLEANUP(buf_done) struct buf text = {0}, bundle = {0};
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	if (!file_read(AUDIT "trust.json", TRUST_LARGEST, &text, &err) ||
	    !file_read(AUDIT "bundle.sigstore.json", BUNDLE_LARGEST, &bundle, &err) ||
	    !trust_read(text.data, text.len, "trust", &trust, &err) ||
	    !bundle_verify(bundle.data, bundle.len, "bundle", trust, &proved, &err))
		abort();
	expected = dsse_digest(proved.envelope);
	return trust;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct trust *trust;
	struct err err;
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	CLEANUP(trust_free_p) struct trust *read = NULL;
	if (!trust)
		trust = trust_of_the_page();
	if (bundle_verify((const char *)data, size, "fuzz", trust, &proved, &err)) {
		struct hash digest = dsse_digest(proved.envelope);
		if (!hash_equal(&digest, &expected) || proved.index != 170 || proved.checkpoint.size != 300)
			abort();
	}
	if (trust_read((const char *)data, size, "fuzz", &read, &err))
		json_decref(trust_json(read, 0));
	return 0;
}
