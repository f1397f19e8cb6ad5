/* What dpkg keeps of files, what the rpm program says, repomd.xml and versions, over any text. */
#include <stdint.h>

#include "core/lines.h"
#include "core/repomd.h"
#include "core/rpm.h"
#include "sources/dpkg_verify.h"
#include "sources/rpmdb.h"

static void read_digests(const char *text) {
	const char *path = NULL;
	if (dpkg_md5sums_line(text, &path) && (!*path || *path == '/' || strstr(path, "/../")))
		abort();
	if (path)
		dpkg_is_program(path);
}

static void read_diversions(const char *text, size_t len) {
	CLEANUP(dpkg_diversions_free_p) struct dpkg_diversions *diversions = NULL;
	struct err err;
	if (!dpkg_diversions_parse("fuzz", text, len, &diversions, &err)) {
		if (!err_is_of_look(err.code))
			abort();
		return;
	}
	if (strcmp(dpkg_diverted(diversions, "/usr/bin/a", "a"), "") == 0 && !strstr(text, "/usr/bin/a"))
		abort();
}

static void read_texts(const char *text) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	struct repomd repomd;
	struct err err;
	if (!rpmdb_parse(text, "fuzz", &list, &err) && !err_is_of_look(err.code))
		abort();
	if (!repomd_read("fuzz", text, &repomd, &err) && err.code != ERR_MALFORMED)
		abort();
}

/* One order, whichever way round. */
static void compare(const char *text) {
	CLEANUP(free_ptr) char *copy = xstrdup(text);
	char *newline = strchr(copy, '\n');
	if (!newline)
		return;
	*newline = '\0';
	if (rpm_part_compare(copy, newline + 1) != -rpm_part_compare(newline + 1, copy) ||
	    rpm_part_compare(copy, copy) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	read_digests(text);
	read_diversions((const char *)data, size);
	read_texts(text);
	compare(text);
	return 0;
}
