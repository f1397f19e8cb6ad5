/* Units that have failed. */
#include "core/check.h"
#include "core/row.h"

#define FAILED "units:failed"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"unit", VALUE_STRING, NULL, "A unit whose last run failed.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {FAILED, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, FAILED);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	json_t *list, *name;
	size_t i;
	if (!source_need_json(fetched, FAILED, &list, err))
		return false;
	if (!json_is_array(list))
		return err_set(err, ERR_MALFORMED, FAILED, "not a list");
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_array_foreach(list, i, name) {
		if (!json_is_string(name))
			return err_set(err, ERR_MALFORMED, FAILED, "a name is not a text");
		row_text(row_add(rows), "unit", json_string_value(name));
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_units_failed = {
	.name = "units_failed",
	.about = "The loaded units that have failed, as systemd says: no row where there is none.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
