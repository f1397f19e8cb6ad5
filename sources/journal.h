/* journal: what the system's journal of this machine holds.
 *
 * journal:boots is canonical JSON:
 * {"oldest","newest": realtime microseconds of the first and last entry, "boots": [{"id","first","last"}...] in order
 * of their first entry, "files": journal files of the system, archived ones included, "bytes": their room on disk,
 *  "persistent_files": those of them below /var/log/journal, "machine": the newest entry carries this machine's id,
 *  "broken": files besides that hold no journal or a damaged one, and which journald passes over too}
 *
 * Opening a journal succeeds where nothing may be read, and shows nothing. So each file is opened by its name first:
 * one that this process may not open makes the whole denied; no folder for this machine is absent (the journal is not
 * kept); folders without a file, and files without an entry, are unproved. */
#pragma once

#include "core/check.h"
#include "sources/journal_files.h"

#define JOURNAL_BOOTS_MOST 10000

/* That value, of the files that were found and opened. machine: 32 hexadecimal digits. New reference. */
MUST_CHECK bool journal_read(const struct ask *ask, struct journal_files *files, const char *machine,
			     json_t **ret_value, struct err *err);

/* This host's machine id. */
MUST_CHECK bool journal_machine(const struct ask *ask, char machine[33], struct err *err);
/* journal_files_init() for this host's folders. */
void journal_init_files(struct journal_files *files, const char *machine, const struct ask *ask);
/* For the needs of kinds that read entries, those of users among them. */
extern const char *const journal_needs[];
