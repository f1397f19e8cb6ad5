/* Login records: wtmp and btmp, an array of struct utmp (utmp(5)) as this machine's C library has it. Names, terminals
 * and addresses in them are not handed out. */
#pragma once

#include <stdint.h>

#include "core/buf.h"

enum utmp_type { UTMP_OTHER, UTMP_BOOT, UTMP_LOGIN, UTMP_LOGOUT };

struct utmp_counts {
	int64_t records, logins, logouts; /* in the time asked for; records: all */
	int64_t first, last;              /* instants of the first and last record of all, seconds; 0: none */
	bool is_whole;                    /* the file ends with a record, and not in one */
};

/* logins: everything but boots, logouts and what init keeps; in btmp they are failures. */
struct utmp_counts utmp_count(const struct buf *bytes, int64_t since);
