/* journal:unit:NAME: what the service manager did with a unit in the last day, newest first. Canonical JSON:
 *
 * {"covered": the journal reaches back to the day's beginning; "changes": [{"at": realtime microseconds, "what":
 *  "started"|"stopped"|"reloaded"|"failed"}...], at most JOURNAL_UNIT_MOST}
 *
 * Only what process 1 itself said counts (_PID, which journald takes from the kernel), by the ids of its messages: text
 * is not read, and what others write with the same fields is nothing. On whose behalf it was no such entry tells.
 * Errors as in journal:boots. */
#pragma once

#include "core/check.h"
#include "sources/journal_files.h"

#define JOURNAL_UNIT "journal:unit:"
#define JOURNAL_UNIT_MOST 16
#define JOURNAL_UNIT_SINCE 86400

/* Which files that needs. False: the name is no unit's. */
MUST_CHECK bool journal_unit_window(const struct ask *ask, struct journal_files *files, struct err *err);
/* That value, of the files that were found and opened. machine: 32 hexadecimal digits. New reference. */
MUST_CHECK bool journal_unit_read(const struct ask *ask, struct journal_files *files, const char *machine,
				  json_t **ret_value, struct err *err);
