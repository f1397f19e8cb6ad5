/* lastlog and wtmp of any bytes: whole records give times that are none or after 1970. */
#include "core/logins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char name[] = "file:/var/log/wtmp";
	struct source source = {.name = name};
	struct wtmp_seen seen = {0};
	struct err err = {0};
	int64_t time = 0;
	buf_add(&source.bytes, data, size);
	bool is_lastlog = lastlog_of(&source, (int64_t)(size / 7), &time, &err);
	bool is_wtmp = wtmp_look(&source, "root", &seen, &err);
	bool is_wrong = time < 0 || seen.last < 0 || seen.oldest < 0 || (seen.last && seen.last < seen.oldest);
	if (is_wrong || (!(is_lastlog && is_wtmp) && err.code != ERR_MALFORMED))
		abort();
	buf_done(&source.bytes);
	return 0;
}
