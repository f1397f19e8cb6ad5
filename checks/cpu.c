/* What the kernel says about flaws of the processor. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define FOLDER "/sys/devices/system/cpu/vulnerabilities"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"name", VALUE_STRING, NULL, "The flaw: meltdown, spectre_v2, ...", PRIVACY_PUBLIC, false},
	{"state", VALUE_STRING, NULL, "The kernel's own words.", PRIVACY_PUBLIC, false},
	{"vulnerable", VALUE_BOOL, NULL, "Whether these words say that it is open, in part included.", PRIVACY_PUBLIC,
	 false},
	{0},
};

static const char *const patterns[] = {"dir:" FOLDER, "file:" FOLDER "/*", NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *folder, *entry;
	size_t i;
	names_add(names, "dir:" FOLDER);
	if (!source_need_json(fetched, "dir:" FOLDER, &folder, &ignored))
		return;
	json_array_foreach(folder, i, entry)
		names_addf(names, "file:" FOLDER "/%s", json_string_value(json_object_get(entry, "name")));
}

/* What a kernel does not know ("Unknown: Dependent on hypervisor status") nobody has seen: unless another flaw is open,
 * which needs no more knowledge, the look fails. *unsure: the first of these. */
static bool add_flaw(json_t *rows, const struct sources *fetched, const char *name, const struct source **unsure,
		     struct err *err) {
	CLEANUP(free_ptr) char *source_name = xasprintf("file:" FOLDER "/%s", name);
	const struct source *source;
	if (!source_need(fetched, source_name, &source, err))
		return false;
	CLEANUP(free_ptr) char *text = xstrdup(buf_str(&source->bytes));
	const char *state = text_trim(text);
	json_t *row = row_add(rows);
	row_text(row, "name", name);
	row_text(row, "state", state);
	/* "Vulnerable", "KVM: Mitigation: VMX unsupported; SMT vulnerable", "Processor vulnerable": the word counts,
	 * "not vulnerable" does not occur. */
	row_bool(row, "vulnerable", strcasestr(state, "vulnerable") != NULL);
	if (!*unsure && text_starts(state, "Unknown"))
		*unsure = source;
	return true;
}

static bool is_any_open(const json_t *rows) {
	json_t *row;
	size_t i;
	json_array_foreach(rows, i, row) if (json_is_true(json_object_get(row, "vulnerable"))) return true;
	return false;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *folder, *entry;
	const struct source *unsure = NULL;
	size_t i;
	if (!source_maybe_json(fetched, "dir:" FOLDER, &folder, err))
		return false;
	if (!folder)
		return err_set(err, ERR_UNPROVED, "dir:" FOLDER,
			       "no /sys here to see the processor in, or a kernel that does not tell");
	json_array_foreach(folder, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (!add_flaw(rows, fetched, name, &unsure, err))
			return false;
	}
	if (json_array_size(rows) == 0)
		return err_set(err, ERR_UNPROVED, "dir:" FOLDER,
			       "is empty, which no kernel that knows of flaws leaves it");
	if (unsure && !is_any_open(rows))
		return err_set(err, ERR_UNPROVED, unsure->name,
			       "the kernel does not know: its hypervisor does not say");
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_cpu = {
	.name = "cpu",
	.about = "What the kernel says about flaws of the processor.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
