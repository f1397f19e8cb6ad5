#include "sources/journal.h"

#include "core/file.h"
#include "core/text.h"
#include "sources/fetch.h"
#include "sources/journal_events.h"
#include "sources/journal_open.h"
#include "sources/journal_unit.h"

#define JOURNAL_DEADLINE_MS 20000
#define PERSISTENT "/var/log/journal"
#define RUNTIME "/run/log/journal"

/* The time of the entry at an end of what matches now; false and no error code when nothing matches. */
static bool end_time(const struct ask *ask, sd_journal *journal, bool is_last, uint64_t *ret_usec, struct err *err) {
	*err = (struct err){0};
	int error = is_last ? sd_journal_seek_tail(journal) : sd_journal_seek_head(journal);
	if (error >= 0)
		error = is_last ? sd_journal_previous(journal) : sd_journal_next(journal);
	if (error == 0)
		return false;
	if (error > 0)
		error = sd_journal_get_realtime_usec(journal, ret_usec);
	return error >= 0 || journal_fault(ask, error, "read entry", err);
}

static json_int_t first_of(const json_t *boot) { return json_integer_value(json_object_get(boot, "first")); }

/* At its place in order of time: they are found nearly in that order. */
static bool add_boot(const struct ask *ask, sd_journal *journal, const char *match, json_t *boots, struct err *err) {
	uint64_t first = 0, last = 0;
	sd_journal_flush_matches(journal);
	int error = sd_journal_add_match(journal, match, 0);
	if (error < 0)
		return journal_fault(ask, error, "match", err);
	if (!end_time(ask, journal, false, &first, err) || !end_time(ask, journal, true, &last, err))
		return err->code == ERR_NONE; /* the value is listed, its entries have been removed */
	size_t at = json_array_size(boots);
	while (at > 0 && first_of(json_array_get(boots, at - 1)) > (json_int_t)first)
		at--;
	json_array_insert_new(boots, at,
			      json_pack("{s:s,s:I,s:I}", "id", match + strlen("_BOOT_ID="), "first", (json_int_t)first,
					"last", (json_int_t)last));
	return true;
}

/* Every boot that the journal has entries of, by its list of different values of one field and not by its entries. */
static bool find_boots(const struct ask *ask, sd_journal *journal, json_t **ret_boots, struct err *err) {
	CLEANUP(names_free_p) struct names *ids = names_new();
	CLEANUP(json_decref_p) json_t *boots = json_array();
	const void *data;
	size_t len;
	int more = sd_journal_query_unique(journal, "_BOOT_ID");
	while (more >= 0 && (more = sd_journal_enumerate_unique(journal, &data, &len)) > 0)
		if (len == strlen("_BOOT_ID=") + 32)
			names_addf(ids, "%.*s", (int)len, (const char *)data);
	if (more < 0)
		return journal_fault(ask, more, "list boots", err);
	if (names_count(ids) > JOURNAL_BOOTS_MOST)
		return err_set(err, ERR_UNREADABLE, ask->name, "more than %d boots", JOURNAL_BOOTS_MOST);
	for (size_t i = 0; i < names_count(ids); i++)
		if (!ask_in_time(ask, err) || !add_boot(ask, journal, names_at(ids, i), boots, err))
			return false;
	sd_journal_flush_matches(journal);
	*ret_boots = json_incref(boots);
	return true;
}

bool journal_read(const struct ask *ask, struct journal_files *files, const char *machine, json_t **ret_value,
		  struct err *err) {
	CLEANUP(journal_close_files) sd_journal *journal = NULL;
	CLEANUP(json_decref_p) json_t *boots = NULL;
	uint64_t oldest = 0, newest = 0;
	if (!journal_open_files(ask, files, &journal, err) || !find_boots(ask, journal, &boots, err))
		return false;
	if (!end_time(ask, journal, false, &oldest, err) || !end_time(ask, journal, true, &newest, err))
		return err->code ? false
				 : err_set(err, ERR_UNPROVED, ask->name, "the journal's files hold no entry to read");
	size_t persistent_files = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; i < files->count; i++) {
		persistent_files += files->all[i].is_persistent;
		bytes += files->all[i].bytes;
	}
	*ret_value = json_pack("{s:I,s:I,s:O,s:I,s:I,s:I,s:I,s:b}", "oldest", (json_int_t)oldest, "newest",
			       (json_int_t)newest, "boots", boots, "files", (json_int_t)files->count, "broken",
			       (json_int_t)files->broken, "bytes", (json_int_t)bytes, "persistent_files",
			       (json_int_t)persistent_files, "machine", journal_is_of(journal, machine));
	return true;
}

