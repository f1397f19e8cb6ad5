/* journal:events?since=SECONDS: what the system's journal of this machine tells of its last SECONDS (3600 to 2678400),
 * in counts and times; no message, no name. Canonical JSON:
 *
 * {"since","until": the window, realtime microseconds; "covered": the journal reaches back to its beginning; "first",
 *  "newest" and "newest_boot": the first and the last entry, 0 and "" where there is none in the window; "files":
 * opened, "broken": as in journal:boots; "machine": the newest entry carries this machine's id; "classes": {name:
 * {"count","more":bool,"sum"?,"first","last"}...}: entries of a class (sources/journal_classes.h), counted from the
 * newest on: with "more" there are others than were looked at, and 0 is not "none"; "marks": [{"what","at","boot"}...]:
 * the entries of some classes one by one, in order of time; "more_marks"; "gaps":
 * [{"from","to","from_boot","to_boot"}...]: no entry for at least JOURNAL_GAP_STEP; the last reaches to "until" where
 * "to_boot" is ""; "more_gaps"; "steps": [{"at","by","uptime","boot"}...]: between two entries of one boot the clock
 * was set by so much; "more_steps"; "sample":
 * {"entries","kernel","audit","host","boot","who","program","source_time","source_time_off","auid_unset"}: entries
 * drawn evenly over the last day, and how many of them say what (sources/journal_sample.h)}
 *
 * The journal's index is used throughout: it costs by the entries that match, not by those that are there. Gaps are
 * found by hops of JOURNAL_GAP_STEP over the window. The files of users are read too: what a user runs through sudo is
 * there. Errors as in journal:boots. */
#pragma once

#include "core/check.h"
#include "sources/journal_files.h"

#define JOURNAL_EVENTS "journal:events?since="
#define JOURNAL_GAP_STEP 900   /* seconds */
#define JOURNAL_STEP_LEAST 2   /* seconds: a smaller step of the clock is none */
#define JOURNAL_MARKS_MOST 400 /* of each class */
#define JOURNAL_GAPS_MOST 400  /* of gaps, and of steps */

/* Which files that window needs. False: the name has none. */
MUST_CHECK bool journal_events_window(const struct ask *ask, struct journal_files *files, struct err *err);
/* That value, of the files that were found and opened. machine: 32 hexadecimal digits. New reference. */
MUST_CHECK bool journal_events_read(const struct ask *ask, struct journal_files *files, const char *machine,
				    json_t **ret_value, struct err *err);
