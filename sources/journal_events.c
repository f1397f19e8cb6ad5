#include "sources/journal_events.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/text.h"
#include "sources/journal_classes.h"
#include "sources/journal_open.h"
#include "sources/journal_sample.h"

#define SINCE_LEAST 3600
#define SINCE_MOST 2678400
#define SECOND 1000000ULL
#define GAP (JOURNAL_GAP_STEP * SECOND)

static uint64_t now_usec(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec / 1000;
}

bool journal_events_window(const struct ask *ask, struct journal_files *files, struct err *err) {
	unsigned long long seconds;
	if (!text_to_u64(ask->rest, SINCE_MOST, &seconds) || seconds < SINCE_LEAST)
		return err_set(err, ERR_UNREADABLE, ask->name, "not a window of %d to %d seconds", SINCE_LEAST,
			       SINCE_MOST);
	files->with_users = true;
	files->since = now_usec() - seconds * SECOND;
	return true;
}

/* One entry's place in time. */
struct moment {
	uint64_t at, uptime; /* microseconds */
	char boot[SD_ID128_STRING_MAX];
};

struct walk {
	const struct ask *ask;
	sd_journal *journal;
	json_t *gaps, *steps;
	bool more_gaps, more_steps;
};

static int moment_here(sd_journal *journal, struct moment *moment) {
	sd_id128_t boot;
	int error = sd_journal_get_realtime_usec(journal, &moment->at);
	if (error >= 0)
		error = sd_journal_get_monotonic_usec(journal, &moment->uptime, &boot);
	if (error >= 0)
		sd_id128_to_string(boot, moment->boot);
	return error;
}

/* The first entry at or behind a time, or the last one at or before it: positive when there is one. */
static int seek(sd_journal *journal, uint64_t at, bool is_before, struct moment *moment) {
	int more = sd_journal_seek_realtime_usec(journal, at);
	if (more >= 0)
		more = is_before ? sd_journal_previous(journal) : sd_journal_next(journal);
	if (more <= 0)
		return more;
	int error = moment_here(journal, moment);
	return error < 0 ? error : 1;
}

static bool append(json_t *list, json_t *value) {
	if (json_array_size(list) < JOURNAL_GAPS_MOST) {
		json_array_append_new(list, value);
		return true;
	}
	json_decref(value);
	return false;
}

static void add_gap(struct walk *walk, const struct moment *from, const struct moment *to) {
	if (to->at - from->at >= GAP)
		walk->more_gaps |= !append(walk->gaps,
					   json_pack("{s:I,s:I,s:s,s:s}", "from", (json_int_t)from->at, "to",
						     (json_int_t)to->at, "from_boot", from->boot, "to_boot", to->boot));
}

/* Within a boot both clocks advance alike, unless one is set. */
static void add_step(struct walk *walk, const struct moment *from, const struct moment *to) {
	int64_t by = (int64_t)(to->at - from->at) - (int64_t)(to->uptime - from->uptime);
	if (!strcmp(from->boot, to->boot) && llabs(by) >= (int64_t)(JOURNAL_STEP_LEAST * SECOND))
		walk->more_steps |= !append(walk->steps, json_pack("{s:I,s:I,s:I,s:s}", "at", (json_int_t)to->at, "by",
								   (json_int_t)by, "uptime", (json_int_t)to->uptime,
								   "boot", to->boot));
}

/* One hop: to the last entry within a step, or over a gap to the next one. Positive: there was one. */
static int hop(struct walk *walk, struct moment *here) {
	struct moment next = {0};
	int more = seek(walk->journal, here->at + GAP, true, &next);
	if (more > 0 && next.at <= here->at) {
		more = seek(walk->journal, here->at + 1, false, &next);
		if (more > 0 && next.at <= here->at)
			return 0; /* the order of entries is not that of time: nothing more can be told */
		if (more > 0)
			add_gap(walk, here, &next);
	}
	if (more > 0) {
		add_step(walk, here, &next);
		*here = next;
	}
	return more;
}