bool journal_machine(const struct ask *ask, char machine[33], struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!file_read("/etc/machine-id", 64, &bytes, err))
		return err_set(err, ERR_UNPROVED, ask->name, "no /etc/machine-id to find this machine's journal by");
	const char *text = buf_str(&bytes);
	if (strspn(text, "0123456789abcdef") != 32 || (text[32] != '\n' && text[32] != '\0'))
		return err_set(err, ERR_UNPROVED, ask->name, "/etc/machine-id is not 32 hexadecimal digits");
	snprintf(machine, 33, "%.32s", text);
	return true;
}

void journal_init_files(struct journal_files *files, const char *machine, const struct ask *ask) {
	journal_files_init(files, PERSISTENT, RUNTIME, machine, ask->name);
}

struct reading {
	struct journal_files files;
	char machine[33];
	bool (*read)(const struct ask *ask, struct journal_files *files, const char *machine, json_t **ret_value,
		     struct err *err);
};

static void end(void *work) {
	struct reading *reading = work;
	journal_files_done(&reading->files);
	free(reading);
}

static void ask_next(struct job *job, struct reading *reading);

static void on_part(void *context, struct answer *answer, const struct err *failed) {
	struct job *job = context;
	struct reading *reading = job_work(job);
	struct err err;
	if (journal_files_take(&reading->files, answer, failed, &err))
		ask_next(job, reading);
	else
		job_fail(job, &err);
}

static void ask_next(struct job *job, struct reading *reading) {
	const struct kind *kind;
	const char *name = journal_files_next(&reading->files, &kind);
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct err err;
	if (name)
		job_reach(job, kind, name, on_part);
	else if (reading->read(job_ask(job), &reading->files, reading->machine, &value, &err))
		job_answer(job, value);
	else
		job_fail(job, &err);
}

static void start(struct job *job,
		  bool (*read)(const struct ask *, struct journal_files *, const char *, json_t **, struct err *)) {
	struct err err;
	struct reading *reading = xcalloc(1, sizeof *reading);
	reading->read = read;
	job_hold(job, reading, end);
	if (!journal_machine(job_ask(job), reading->machine, &err)) {
		job_fail(job, &err);
		return;
	}
	journal_init_files(&reading->files, reading->machine, job_ask(job));
	if (read == journal_events_read && !journal_events_window(job_ask(job), &reading->files, &err)) {
		job_fail(job, &err);
		return;
	}
	if (read == journal_unit_read && !journal_unit_window(job_ask(job), &reading->files, &err)) {
		job_fail(job, &err);
		return;
	}
	ask_next(job, reading);
}

static void start_boots(struct job *job) { start(job, journal_read); }

static void start_events(struct job *job) { start(job, journal_events_read); }

static void start_unit(struct job *job) { start(job, journal_unit_read); }

#define MACHINE "[0-9a-f]*"
static const char *const needs[] = {"dir:" PERSISTENT "/" MACHINE, "dir:" RUNTIME "/" MACHINE,
				    "file:" PERSISTENT "/" MACHINE "/system*.journal*",
				    "file:" RUNTIME "/" MACHINE "/system*.journal*", NULL};
const char *const journal_needs[] = {"dir:" PERSISTENT "/" MACHINE,
				     "dir:" RUNTIME "/" MACHINE,
				     "file:" PERSISTENT "/" MACHINE "/system*.journal*",
				     "file:" RUNTIME "/" MACHINE "/system*.journal*",
				     "file:" PERSISTENT "/" MACHINE "/user-*.journal*",
				     "file:" RUNTIME "/" MACHINE "/user-*.journal*",
				     NULL};

const struct kind kind_journal = {.prefix = "journal:boots",
				  .is_whole = true,
				  .is_volatile = true,
				  .deadline_ms = JOURNAL_DEADLINE_MS,
				  .start = start_boots,
				  .needs = needs};

const struct kind kind_journal_events = {.prefix = JOURNAL_EVENTS,
					 .is_volatile = true,
					 .deadline_ms = JOURNAL_DEADLINE_MS,
					 .start = start_events,
					 .needs = journal_needs};

const struct kind kind_journal_unit = {.prefix = JOURNAL_UNIT,
				       .is_volatile = true,
				       .deadline_ms = JOURNAL_DEADLINE_MS,
				       .start = start_unit,
				       .needs = needs};
