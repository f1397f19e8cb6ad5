/* The audit rules that are loaded, against those on disk and those that a policy asks for. */
#include "core/accounts.h"
#include "core/audit_cover.h"
#include "core/audit_file.h"
#include "core/check.h"
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define KERNEL "audit:rules"
#define FOLDER "/etc/audit/rules.d"
#define COMPILED "file:/etc/audit/audit.rules"
#define SUFFIX ".rules"

static const char *const folders[] = {FOLDER, NULL};

static const struct check_param params[] = {
	{"required", VALUE_STRINGS, false,
	 "Rules, as auditctl takes them, of the list exit: what they record has to be recorded by what is loaded. "
	 "Paths "
	 "that are folders end in a slash. Default: none."},
	{"exceptions", VALUE_STRINGS, false,
	 "Rules that may take away events (-a never,...; -a always,exclude), as auditctl takes them. Default: none."},
	{0},
};

static const struct check_field fields[] = {
	{"text", VALUE_STRING, NULL, "The rule, as the policy or the file has it, or as auditctl -l shows it.",
	 PRIVACY_PUBLIC, false},
	{"origin", VALUE_STRING, NULL,
	 "required: by the policy; disk: a file has it; kernel: it is loaded, and no file has it.", PRIVACY_PUBLIC,
	 false},
	{"loaded", VALUE_BOOL, NULL,
	 "required: all that it records is recorded by rules that are loaded; else: whether it is itself.",
	 PRIVACY_PUBLIC, false},
	{"on_disk", VALUE_BOOL, NULL, "The same of the files: whether it is so after the next restart.", PRIVACY_PUBLIC,
	 false},
	{"narrowed_by", VALUE_STRINGS, NULL,
	 "required: loaded rules with \"never\" before it that may take away some of that; not there for none.",
	 PRIVACY_PUBLIC, false},
	{"suppresses", VALUE_BOOL, NULL,
	 "Loaded: whether it takes away what the others record (never,task; record types that events need), and no "
	 "exception says that it may.",
	 PRIVACY_PUBLIC, false},
	{"file", VALUE_STRING, NULL, "The file that has it.", PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "Its line there.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {KERNEL,
				       COMPILED,
				       "dir:" FOLDER,
				       "stat:" FOLDER "/*" SUFFIX,
				       "file:" FOLDER "/*" SUFFIX,
				       ETC_SOURCE,
				       ACCOUNTS_SOURCE,
				       GROUPS_SOURCE,
				       NULL};

/* Rules in the form of core/audit_file.h, and what a row says of each beside; arrays side by side. */
struct table {
	json_t *rules; /* owned */
	json_t *about; /* owned: {"text","file"?,"line"?} */
};

struct tables {
	json_t *accounts, *groups; /* owned */
	struct audit_people people;
	struct table kernel, disk, required, exceptions;
};

static struct table table_new(void) { return (struct table){json_array(), json_array()}; }

static void tables_done(struct tables *tables) {
	struct table *const all[] = {&tables->kernel, &tables->disk, &tables->required, &tables->exceptions};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		json_decref(all[i]->rules);
		json_decref(all[i]->about);
	}
	json_decref(tables->accounts);
	json_decref(tables->groups);
}

static void table_add(struct table *table, json_t *rule, const char *text, const char *file, unsigned line) {
	json_t *about = json_object();
	row_text(about, "text", text);
	row_text(about, "file", file);
	if (file)
		row_int(about, "line", line);
	json_array_append(table->rules, rule);
	json_array_append_new(table->about, about);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	static const char *const fixed[] = {KERNEL, COMPILED, ETC_SOURCE, ACCOUNTS_SOURCE, GROUPS_SOURCE};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(names, fixed[i]);
	dropins_ask(folders, SUFFIX, fetched, names);
}

/* The lines of a file. augenrules, which makes one file of a folder's, puts -D before all others. */
static bool read_file(struct tables *tables, const struct source *source, bool is_compiled, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines))) {
		CLEANUP(free_ptr) char *text = xstrdup(line);
		CLEANUP(audit_line_done) struct audit_line parsed = {0};
		if (!audit_line_parse(line, &tables->people, source->name, lines.number, &parsed, err))
			return false;
		if (parsed.kind == AUDIT_LINE_DELETE_ALL && is_compiled) {
			json_array_clear(tables->disk.rules);
			json_array_clear(tables->disk.about);
		}
		if (parsed.kind == AUDIT_LINE_RULE)
			table_add(&tables->disk, parsed.rule, text_trim(text), source_path(source), lines.number);
	}
	return lines_ok(&lines, err);
}

/* Where the folder has files, augenrules makes audit.rules of them; else that one is read as it is. */
static bool read_disk(struct tables *tables, const struct sources *fetched, struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	const struct source *compiled = NULL, *folder = NULL;
	if (!etc_maybe(fetched, "dir:" FOLDER, &folder, err) ||
	    !dropins_read(folders, SUFFIX, fetched, &dropins, err) ||
	    (dropins.count == 0 && !etc_maybe(fetched, COMPILED, &compiled, err)))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read_file(tables, dropins.files[i], false, err))
			return false;
	return !compiled || read_file(tables, compiled, true, err);
}