/* From the first entry of the window to the last one; is_covered: entries from before it are known of. */
static bool walk_window(struct walk *walk, uint64_t since, uint64_t until, bool is_covered, struct moment *ret_first,
			struct moment *ret_last, struct err *err) {
	struct moment here = {0}, before = {.at = since};
	int more = seek(walk->journal, since, false, &here);
	if (more > 0 && is_covered)
		add_gap(walk, &before, &here);
	bool is_any = more > 0;
	*ret_first = here;
	while (more > 0) {
		if (!ask_in_time(walk->ask, err))
			return false;
		more = hop(walk, &here);
	}
	if (more < 0)
		return journal_fault(walk->ask, more, "walk", err);
	struct moment end = {.at = until};
	if ((is_any || is_covered) && until > (is_any ? here.at : since))
		add_gap(walk, is_any ? &here : &before, &end);
	*ret_last = here;
	return true;
}

static int by_time(const void *a, const void *b) {
	json_int_t one = json_integer_value(json_object_get(*(json_t *const *)a, "at")),
		   other = json_integer_value(json_object_get(*(json_t *const *)b, "at"));
	return one < other ? -1 : one > other;
}

/* New reference. */
static json_t *in_order(const json_t *marks) {
	size_t count = json_array_size(marks), i;
	CLEANUP(free_ptr) json_t **all = xcalloc(count + 1, sizeof(json_t *));
	json_t *mark, *sorted = json_array();
	json_array_foreach(marks, i, mark) all[i] = mark;
	qsort(all, count, sizeof(json_t *), by_time);
	for (i = 0; i < count; i++)
		json_array_append(sorted, all[i]);
	return sorted;
}

/* Whether there is an entry from before the window. */
static bool read_covered(const struct ask *ask, sd_journal *journal, const struct journal_files *files,
			 bool *ret_covered, struct err *err) {
	struct moment first = {0};
	int more = sd_journal_seek_head(journal);
	if (more >= 0 && (more = sd_journal_next(journal)) > 0)
		more = moment_here(journal, &first) < 0 ? -1 : 1;
	*ret_covered = files->passed > 0 || (more > 0 && first.at <= files->since);
	return more >= 0 || journal_fault(ask, more, "read entry", err);
}

static bool read_open(const struct ask *ask, sd_journal *journal, struct journal_files *files, const char *machine,
		      json_t **ret_value, struct err *err) {
	CLEANUP(json_decref_p) json_t *gaps = json_array(), *steps = json_array();
	CLEANUP(json_decref_p) json_t *classes = json_object(), *marks = json_array(), *sample = NULL;
	struct walk walk = {.ask = ask, .journal = journal, .gaps = gaps, .steps = steps};
	struct moment first = {0}, last = {0};
	uint64_t until = now_usec();
	bool more_marks = false, is_covered = false;
	if (!read_covered(ask, journal, files, &is_covered, err) ||
	    !walk_window(&walk, files->since, until, is_covered, &first, &last, err))
		return false;
	bool is_machine = sd_journal_seek_tail(journal) >= 0 && sd_journal_previous(journal) > 0 &&
			  journal_is_of(journal, machine);
	if (!journal_sample_read(ask, journal, machine, until, &sample, err) ||
	    !journal_classes_read(ask, journal, files->since, classes, marks, &more_marks, err))
		return false;
	*ret_value =
		json_pack("{s:I,s:I,s:b,s:I,s:I,s:s,s:I,s:I,s:b,s:O,s:o,s:b,s:O,s:b,s:O,s:b,s:O}", "since",
			  (json_int_t)files->since, "until", (json_int_t)until, "covered", is_covered, "first",
			  (json_int_t)first.at, "newest", (json_int_t)last.at, "newest_boot", last.boot, "files",
			  (json_int_t)files->count, "broken", (json_int_t)files->broken, "machine", is_machine,
			  "classes", classes, "marks", in_order(marks), "more_marks", more_marks, "gaps", gaps,
			  "more_gaps", walk.more_gaps, "steps", steps, "more_steps", walk.more_steps, "sample", sample);
	return true;
}

bool journal_events_read(const struct ask *ask, struct journal_files *files, const char *machine, json_t **ret_value,
			 struct err *err) {
	CLEANUP(journal_close_files) sd_journal *journal = NULL;
	if (files->has_folder && files->count == 0 && files->passed > 0)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "the journal has files, and nothing in them was written in this time");
	return journal_open_files(ask, files, &journal, err) && read_open(ask, journal, files, machine, ret_value, err);
}
