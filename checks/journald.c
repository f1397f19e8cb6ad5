/* The journal: how journald is configured (journald.conf(5)), and what it really holds. */
#include "core/check.h"
#include "core/journald_conf.h"
#include "core/row.h"
#include "core/times.h"

#define FOLDER "dir:/var/log/journal"
#define BOOTS "journal:boots"
#define MACHINE "file:/etc/machine-id"
#define WRITTEN_SLACK 600 /* seconds; how far the files may lag behind the newest entry */

static const struct check_param params[] = {
	{"previous_boot", VALUE_BOOL, false,
	 "true: a persistent journal that holds the present boot alone has not shown yet that it outlives one: the "
	 "look "
	 "fails as unproved. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"oldest_age", VALUE_DURATION, "s", "How long ago that was.", PRIVACY_PUBLIC, true},
	{"oldest", VALUE_TIME, NULL, "The oldest entry.", PRIVACY_PUBLIC, true},
	{"newest_age", VALUE_DURATION, "s", "How long ago the newest entry was written.", PRIVACY_PUBLIC, true},
	{"configured", VALUE_STRING, NULL, "Storage= as configured: persistent, volatile, auto, none.", PRIVACY_PUBLIC,
	 false},
	{"storage", VALUE_STRING, NULL, "What that means here: auto is volatile without /var/log/journal.",
	 PRIVACY_PUBLIC, false},
	{"storage_file", VALUE_STRING, NULL, "The file that decides it; not there for the default.", PRIVACY_PUBLIC,
	 false},
	{"max_use", VALUE_STRING, NULL, "SystemMaxUse= as written.", PRIVACY_PUBLIC, false},
	{"max_retention", VALUE_STRING, NULL, "MaxRetentionSec= as written.", PRIVACY_PUBLIC, false},
	{"rate_interval", VALUE_STRING, NULL, "RateLimitIntervalSec= as written.", PRIVACY_PUBLIC, false},
	{"rate_burst", VALUE_STRING, NULL, "RateLimitBurst= as written.", PRIVACY_PUBLIC, false},
	{"seal", VALUE_STRING, NULL, "Seal= as written.", PRIVACY_PUBLIC, false},
	{"forward_to_syslog", VALUE_STRING, NULL, "ForwardToSyslog= as written.", PRIVACY_PUBLIC, false},
	{"boots", VALUE_INT, NULL, "How many boots the journal has entries of.", PRIVACY_PUBLIC, true},
	{"previous_boot_readable", VALUE_BOOL, NULL, "Whether one of them is not the present one.", PRIVACY_PUBLIC,
	 false},
	{"persistent_files", VALUE_INT, NULL, "Journal files below /var/log/journal.", PRIVACY_PUBLIC, true},
	{"on_disk", VALUE_BOOL, NULL,
	 "Whether the files of this machine below /var/log/journal were written to as lately as the newest entry.",
	 PRIVACY_PUBLIC, false},
	{"bytes", VALUE_SIZE, "bytes", "What the files take.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {
	JOURNALD_CONF_PATTERNS,    FOLDER, BOOTS, MACHINE, "file:/proc/sys/kernel/random/boot_id", "now:",
	"tree:/var/log/journal/*", NULL};

/* The first word of a file, NULL where it was not read. */
static char *word_of(const struct sources *fetched, const char *name) {
	const struct source *source = sources_get(fetched, name);
	if (!source || source->err.code)
		return NULL;
	const char *text = buf_str(&source->bytes);
	return xstrndup(text, strcspn(text, " \t\n"));
}

static void paths(const json_t *with, struct names *into) {
	static const char *const fixed[] = {FOLDER, BOOTS, MACHINE, "file:/proc/sys/kernel/random/boot_id",
					    "tree:/var/log/journal/[0-9a-f]*"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(into, fixed[i]);
	journald_conf_paths(into);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *machine = word_of(fetched, MACHINE);
	names_add(names, FOLDER);
	names_add(names, BOOTS);
	names_add(names, MACHINE);
	names_add(names, "file:/proc/sys/kernel/random/boot_id");
	names_add(names, "now:");
	journald_conf_ask(fetched, names);
	if (machine && *machine && !strchr(machine, '/'))
		names_addf(names, "tree:/var/log/journal/%s", machine);
}

static const struct {
	const char *key, *field;
} settings[] = {
	{"Storage", "configured"},
	{"SystemMaxUse", "max_use"},
	{"MaxRetentionSec", "max_retention"},
	{"RateLimitIntervalSec", "rate_interval"},
	{"RateLimitBurst", "rate_burst"},
	{"Seal", "seal"},
	{"ForwardToSyslog", "forward_to_syslog"},
};

/* An empty value takes the setting back to its default. Values that journald would not take for Storage it ignores. */
static void take_setting(json_t *row, const char *key, const char *value, const char *file) {
	bool is_storage = !strcmp(key, "Storage");
	if (is_storage && *value && strcmp(value, "persistent") != 0 && strcmp(value, "volatile") != 0 &&
	    strcmp(value, "auto") != 0 && strcmp(value, "none") != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (!strcmp(key, settings[i].key)) {
			json_object_del(row, settings[i].field);
			row_text(row, settings[i].field, *value ? value : NULL);
		}
	if (is_storage)
		row_text(row, "storage_file", file);
}

static bool add_storage(json_t *row, const struct sources *fetched, struct err *err) {
	const struct source *folder;
	if (!journald_conf_read(fetched, take_setting, row, err) || !source_maybe(fetched, FOLDER, &folder, err))
		return false;
	const char *configured = json_string_value(json_object_get(row, "configured"));
	if (!configured)
		row_text(row, "configured", configured = "auto");
	const char *meant = folder ? "persistent" : "volatile";
	row_text(row, "storage", !strcmp(configured, "auto") ? meant : configured);
	return true;
}

/* The latest time at which a file of this machine's journal was written to; negative when there is none. */
static bool written_at(const struct sources *fetched, int64_t *ret_instant, struct err *err) {
	CLEANUP(free_ptr) char *machine = word_of(fetched, MACHINE);
	CLEANUP(free_ptr) char *name = xasprintf("tree:/var/log/journal/%s", machine ? machine : "");
	json_t *list = NULL, *entry;
	size_t i;
	int64_t latest = -1;
	if (machine && *machine && !source_maybe_json(fetched, name, &list, err))
		return false;
	json_array_foreach(list, i, entry) {
		int64_t mtime = json_integer_value(json_object_get(entry, "mtime"));
		const char *type = json_string_value(json_object_get(entry, "type"));
		if (type && !strcmp(type, "file") && mtime > latest)
			latest = mtime;
	}
	*ret_instant = latest;
	return true;
}

/* Boot ids are written with dashes in /proc and without in the journal. */
static bool is_same_id(const char *a, const char *b) {
	for (;;) {
		a += strspn(a, "-");
		b += strspn(b, "-");
		if (*a != *b || !*a)
			return *a == *b;
		a++;
		b++;
	}
}

static bool has_other_boot(const json_t *boots, const char *present) {
	json_t *boot;
	size_t i;
	json_array_foreach(boots, i, boot) {
		const char *id = json_string_value(json_object_get(boot, "id"));
		if (id && !is_same_id(id, present))
			return true;
	}
	return false;
}

struct held {                                            /* what journal:boots says */
	int64_t oldest, newest, bytes, persistent_files; /* seconds */
	json_t *boots;
};

static bool read_held(const struct sources *fetched, struct held *ret_held, struct err *err) {
	json_t *value;
	struct held held;
	if (!source_maybe_json(fetched, BOOTS, &value, err))
		return false;
	if (!value) { /* seen that there is none */
		*ret_held = (struct held){0};
		return true;
	}
	if (!json_get_array(value, "boots", BOOTS, &held.boots, err) ||
	    !json_get_int(value, "oldest", BOOTS, &held.oldest, err) ||
	    !json_get_int(value, "newest", BOOTS, &held.newest, err) ||
	    !json_get_int(value, "bytes", BOOTS, &held.bytes, err) ||
	    !json_get_int(value, "persistent_files", BOOTS, &held.persistent_files, err))
		return false;
	held.oldest /= 1000000;
	held.newest /= 1000000;
	*ret_held = held;
	return true;
}

static bool add_ages(json_t *row, const struct sources *fetched, const struct held *held, struct err *err) {
	int64_t now;
	if (!source_now(fetched, &now, err))
		return false;
	if (json_array_size(held->boots) == 0)
		return true; /* an empty journal has no oldest entry */
	row_time(row, "oldest", held->oldest);
	row_int(row, "oldest_age", now - held->oldest);
	row_int(row, "newest_age", now - held->newest);
	return true;
}

static bool add_held(json_t *row, const struct sources *fetched, struct err *err) {
	CLEANUP(free_ptr) char *present = word_of(fetched, "file:/proc/sys/kernel/random/boot_id");
	struct held held;
	int64_t written;
	if (!read_held(fetched, &held, err) || !written_at(fetched, &written, err))
		return false;
	size_t boots = json_array_size(held.boots);
	row_int(row, "boots", (int64_t)boots);
	row_bool(row, "previous_boot_readable", present ? has_other_boot(held.boots, present) : boots > 1);
	row_int(row, "persistent_files", held.persistent_files);
	row_int(row, "bytes", held.bytes);
	row_bool(row, "on_disk", boots > 0 && written >= 0 && written >= held.newest - WRITTEN_SLACK);
	return add_ages(row, fetched, &held, err);
}

/* All else shows persistence, only there was no restart yet that it could have outlived. */
static bool lacks_a_restart(const json_t *row) {
	const char *storage = json_string_value(json_object_get(row, "storage"));
	return !strcmp(storage, "persistent") && json_is_true(json_object_get(row, "on_disk")) &&
	       json_integer_value(json_object_get(row, "persistent_files")) > 0 &&
	       !json_is_true(json_object_get(row, "previous_boot_readable"));
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *row = row_add(rows);
	if (!add_storage(row, fetched, err) || !add_held(row, fetched, err))
		return false;
	if (param_bool(with, "previous_boot", false) && lacks_a_restart(row))
		return err_set(err, ERR_UNPROVED, BOOTS,
			       "holds the present boot alone: that it outlives a restart is seen after the next one");
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_journald = {
	.name = "journald",
	.about = "The journal: how it is configured, and what it really holds.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
