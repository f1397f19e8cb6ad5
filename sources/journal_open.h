/* Opening the system's journal over files that were found and opened (sources/journal_files.h). */
#pragma once

#include <systemd/sd-journal.h>

#include "sources/journal_files.h"

/* All files that are whole, or an error: sd_journal_open() would pass over in silence what it cannot open. What is
 * damaged is taken out of the files and counted there. journal_close_files() it. */
MUST_CHECK bool journal_open_files(const struct ask *ask, struct journal_files *files, sd_journal **ret_journal,
				   struct err *err);
void journal_close_files(sd_journal **journal);
/* What a call of libsystemd that gave a negative errno means for the look: always false. */
MUST_CHECK bool journal_fault(const struct ask *ask, int error, const char *what, struct err *err);
/* Whether the entry we are at carries this machine's id. machine: 32 hexadecimal digits. */
bool journal_is_of(sd_journal *journal, const char *machine);