static bool read_kernel(struct tables *tables, const struct sources *fetched, struct err *err) {
	json_t *list, *entry;
	size_t i;
	if (!source_maybe_json(fetched, KERNEL, &list, err))
		return false;
	json_array_foreach(list, i, entry) {
		CLEANUP(json_decref_p) json_t *rule = NULL;
		const char *text;
		if (!json_get_string(entry, "text", KERNEL, &text, err) ||
		    !audit_rule_of_kernel(entry, KERNEL, &rule, err))
			return false;
		table_add(&tables->kernel, rule, text, NULL, 0);
	}
	return true;
}

/* The rules of a parameter. */
static bool read_param(struct tables *tables, const json_t *with, const char *param, struct table *into,
		       struct err *err) {
	const char *text;
	for (size_t i = 0; (text = param_strings_at(with, param, i)); i++) {
		CLEANUP(free_ptr) char *line = xstrdup(text);
		CLEANUP(audit_line_done) struct audit_line parsed = {0};
		if (!audit_line_parse(line, &tables->people, param, (unsigned)i + 1, &parsed, err))
			return false;
		if (parsed.kind != AUDIT_LINE_RULE)
			return err_set(err, ERR_MALFORMED, param, "\"%s\" is no rule", text);
		table_add(into, parsed.rule, text, NULL, 0);
	}
	return true;
}

static json_t *add_row(json_t *rows, const struct table *table, size_t index, const char *origin) {
	json_t *row = row_add(rows);
	json_object_update(row, json_array_get(table->about, index));
	row_text(row, "origin", origin);
	return row;
}

static const char *text_at(const struct table *table, size_t index) {
	return json_string_value(json_object_get(json_array_get(table->about, index), "text"));
}

static void add_required(json_t *rows, const struct tables *tables) {
	size_t i, k;
	json_t *rule, *index;
	json_array_foreach(tables->required.rules, i, rule) {
		CLEANUP(json_decref_p) json_t *narrowed_by = json_array();
		CLEANUP(json_decref_p) json_t *ignored = json_array();
		json_t *row = add_row(rows, &tables->required, i, "required");
		row_bool(row, "loaded",
			 audit_rule_is_covered(rule, tables->kernel.rules, tables->exceptions.rules, narrowed_by));
		row_bool(row, "on_disk",
			 audit_rule_is_covered(rule, tables->disk.rules, tables->exceptions.rules, ignored));
		json_array_foreach(narrowed_by, k, index) row_text_append(
			row, "narrowed_by", text_at(&tables->kernel, (size_t)json_integer_value(index)));
	}
}

/* The first loaded rule that this one of a file is, or as many as there are. */
static size_t loaded_as(const struct tables *tables, const json_t *rule) {
	size_t i;
	json_t *loaded;
	json_array_foreach(tables->kernel.rules, i, loaded) if (audit_rule_is_loaded_as(rule, loaded)) break;
	return i;
}

static void add_others(json_t *rows, const struct tables *tables) {
	size_t i, count = json_array_size(tables->kernel.rules);
	bool *is_known = xcalloc(count + 1, sizeof *is_known);
	json_t *rule;
	json_array_foreach(tables->disk.rules, i, rule) {
		size_t at = loaded_as(tables, rule);
		json_t *row = add_row(rows, &tables->disk, i, "disk");
		row_bool(row, "loaded", at < count);
		row_bool(row, "on_disk", true);
		if (at < count && !is_known[at] &&
		    audit_rule_suppresses(json_array_get(tables->kernel.rules, at), tables->exceptions.rules))
			row_bool(row, "suppresses", true);
		is_known[at] = true;
	}
	json_array_foreach(tables->kernel.rules, i, rule) {
		if (is_known[i])
			continue;
		json_t *row = add_row(rows, &tables->kernel, i, "kernel");
		row_bool(row, "loaded", true);
		row_bool(row, "on_disk", false);
		if (audit_rule_suppresses(rule, tables->exceptions.rules))
			row_bool(row, "suppresses", true);
	}
	free(is_known);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(tables_done)
	struct tables tables = {
		.kernel = table_new(), .disk = table_new(), .required = table_new(), .exceptions = table_new()};
	bool has_nis;
	if (!accounts_need(fetched, &tables.accounts, &has_nis, err) || !groups_need(fetched, &tables.groups, err))
		return false;
	tables.people = (struct audit_people){tables.accounts, tables.groups};
	if (!read_kernel(&tables, fetched, err) || !read_disk(&tables, fetched, err) ||
	    !read_param(&tables, with, "required", &tables.required, err) ||
	    !read_param(&tables, with, "exceptions", &tables.exceptions, err))
		return false;
	add_required(rows, &tables);
	add_others(rows, &tables);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_audit_rules = {
	.name = "audit_rules",
	.about = "The audit rules that are loaded, against those on disk and those that a policy asks for.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
