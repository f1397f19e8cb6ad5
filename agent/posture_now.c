#include "agent/posture_now.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/lines.h"
#include "core/text.h"
#include "core/times.h"

#define LOCKS "/proc/locks"
#define LOCKS_LARGEST (16U << 20)

/* Whether somebody has flock(2)'s lock on this file, as the kernel lists them: asking for it would be in the way of who
 * starts. */
static enum running who_holds(const char *path) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct stat status;
	struct err ignored;
	if (stat(path, &status) != 0)
		return errno == ENOENT ? RUNNING_NO : RUNNING_UNTOLD;
	if (!file_read(LOCKS, LOCKS_LARGEST, &bytes, &ignored))
		return RUNNING_UNTOLD;
	CLEANUP(free_ptr)
	char *wanted = xasprintf("%02x:%02x:%llu", major(status.st_dev), minor(status.st_dev),
				 (unsigned long long)status.st_ino);
	CLEANUP(lines_done) struct lines lines = lines_over(LOCKS, bytes.data, bytes.len);
	for (char *line; (line = lines_next(&lines));) {
		char *rest = line, *word, *kind = NULL;
		for (size_t i = 0; (word = text_word(&rest)); i++) {
			if (i == 1)
				kind = word;
			if (kind && !strcmp(kind, "FLOCK") && !strcmp(word, wanted))
				return RUNNING_YES;
		}
	}
	return RUNNING_NO;
}

static int64_t changed_at(const char *folder, const char *name) {
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	return stat(path, &status) == 0 ? status.st_mtime : 0;
}

/* Of the newest receipt. */
static int64_t newest_receipt(const struct home *home) {
	int64_t newest = 0;
	DIR *folder = opendir(home->receipts);
	if (!folder)
		return 0;
	for (struct dirent *entry; (entry = readdir(folder));)
		if (text_ends(entry->d_name, ".tlog-proof")) {
			int64_t at = changed_at(home->receipts, entry->d_name);
			newest = at > newest ? at : newest;
		}
	closedir(folder);
	return newest;
}

static bool count_spool(const struct home *home, struct posture_now *now, struct err *err) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	CLEANUP(spool_list_done) struct spool_list refused = {0};
	if (!spool_list(home->queue, &queue, err) || !spool_list(home->refused, &refused, err))
		return false;
	now->waiting = queue.count;
	now->waiting_bytes = queue.bytes;
	now->waiting_since = queue.count ? changed_at(home->queue, queue.names[0]) : 0;
	now->refused = refused.count;
	return true;
}

bool posture_now(const struct home *home, const json_t *status, int64_t now, struct posture_now *ret_now,
		 struct err *err) {
	struct posture_now posture = {.now = now};
	const char *text;
	if (!json_get_string(status, "finishedAt", home->status, &text, err) ||
	    !json_get_int(status, "every", home->status, &posture.every, err))
		return false;
	if (!times_parse(text, &posture.round_at))
		return err_set(err, ERR_MALFORMED, home->status, "\"finishedAt\" is no time");
	if (!count_spool(home, &posture, err))
		return false;
	posture.is_stale = now - posture.round_at > posture.every + POSTURE_SLACK_S;
	posture.is_ahead = posture.round_at > now + POSTURE_SLACK_S;
	posture.vouchd = who_holds(home->lock);
	posture.ship = who_holds(home->ship_lock);
	posture.acknowledged_at = newest_receipt(home);
	*ret_now = posture;
	return true;
}
