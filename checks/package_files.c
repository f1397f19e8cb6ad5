/* Whether the files of packages are what the packages brought. */
#include "core/check.h"
#include "core/row.h"
#include "core/rpm.h"
#include "core/text.h"

#include <fnmatch.h>

#define VERIFY "dpkg:verify"
#define VERIFY_ALL "dpkg:verify?all"

static const struct check_param params[] = {
	{"all", VALUE_BOOL, false,
	 "true: all files but those below /etc. Default false: programs and libraries, below bin, sbin, lib, libexec, "
	 "games and opt."},
	{"except", VALUE_STRINGS, false, "Patterns (as in the shell) of paths that may differ. Default: none."},
	{0},
};

static const struct check_field fields[] = {
	{"manager", VALUE_STRING, NULL, "dpkg.", PRIVACY_PUBLIC, false},
	{"packages", VALUE_INT, NULL, "Packages with digests of their files.", PRIVACY_PUBLIC, false},
	{"files", VALUE_INT, NULL, "Files that were held against their digest.", PRIVACY_PUBLIC, false},
	{"bytes", VALUE_SIZE, "bytes", "What was read for that.", PRIVACY_PUBLIC, true},
	{"changed", VALUE_INT, NULL, "Files that differ, are missing or are no files, the exceptions left out.",
	 PRIVACY_PUBLIC, false},
	{"denied", VALUE_INT, NULL, "Files that could not be read.", PRIVACY_PUBLIC, false},
	{"excepted", VALUE_INT, NULL, "Files that differ and may.", PRIVACY_PUBLIC, false},
	{"differing", VALUE_STRINGS, NULL, "The first of all these, each with its package and how it differs.",
	 PRIVACY_PUBLIC, false},
	{"absent_doc", VALUE_INT, NULL, "Missing files of documentation, which images leave out.", PRIVACY_PUBLIC,
	 false},
	{"unlisted", VALUE_STRINGS, NULL, "Packages without digests, the first of them.", PRIVACY_PUBLIC, false},
	{"unlisted_count", VALUE_INT, NULL, "How many those are.", PRIVACY_PUBLIC, false},
	{"database_sha256", VALUE_STRING, NULL, "Of all digests that dpkg keeps, to be held against another host's.",
	 PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {VERIFY, "dpkg:verify[?]all", RPMDB, NULL};

static const char *name_of(const json_t *with) { return param_bool(with, "all", false) ? VERIFY_ALL : VERIFY; }

static void paths(const json_t *with, struct names *names) {
	names_add(names, param_bool(with, "all", false) ? "dpkg:verify[?]all" : VERIFY);
	names_add(names, RPMDB);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, name_of(with));
	names_add(names, RPMDB);
}

static bool is_excepted(const json_t *with, const char *path) {
	const char *pattern;
	for (size_t i = 0; (pattern = param_strings_at(with, "except", i)); i++)
		if (fnmatch(pattern, path, 0) == 0)
			return true;
	return false;
}

/* More differ than are named: which of them are excepted cannot be told. */
static bool is_whole(const json_t *with, json_int_t count, const json_t *list, struct err *err) {
	if ((size_t)count <= json_array_size(list) || !param_strings_at(with, "except", 0))
		return true;
	return err_set(err, ERR_UNREADABLE, name_of(with), "%lld files differ, too many to leave some out",
		       (long long)count);
}

static bool add_differing(const json_t *with, json_t *row, const json_t *seen, struct err *err) {
	json_t *list = NULL, *one;
	int64_t count = 0, denied = 0, excepted = 0;
	size_t i;
	if (!json_get_array(seen, "differing", VERIFY, &list, err) ||
	    !json_get_int(seen, "differing_count", VERIFY, &count, err) || !is_whole(with, count, list, err))
		return false;
	json_object_set_new(row, "differing", json_array());
	json_array_foreach(list, i, one) {
		const char *path, *package, *how;
		if (!json_get_string(one, "path", VERIFY, &path, err) ||
		    !json_get_string(one, "package", VERIFY, &package, err) ||
		    !json_get_string(one, "how", VERIFY, &how, err))
			return false;
		CLEANUP(free_ptr) char *text = xasprintf("%s (%s): %s", path, package, how);
		row_text_append(row, "differing", text);
		if (is_excepted(with, path))
			excepted++;
		else
			denied += !strcmp(how, "denied");
	}
	row_int(row, "excepted", excepted);
	row_int(row, "denied", denied);
	row_int(row, "changed", count - excepted - denied);
	return true;
}

static bool add_counts(json_t *row, const json_t *seen, struct err *err) {
	static const char *const counts[] = {"packages", "files", "bytes", "absent_doc", "unlisted_count"};
	const char *digest;
	json_t *unlisted = NULL, *name;
	int64_t count = 0;
	size_t i;
	for (i = 0; i < ARRAY_LEN(counts); i++) {
		if (!json_get_int(seen, counts[i], VERIFY, &count, err))
			return false;
		row_int(row, counts[i], count);
	}
	if (!json_get_string(seen, "database_sha256", VERIFY, &digest, err) ||
	    !json_get_array(seen, "unlisted", VERIFY, &unlisted, err))
		return false;
	row_text(row, "database_sha256", digest);
	json_object_set_new(row, "unlisted", json_array());
	json_array_foreach(unlisted, i, name) row_text_append(row, "unlisted", json_string_value(name));
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *seen = NULL, *rpms = NULL;
	if (!source_maybe_json(fetched, name_of(with), &seen, err))
		return false;
	if (!seen && !source_maybe_json(fetched, RPMDB, &rpms, err))
		return false;
	if (!seen)
		return err_set(err, ERR_UNPROVED, name_of(with),
			       rpms ? "the files of rpm packages are not held against their digests here"
				    : "no packages to see here");
	json_t *row = row_add(rows);
	row_text(row, "manager", "dpkg");
	if (!add_differing(with, row, seen, err) || !add_counts(row, seen, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_package_files = {
	.name = "package_files",
	.about = "Whether the files of packages are what the packages brought.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
