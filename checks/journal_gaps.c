/* Where the journal holds nothing, and why. A gap after a boot that ended with a shutdown is a host that was off; one
 * in which journald ran on is quiet; one that journald began anew after, or that an end without shutdown began, has no
 * such reason. Steps of the clock and stopped loggers are found beside. */
#include "core/events.h"
#include "core/row.h"
#include "core/text.h"

#define WHERE "journal:events"
#define SHUTDOWN_TAKES (300 * (int64_t)EVENTS_SECOND) /* the longest between a boot's shutdown and its last entry */
#define NEAR (60 * (int64_t)EVENTS_SECOND)
#define START_NEAR (10 * (int64_t)EVENTS_SECOND)
#define BOOT_SETS_CLOCK (600 * (int64_t)EVENTS_SECOND) /* of uptime: by then the clock has been set */

static const struct check_param params[] = {EVENTS_PARAM, {0}};

static const struct check_field fields[] = {
	{"cause", VALUE_STRING, NULL,
	 "What the row is about. window: how far the journal was seen. Gaps: off (from a shutdown to the next boot), "
	 "asleep, quiet (journald ran on, nobody logged), stopped (journald began anew within the boot, or ended and "
	 "did "
	 "not), crashed (the boot before ended without a shutdown), cut (begins before the window). auditd, syslog: "
	 "stopped while the host ran. clock: set while the host ran, later than 10 minutes after its boot.",
	 PRIVACY_PUBLIC, false},
	{"count", VALUE_INT, NULL, "How many of them; gaps of 15 minutes and more.", PRIVACY_PUBLIC, true},
	{"longest", VALUE_DURATION, "s",
	 "The longest of them; of window how much of it the journal covers; of clock the largest step.", PRIVACY_PUBLIC,
	 true},
	{"at", VALUE_TIME, NULL, "When that began.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {EVENTS_PATTERN, NULL};

enum cause {
	CAUSE_OFF,
	CAUSE_ASLEEP,
	CAUSE_QUIET,
	CAUSE_STOPPED,
	CAUSE_CRASHED,
	CAUSE_CUT,
	CAUSE_AUDITD,
	CAUSE_SYSLOG,
	CAUSE_CLOCK,
	CAUSE_COUNT
};

static const char *const causes[] = {"off", "asleep", "quiet",  "stopped", "crashed",
				     "cut", "auditd", "syslog", "clock"};

struct found { /* of one cause; microseconds */
	int64_t count, longest, at;
};

struct gaps {
	const json_t *value, *marks, *steps;
	int64_t since, until;
	const char *newest_boot;
	struct found found[CAUSE_COUNT];
};

struct gap {
	int64_t from, to;
	const char *from_boot, *to_boot; /* "": unknown */
};

static void add(struct gaps *gaps, enum cause cause, int64_t at, int64_t length) {
	struct found *found = &gaps->found[cause];
	found->count++;
	if (length > found->longest) {
		found->longest = length;
		found->at = at;
	}
}

static int64_t at_of(const json_t *mark) { return json_integer_value(json_object_get(mark, "at")); }

static bool is_mark(const json_t *mark, const char *what, const char *boot) {
	return !strcmp(json_string_value(json_object_get(mark, "what")), what) &&
	       (!boot || !strcmp(json_string_value(json_object_get(mark, "boot")), boot));
}

/* Whether there is such a mark in from..to, of this boot (NULL: of any). */
static bool has_mark(const struct gaps *gaps, const char *what, const char *boot, int64_t from, int64_t to) {
	const json_t *mark;
	size_t i;
	json_array_foreach(gaps->marks, i, mark) {
		if (is_mark(mark, what, boot) && at_of(mark) >= from && at_of(mark) <= to)
			return true;
	}
	return false;
}

/* Whether the boot ended, around this time, in good order. */
static bool is_shut_down(const struct gaps *gaps, const char *boot, int64_t at) {
	static const char *const what[] = {"journal_stop", "shutdown", "shutdown_target"};
	for (size_t i = 0; i < ARRAY_LEN(what); i++)
		if (has_mark(gaps, what[i], boot, at - SHUTDOWN_TAKES, at + SHUTDOWN_TAKES))
			return true;
	return false;
}

static bool is_asleep(const struct gaps *gaps, int64_t from, int64_t to) {
	return has_mark(gaps, "sleep", NULL, from - NEAR, from + NEAR) ||
	       has_mark(gaps, "wake", NULL, to - NEAR, to + NEAR);
}

static enum cause cause_of(const struct gaps *gaps, const struct gap *gap) {
	bool has_restart = has_mark(gaps, "journal_start", gap->to_boot, gap->to - START_NEAR, gap->to + START_NEAR);
	bool is_end = !*gap->to_boot, is_same = !strcmp(gap->from_boot, gap->to_boot);
	if (is_asleep(gaps, gap->from, gap->to))
		return CAUSE_ASLEEP;
	if (!*gap->from_boot)
		return has_restart ? CAUSE_CUT : CAUSE_QUIET;
	if (is_end)
		return has_mark(gaps, "journal_stop", gap->from_boot, gap->from - START_NEAR, gap->from) ? CAUSE_STOPPED
													 : CAUSE_QUIET;
	if (is_same)
		return has_restart ? CAUSE_STOPPED : CAUSE_QUIET;
	return is_shut_down(gaps, gap->from_boot, gap->from) ? CAUSE_OFF : CAUSE_CRASHED;
}

/* By how much the clock was set in a gap: it was so much shorter. */
static int64_t step_at(const struct gaps *gaps, const struct gap *gap) {
	const json_t *step;
	size_t i;
	json_array_foreach(gaps->steps, i, step) {
		int64_t by = json_integer_value(json_object_get(step, "by"));
		if (at_of(step) == gap->to && by > 0 && !is_asleep(gaps, gap->from, gap->to))
			return by;
	}
	return 0;
}

static bool read_gap(struct gaps *gaps, const json_t *entry, struct err *err) {
	struct gap gap;
	if (!json_get_int(entry, "from", WHERE, &gap.from, err) || !json_get_int(entry, "to", WHERE, &gap.to, err) ||
	    !json_get_string(entry, "from_boot", WHERE, &gap.from_boot, err) ||
	    !json_get_string(entry, "to_boot", WHERE, &gap.to_boot, err))
		return false;
	if (gap.to < gap.from)
		return err_set(err, ERR_MALFORMED, WHERE, "a gap that ends before it begins");
	int64_t length = gap.to - gap.from - step_at(gaps, &gap);
	if (length > 0)
		add(gaps, cause_of(gaps, &gap), gap.from, length);
	return true;
}

/* A sleep halts the clock of the boot, not that of the day. */
static bool read_step(struct gaps *gaps, const json_t *step, struct err *err) {
	int64_t at, by, uptime;
	if (!json_get_int(step, "at", WHERE, &at, err) || !json_get_int(step, "by", WHERE, &by, err) ||
	    !json_get_int(step, "uptime", WHERE, &uptime, err))
		return false;
	bool is_sleep = by > 0 && (has_mark(gaps, "wake", NULL, at - by - NEAR, at + NEAR) ||
				   has_mark(gaps, "sleep", NULL, at - by - NEAR, at + NEAR));
	if (uptime > BOOT_SETS_CLOCK && !is_sleep)
		add(gaps, CAUSE_CLOCK, at, by < 0 ? -by : by);
	return true;
}

/* When a logger that was stopped at a mark was started again; negative: it was the boot's end that stopped it. */
static int64_t started_after(const struct gaps *gaps, size_t stop, const char *start) {
	const json_t *mark, *stopped = json_array_get(gaps->marks, stop);
	const char *boot = json_string_value(json_object_get(stopped, "boot"));
	for (size_t i = stop + 1; (mark = json_array_get(gaps->marks, i)); i++)
		if (is_mark(mark, start, boot))
			return at_of(mark);
	if (strcmp(boot, gaps->newest_boot) != 0 || is_shut_down(gaps, boot, at_of(stopped)))
		return -1;
	return gaps->until;
}

static void find_stopped(struct gaps *gaps, const char *stop, const char *start, enum cause cause) {
	const json_t *mark;
	size_t i;
	json_array_foreach(gaps->marks, i, mark) {
		int64_t end = is_mark(mark, stop, NULL) ? started_after(gaps, i, start) : -1;
		if (end >= at_of(mark))
			add(gaps, cause, at_of(mark), end - at_of(mark));
	}
}

static bool check_marks(const json_t *marks, struct err *err) {
	const json_t *mark;
	const char *text;
	int64_t at;
	size_t i;
	json_array_foreach(marks, i, mark) {
		if (!json_get_string(mark, "what", WHERE, &text, err) ||
		    !json_get_string(mark, "boot", WHERE, &text, err) || !json_get_int(mark, "at", WHERE, &at, err))
			return false;
	}
	return true;
}

static bool is_cut_short(const json_t *value) {
	return json_is_true(json_object_get(value, "more_marks")) ||
	       json_is_true(json_object_get(value, "more_gaps")) || json_is_true(json_object_get(value, "more_steps"));
}

static bool read_all(struct gaps *gaps, struct err *err) {
	json_t *list, *marks, *steps, *entry;
	size_t i;
	if (!json_get_int(gaps->value, "since", WHERE, &gaps->since, err) ||
	    !json_get_int(gaps->value, "until", WHERE, &gaps->until, err) ||
	    !json_get_string(gaps->value, "newest_boot", WHERE, &gaps->newest_boot, err) ||
	    !json_get_array(gaps->value, "marks", WHERE, &marks, err) ||
	    !json_get_array(gaps->value, "steps", WHERE, &steps, err) ||
	    !json_get_array(gaps->value, "gaps", WHERE, &list, err) || !check_marks(marks, err))
		return false;
	if (is_cut_short(gaps->value))
		return err_set(err, ERR_UNPROVED, WHERE, "more starts, gaps or steps of the clock than are looked at");
	gaps->marks = marks;
	gaps->steps = steps;
	json_array_foreach(list, i, entry) {
		if (!read_gap(gaps, entry, err))
			return false;
	}
	json_array_foreach(steps, i, entry) {
		if (!read_step(gaps, entry, err))
			return false;
	}
	find_stopped(gaps, "auditd_stop", "auditd_start", CAUSE_AUDITD);
	find_stopped(gaps, "syslog_stop", "syslog_start", CAUSE_SYSLOG);
	return true;
}

static void add_row(json_t *rows, const char *cause, const struct found *found) {
	json_t *row = row_add(rows);
	row_text(row, "cause", cause);
	row_int(row, "count", found->count);
	row_int(row, "longest", found->longest / EVENTS_SECOND);
	if (found->at > 0)
		row_time(row, "at", found->at / EVENTS_SECOND);
}

/* How much of the window the journal covers. */
static bool add_window(json_t *rows, const struct gaps *gaps, struct err *err) {
	int64_t first;
	if (!json_get_int(gaps->value, "first", WHERE, &first, err))
		return false;
	int64_t from = json_is_true(json_object_get(gaps->value, "covered")) ? gaps->since : first;
	if (from > 0)
		add_row(rows, "window", &(struct found){1, gaps->until - from, from});
	return true;
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) { events_ask(with, names); }

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct gaps gaps = {0};
	json_t *value;
	if (!events_read(with, fetched, &value, err))
		return false;
	gaps.value = value;
	if (!read_all(&gaps, err) || !add_window(rows, &gaps, err))
		return false;
	for (size_t i = 0; i < CAUSE_COUNT; i++)
		add_row(rows, causes[i], &gaps.found[i]);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_journal_gaps = {
	.name = "journal_gaps",
	.about = "Times for which the journal holds nothing, each with its cause; loggers that were stopped; steps of "
		 "the "
		 "clock.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = events_ask,
	.sources = sources,
	.run = run,
};
