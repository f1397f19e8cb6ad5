/* rpmdb: the packages of the rpm database, by librpm in a program of its own (vouch-rpm-packages), which is run only
 * where a database is found; below a root folder it is that folder's, never the host's. Nothing is written: a database
 * in SQLite's write-ahead mode whose -shm file is missing, which reading would create, is unproved. Absent: no
 * database; unreadable, with librpm's own words, where it complains of anything at all. */
#pragma once

#include "sources/kind.h"

/* What the program printed, checked: a list, each with name, version and release. A database without packages is
 * malformed: it has lost them, or was never the host's. */
MUST_CHECK bool rpmdb_parse(const char *text, const char *where, json_t **ret_list, struct err *err);
