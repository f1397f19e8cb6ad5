/* Who logged in last, in the records of old: /var/log/lastlog (by uid) and /var/log/wtmp (by name), as this machine's C
 * library lays them out (utmp(5), bits/utmp.h). */
#pragma once

#include "core/source.h"

/* The time of the last login of an account, 0: none is recorded. A file that is not whole records is malformed. */
MUST_CHECK bool lastlog_of(const struct source *lastlog, int64_t uid, int64_t *ret_time, struct err *err);

struct wtmp_seen {
	int64_t last;   /* of the account; 0: none */
	int64_t oldest; /* record of any kind; 0: there is none */
};

/* Takes in one file; *seen goes on over several, {0} at first. */
MUST_CHECK bool wtmp_look(const struct source *wtmp, const char *name, struct wtmp_seen *seen, struct err *err);
