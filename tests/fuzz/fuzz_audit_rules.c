/* The reader of audit rules over any bytes: what it takes has a canonical form. */
#include "sources/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *status = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!audit_rules_parse(data, size, "audit:rules", &list, &err)) {
		if (err.code != ERR_MALFORMED)
			abort();
	} else if (!json_canonical(list, &bytes, &err)) {
		abort();
	}
	if (audit_status_parse(data, size, "audit:status", &status, &err) && !json_canonical(status, &bytes, &err))
		abort();
	return 0;
}
