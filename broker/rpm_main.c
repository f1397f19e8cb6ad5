/* vouch-rpm-packages FOLDER: what an rpm database holds, as canonical JSON on standard output:
 * [{"arch","epoch"?,"installed","name","release","version"}...], by name. FOLDER holds the database itself; nothing is
 * written there. A program of its own, so that librpm is in no process that stays.
 *
 * librpm warns and goes on where it should not: a format that it was not built for becomes an empty database, a header
 * that is broken is passed over. Whatever it complains of ends this program with 1, its words on standard error. */
#include <rpm/rpmdb.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmts.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/text.h"

#define PACKAGES_MOST 100000

static int complained(rpmlogRec record, rpmlogCallbackData data) {
	bool *is_wrong = data;
	if (rpmlogRecPriority(record) > RPMLOG_WARNING)
		return 0;
	*is_wrong = true;
	fputs(rpmlogRecMessage(record), stderr);
	return 0;
}

/* The formats that there are, by the file that each has. */
static const char *backend_of(const char *folder) {
	static const char *const formats[][2] = {
		{"rpmdb.sqlite", "sqlite"}, {"Packages.db", "ndb"}, {"Packages", "bdb_ro"}};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		CLEANUP(free_ptr) char *path = xasprintf("%s/%s", folder, formats[i][0]);
		if (access(path, F_OK) == 0)
			return formats[i][1];
	}
	return NULL;
}

static void add_text(json_t *row, const char *key, Header header, rpmTag tag) {
	const char *text = headerGetString(header, tag);
	if (text)
		json_object_set_new(row, key, json_text(text));
}

static json_t *package_of(Header header) {
	json_t *row = json_object();
	add_text(row, "name", header, RPMTAG_NAME);
	add_text(row, "version", header, RPMTAG_VERSION);
	add_text(row, "release", header, RPMTAG_RELEASE);
	add_text(row, "arch", header, RPMTAG_ARCH);
	json_object_set_new(row, "installed", json_integer((json_int_t)headerGetNumber(header, RPMTAG_INSTALLTIME)));
	if (headerIsEntry(header, RPMTAG_EPOCH))
		json_object_set_new(row, "epoch", json_integer((json_int_t)headerGetNumber(header, RPMTAG_EPOCH)));
	return row;
}

/* False: there are too many. */
static bool read_all(rpmts set, json_t *rows) {
	rpmdbMatchIterator all = rpmtsInitIterator(set, RPMDBI_PACKAGES, NULL, 0);
	Header header;
	while (json_array_size(rows) <= PACKAGES_MOST && (header = rpmdbNextIterator(all)))
		json_array_append_new(rows, package_of(header));
	rpmdbFreeIterator(all);
	return json_array_size(rows) <= PACKAGES_MOST;
}

/* By name; of what is installed more than once, by version, release and architecture. */
static int by_name(const void *a, const void *b) {
	static const char *const keys[] = {"name", "version", "release", "arch"};
	const json_t *const *first = a, *const *second = b;
	int order = 0;
	for (size_t i = 0; i < ARRAY_LEN(keys) && order == 0; i++) {
		const char *one = json_string_value(json_object_get(*first, keys[i]));
		const char *other = json_string_value(json_object_get(*second, keys[i]));
		order = strcmp(one ? one : "", other ? other : "");
	}
	return order;
}

/* The database's own order is that of its numbers. */
static bool print_sorted(const json_t *rows) {
	size_t count = json_array_size(rows);
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(json_decref_p) json_t *sorted = json_array();
	const json_t **all = xcalloc(count + 1, sizeof(const json_t *));
	struct err err;
	for (size_t i = 0; i < count; i++)
		all[i] = json_array_get(rows, i);
	qsort(all, count, sizeof(const json_t *), by_name);
	for (size_t i = 0; i < count; i++)
		json_array_append(sorted, (json_t *)all[i]);
	free(all);
	return json_canonical(sorted, &text, &err) && puts(buf_str(&text)) >= 0 && fflush(stdout) == 0;
}

static bool print_packages(const char *folder, const char *backend) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	bool is_wrong = false;
	rpmlogSetCallback(complained, &is_wrong);
	rpmPushMacro(NULL, "_dbpath", NULL, folder, RMIL_CMDLINE);
	rpmPushMacro(NULL, "_db_backend", NULL, backend, RMIL_CMDLINE);
	rpmts set = rpmtsCreate();
	/* Digests of headers are checked; signatures would need the keys, and say nothing of what is installed. */
	rpmtsSetVSFlags(set, RPMVSF_MASK_NOSIGNATURES);
	bool is_read = rpmtsOpenDB(set, 0) == 0 && read_all(set, rows);
	rpmtsFree(set);
	return is_read && !is_wrong && print_sorted(rows);
}

int main(int argc, char **argv) {
	if (argc != 2 || argv[1][0] != '/') {
		fprintf(stderr, "usage: vouch-rpm-packages FOLDER\n");
		return 2;
	}
	const char *backend = backend_of(argv[1]);
	if (!backend) {
		fprintf(stderr, "no rpm database in %s\n", argv[1]);
		return 1;
	}
	return print_packages(argv[1], backend) ? 0 : 1;
}
