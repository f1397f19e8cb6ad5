/* The readers of what restic and borg print, over any bytes: the first one chooses which. What they take has times and
 * names that can be told, what they refuse a reason. */
#include "plugins/copies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list(bool is_restic, const char *text, size_t len) {
	CLEANUP(copies_done) struct copies copies = {0};
	const struct copies_filter filter = {.now = 1795334400};
	struct err err = {0};
	bool is_read = is_restic ? restic_read_copies(text, len, &filter, &copies, &err)
				 : borg_read_copies(text, len, &filter, &copies, &err);
	if (!is_read && err.code != ERR_MALFORMED && err.code != ERR_UNREADABLE)
		abort();
	for (size_t i = 0; i < copies.count; i++)
		if (!*copies.all[i].id || (copies_should_hold(&copies.all[i], "/") && !copies.all[i].excludes))
			abort();
}

static void entry(bool is_restic, const char *text, size_t len) {
	struct entry seen = {0};
	struct err err = {0};
	bool is_read = is_restic ? restic_read_entry(text, len, &seen, &err) : borg_read_entry(text, len, &seen, &err);
	if (is_read && seen.path && (*seen.path != '/' || seen.size < 0))
		abort();
	if (!is_read && err.code != ERR_MALFORMED)
		abort();
	free(seen.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	const char *text = (const char *)data + 1;
	if (data[0] & 2)
		list(data[0] & 1, text, size - 1);
	else
		entry(data[0] & 1, text, size - 1);
	return 0;
}
