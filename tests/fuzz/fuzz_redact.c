/* Redaction of any source: a name, a zero, its bytes. What is left out is empty, and canonical JSON stays JSON. */
#include "cli/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_json(const struct source *source) {
	struct err err;
	json_t *value = NULL;
	bool is_read = json_read(buf_str(&source->bytes), source->bytes.len, SOURCE_LARGEST, "", &value, &err);
	json_decref(value);
	return is_read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct masker *masker;
	const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
	if (!zero)
		return 0;
	if (!masker)
		masker = masker_new();
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct source *source = sources_add(set, (const char *)data);
	buf_add(&source->bytes, zero + 1, size - 1 - (size_t)(zero - data));
	bool was_json = is_json(source);
	struct redaction done = redact(masker, source);
	if (done.is_left_out != (source->err.code == ERR_DENIED) || (done.is_left_out && source->bytes.len > 0))
		abort();
	if (was_json && strncmp(source->name, "file:", 5) != 0 && !done.is_left_out && !is_json(source))
		abort();
	return 0;
}
