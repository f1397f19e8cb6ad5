/* Whether audit records were lost since the last look, by the kernel's count. */
#include "core/check.h"
#include "core/row.h"
#include "core/times.h"

#define STATUS "audit:status"
#define BOOT "file:/proc/sys/kernel/random/boot_id"

static const struct check_param params[] = {
	{"rule", VALUE_STRING, true, "The rule whose last observation is compared with: the one that this stands in."},
	{"compare", VALUE_BOOL, false,
	 "true: with what came since; the look fails as unproved at a first look, where auditing is off, and where the "
	 "count was set back. Default false: the count alone, for the next look to remember."},
	{0},
};

static const struct check_field fields[] = {
	{"lost", VALUE_INT, NULL, "How many records the kernel has counted as lost.", PRIVACY_PUBLIC, true},
	{"rise", VALUE_INT, NULL, "How many more than at the last look; after a restart all since then.",
	 PRIVACY_PUBLIC, false},
	{"restarted", VALUE_BOOL, NULL, "Whether the last look was in an earlier boot.", PRIVACY_PUBLIC, true},
	{"compared_with", VALUE_TIME, NULL, "When the last look was.", PRIVACY_PUBLIC, true},
	{"last_rise", VALUE_TIME, NULL, "When a look last found more than the one before; not there where none did.",
	 PRIVACY_PUBLIC, false},
	{"quiet", VALUE_DURATION, "s", "How long ago that was.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {STATUS, BOOT, "now:", "previous:*", NULL};

/* The last look, if there was one. */
struct before {
	bool is_known, is_this_boot;
	int64_t lost;
	const char *collected_at, *last_rise; /* borrowed; the latter NULL for none */
};

static char *previous_name(const json_t *with) { return xasprintf("previous:%s", param_string(with, "rule", "")); }

static void paths(const json_t *with, struct names *into) {
	names_add(into, STATUS);
	names_add(into, BOOT);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *previous = previous_name(with);
	names_add(names, STATUS);
	names_add(names, BOOT);
	names_add(names, "now:");
	names_add(names, previous);
}

/* What was remembered in another form than this is not understood, and as good as nothing. */
static bool parse_before(const json_t *previous, const char *boot_id, struct before *ret_before) {
	struct before before = {.is_known = true};
	struct err ignored;
	const char *then;
	json_t *rows;
	if (!json_get_string(previous, "bootId", "", &then, &ignored) ||
	    !json_get_string(previous, "collectedAt", "", &before.collected_at, &ignored) ||
	    !json_get_array(previous, "observed", "", &rows, &ignored) ||
	    !json_get_int(json_array_get(rows, 0), "lost", "", &before.lost, &ignored))
		return false;
	before.last_rise = json_string_value(json_object_get(json_array_get(rows, 0), "last_rise"));
	before.is_this_boot = !strcmp(then, boot_id);
	*ret_before = before;
	return true;
}

static bool read_before(const json_t *with, const struct sources *fetched, struct before *ret_before, struct err *err) {
	CLEANUP(free_ptr) char *name = previous_name(with);
	const struct source *boot, *source = sources_get(fetched, name);
	json_t *previous;
	*ret_before = (struct before){0};
	if (source && source->err.code == ERR_UNPROVED)
		return true;
	if (!source_need(fetched, BOOT, &boot, err) || !source_need_json(fetched, name, &previous, err))
		return false;
	CLEANUP(free_ptr)
	char *boot_id = xstrndup(buf_str(&boot->bytes), strcspn(buf_str(&boot->bytes), " \t\n"));
	if (!parse_before(previous, boot_id, ret_before))
		*ret_before = (struct before){0};
	return true;
}

static int64_t base_of(const struct before *before) { return before->is_this_boot ? before->lost : 0; }

static bool add_last_rise(json_t *row, const char *earlier, bool is_now, int64_t now, struct err *err) {
	int64_t at = now;
	if (!is_now && !earlier)
		return true;
	if (!is_now && !times_parse(earlier, &at))
		return err_set(err, ERR_MALFORMED, "last_rise", "not a time");
	row_time(row, "last_rise", at);
	row_int(row, "quiet", now > at ? now - at : 0);
	return true;
}

/* Where the count was set back since, what it had reached before is not known. */
static bool can_compare(const struct before *before, int64_t lost, bool is_enabled, struct err *err) {
	if (!is_enabled)
		return err_set(err, ERR_UNPROVED, STATUS, "auditing is off: nothing can be lost");
	if (!before->is_known)
		return err_set(err, ERR_UNPROVED, STATUS, "a first look: there is no earlier count to compare with");
	return lost >= base_of(before) ||
	       err_set(err, ERR_UNPROVED, STATUS, "the count was set back since the last look");
}

static void add_comparison(json_t *row, const struct before *before, int64_t lost) {
	row_text(row, "compared_with", before->collected_at);
	row_bool(row, "restarted", !before->is_this_boot);
	row_int(row, "rise", lost - base_of(before));
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *status, *row = row_add(rows);
	struct before before;
	int64_t lost, enabled, now;
	if (!source_need_json(fetched, STATUS, &status, err) || !json_get_int(status, "lost", STATUS, &lost, err) ||
	    !json_get_int(status, "enabled", STATUS, &enabled, err) || !source_now(fetched, &now, err) ||
	    !read_before(with, fetched, &before, err))
		return false;
	row_int(row, "lost", lost);
	if (!add_last_rise(row, before.last_rise, before.is_known && lost > base_of(&before), now, err))
		return false;
	if (param_bool(with, "compare", false)) {
		if (!can_compare(&before, lost, enabled > 0, err))
			return false;
		add_comparison(row, &before, lost);
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_audit_lost = {
	.name = "audit_lost",
	.about = "Whether audit records were lost since the last look, by the kernel's count.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
