/* A running service, and files that it reads when it starts: which of them have changed since. */
#include "core/check.h"
#include "core/etc.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"unit", VALUE_STRING, true, "A service, as auditd.service."},
	{"files", VALUE_STRINGS, true, "The files; one that is not there has not changed."},
	{0},
};

static const struct check_field fields[] = {
	{"unit", VALUE_STRING, NULL, "The service.", PRIVACY_PUBLIC, false},
	{"active", VALUE_BOOL, NULL, "Whether it runs.", PRIVACY_PUBLIC, false},
	{"started", VALUE_TIME, NULL, "When its main process was started; not there where it does not run.",
	 PRIVACY_PUBLIC, false},
	{"changed", VALUE_STRINGS, NULL,
	 "Files written or exchanged since; not there for none. A reload that made it read them is not seen.",
	 PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {"unit:*", "file:/*", ETC_SOURCE, NULL};

static char *unit_name(const json_t *with) { return xasprintf("unit:%s", param_string(with, "unit", "")); }

static void paths(const json_t *with, struct names *into) {
	const char *file;
	names_add_pattern(into, "unit:", param_string(with, "unit", ""));
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		names_add_pattern(into, "file:", file);
	names_add(into, ETC_SOURCE);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *unit = unit_name(with);
	const char *file;
	names_add(names, unit);
	names_add(names, ETC_SOURCE);
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		names_addf(names, "file:%s", file);
}

static bool add_changed(json_t *row, const json_t *with, const struct sources *fetched, int64_t started,
			struct err *err) {
	const char *file;
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("file:%s", file);
		const struct source *source;
		if (!etc_maybe(fetched, name, &source, err))
			return false;
		if (source && !source->meta.known)
			return err_set(err, ERR_UNPROVED, name, "nothing says when it was written");
		if (source && (source->meta.mtime > started || source->meta.ctime > started))
			row_text_append(row, "changed", file);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(free_ptr) char *name = unit_name(with);
	json_t *unit, *row = row_add(rows);
	const char *state;
	int64_t started;
	if (!text_ends(name, ".service"))
		return err_set(err, ERR_MALFORMED, "unit", "only a service has a main process");
	if (!source_need_json(fetched, name, &unit, err) || !json_get_string(unit, "ActiveState", name, &state, err) ||
	    !json_get_int(unit, "ExecMainStartTimestamp", name, &started, err))
		return false;
	bool is_active = (!strcmp(state, "active") || !strcmp(state, "reloading")) && started > 0;
	row_text(row, "unit", param_string(with, "unit", ""));
	row_bool(row, "active", is_active);
	if (is_active) {
		row_time(row, "started", started / 1000000);
		if (!add_changed(row, with, fetched, started / 1000000, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_unit_config = {
	.name = "unit_config",
	.about = "A running service, and files that it reads when it starts: which of them have changed since.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
