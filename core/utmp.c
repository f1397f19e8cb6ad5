#include "core/utmp.h"

#include <string.h>
#include <utmp.h>

static enum utmp_type type_of(const struct utmp *record) {
	switch (record->ut_type) {
	case USER_PROCESS:
	case LOGIN_PROCESS: /* of a failed login, in btmp; in wtmp a getty that waits for one */
		return record->ut_type == USER_PROCESS || record->ut_host[0] ? UTMP_LOGIN : UTMP_OTHER;
	case DEAD_PROCESS:
		return UTMP_LOGOUT;
	case BOOT_TIME:
		return UTMP_BOOT;
	default:
		return UTMP_OTHER;
	}
}

struct utmp_counts utmp_count(const struct buf *bytes, int64_t since) {
	struct utmp_counts counts = {.is_whole = bytes->len % sizeof(struct utmp) == 0};
	for (size_t at = 0; at + sizeof(struct utmp) <= bytes->len; at += sizeof(struct utmp)) {
		struct utmp record;
		memcpy(&record, bytes->data + at, sizeof record);
		enum utmp_type type = type_of(&record);
		int64_t instant = record.ut_tv.tv_sec;
		counts.records++;
		counts.first = counts.first ? counts.first : instant;
		counts.last = instant;
		counts.logins += type == UTMP_LOGIN && instant >= since;
		counts.logouts += type == UTMP_LOGOUT && instant >= since;
	}
	return counts;
}
