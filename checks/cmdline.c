/* The command line that the running kernel was started with. It may hold secrets: only what the rule names is shown. */
#include "core/cmdline.h"
#include "core/check.h"
#include "core/row.h"

#define CMDLINE "file:/proc/cmdline"

static const struct check_param params[] = {
	{"names", VALUE_STRINGS, true, "The parameters to show: audit, mitigations, ..."},
	{0},
};

static const struct check_field fields[] = {
	{"name", VALUE_STRING, NULL, "The parameter.", PRIVACY_PUBLIC, false},
	{"present", VALUE_BOOL, NULL, "Whether it is on the command line.", PRIVACY_PUBLIC, false},
	{"value", VALUE_STRING, NULL, "Its value, of several the last; not there for one without value.",
	 PRIVACY_PUBLIC, false},
	{"number", VALUE_INT, NULL, "The same as a number, where it is one.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {CMDLINE, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, CMDLINE);
}

static void add_name(json_t *rows, const char *cmdline, const char *name) {
	CLEANUP(free_ptr) char *text = xstrdup(cmdline);
	const char *last = NULL;
	char *at = text, *word;
	while ((word = cmdline_next(&at)))
		if (cmdline_is(word, name))
			last = word;
	const char *equals = last ? strchr(last, '=') : NULL;
	json_t *row = row_add(rows);
	row_text(row, "name", name);
	row_bool(row, "present", last != NULL);
	row_text(row, "value", equals ? equals + 1 : NULL);
	char *end = NULL;
	long long number = equals ? strtoll(equals + 1, &end, 0) : 0;
	if (end && end != equals + 1 && *end == '\0')
		row_int(row, "number", number);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *cmdline;
	const char *name;
	if (!source_maybe(fetched, CMDLINE, &cmdline, err))
		return false;
	if (!cmdline)
		return err_set(err, ERR_UNPROVED, CMDLINE, "no /proc here to see the running kernel in");
	for (size_t i = 0; (name = param_strings_at(with, "names", i)); i++)
		add_name(rows, buf_str(&cmdline->bytes), name);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_cmdline = {
	.name = "cmdline",
	.about = "Parameters that the running kernel was started with.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
