/* What the entries of the last day say of themselves, by a sample of them. */
#pragma once

#include <systemd/sd-journal.h>

#include "core/check.h"
#include "sources/kind.h"

#define JOURNAL_SAMPLE_SLOTS 96 /* of the day, evenly */
#define JOURNAL_SAMPLE_EACH 3   /* entries in each slot */
#define JOURNAL_LAG_MOST 60     /* seconds between an entry's own time and its receipt */

/* {"entries","kernel": of the kernel's own; "audit": audit records; "host": with this machine's id and a host name;
 *  "boot": with a boot's id; "who": others than the kernel's, with a user's number; "program": others than the kernel's
 *  and audit's, with a program's name; "source_time": with a time of their own, "source_time_off": that is further than
 *  JOURNAL_LAG_MOST from that of receipt; "auid_unset": audit records of a process without a login's user} */
MUST_CHECK bool journal_sample_read(const struct ask *ask, sd_journal *journal, const char *machine, uint64_t until,
				    json_t **ret_value, struct err *err);
