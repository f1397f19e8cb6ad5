#include "core/logins.h"

#include <string.h>
#include <utmp.h>

static bool is_whole(const struct source *source, size_t record, struct err *err) {
	return source->bytes.len % record == 0 ||
	       err_set(err, ERR_MALFORMED, source->name, "%zu bytes are not whole records of %zu", source->bytes.len,
		       record);
}

bool lastlog_of(const struct source *lastlog, int64_t uid, int64_t *ret_time, struct err *err) {
	struct lastlog record = {0};
	if (!is_whole(lastlog, sizeof record, err))
		return false;
	if (uid >= 0 && (uint64_t)uid < lastlog->bytes.len / sizeof record)
		memcpy(&record, lastlog->bytes.data + (size_t)uid * sizeof record, sizeof record);
	*ret_time = record.ll_time > 0 ? record.ll_time : 0;
	return true;
}

bool wtmp_look(const struct source *wtmp, const char *name, struct wtmp_seen *seen, struct err *err) {
	struct utmp record;
	if (!is_whole(wtmp, sizeof record, err))
		return false;
	for (size_t at = 0; at < wtmp->bytes.len; at += sizeof record) {
		memcpy(&record, wtmp->bytes.data + at, sizeof record);
		int64_t time = record.ut_tv.tv_sec;
		if (time <= 0)
			continue;
		if (seen->oldest == 0 || time < seen->oldest)
			seen->oldest = time;
		bool is_own = record.ut_type == USER_PROCESS && strlen(name) <= sizeof record.ut_user &&
			      !strncmp(record.ut_user, name, sizeof record.ut_user);
		if (is_own && time > seen->last)
			seen->last = time;
	}
	return true;
}
