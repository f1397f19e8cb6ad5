#include "agent/reset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool.h"
#include "core/text.h"

#define DEEPEST 16 /* folders in folders */
#define GOING ".tmp-reset"

/* --- what is there ------------------------------------------------------------------------------------------------ */

/* What cannot be counted (a link in place of the folder) is no reason to keep it. */
static void count(const char *folder, size_t *count, bool *is_uncounted) {
	CLEANUP(spool_list_done) struct spool_list list = {0};
	struct stat status;
	struct err ignored;
	if (lstat(folder, &status) != 0 && errno == ENOENT)
		return;
	if (S_ISDIR(status.st_mode) && spool_list(folder, &list, &ignored))
		*count += list.count;
	else
		*is_uncounted = true;
}

static bool is_in_token(const struct home *home) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err ignored;
	return file_read(home->evidence_key, KEY_FILE_LARGEST, &text, &ignored) &&
	       text_starts(buf_str(&text), "pkcs11:");
}

void reset_look(const struct home *home, struct reset_found *found) {
	CLEANUP(free_ptr) char *request = file_join(home->folder, HOME_REQUEST);
	CLEANUP(free_ptr) char *unsigned_line = file_join(home->incoming, SPOOL_UNSIGNED);
	struct err ignored;
	*found = (struct reset_found){.is_enrolled = access(home->enrolment, F_OK) == 0,
				      .has_request = access(request, F_OK) == 0,
				      .is_key_in_token = is_in_token(home),
				      .waiting = access(unsigned_line, F_OK) == 0};
	count(home->queue, &found->waiting, &found->is_uncounted);
	count(home->incoming, &found->waiting, &found->is_uncounted);
	count(home->refused, &found->refused, &found->is_uncounted);
	(void)!enrolment_read(home, &found->enrolment, &ignored);
}

void reset_found_done(struct reset_found *found) { enrolment_free(found->enrolment); }

/* --- taking away -------------------------------------------------------------------------------------------------- */

struct removal {
	const struct reset_plan *plan;
	dev_t device; /* of the folder in which it began */
};

static bool open_folder(int at, const char *name, int flags, const char *path, DIR **ret_folder, struct err *err) {
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		err_errno(err, errno, ERR_IO, path, "open folder");
		close_fd(&fd);
		return false;
	}
	*ret_folder = folder;
	return true;
}

static bool is_dots(const char *name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

static bool remove_below(const struct removal *removal, int at, const char *name, const char *path, unsigned depth,
			 struct err *err);

/* The entry itself, and all below it. What has gone meanwhile is gone. */
static bool remove_one(const struct removal *removal, int at, const char *name, const char *path, unsigned depth,
		       struct err *err) {
	struct stat status;
	if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || err_errno(err, errno, ERR_IO, path, "look at");
	const bool is_folder = S_ISDIR(status.st_mode);
	if (is_folder && status.st_dev != removal->device)
		return err_set(err, ERR_REFUSED, path, "another file system is mounted there");
	if (removal->plan->visit && depth == 0 && !text_starts(name, GOING))
		removal->plan->visit(removal->plan->context, path, false);
	if (removal->plan->is_dry)
		return true;
	if (is_folder && !remove_below(removal, at, name, path, depth + 1, err))
		return false;
	return unlinkat(at, name, is_folder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT ||
	       err_errno(err, errno, ERR_IO, path, "remove");
}

/* All in a folder, which stays. */
static bool remove_below(const struct removal *removal, int at, const char *name, const char *path, unsigned depth,
			 struct err *err) {
	CLEANUP(close_folder) DIR *folder = NULL;
	if (depth > DEEPEST)
		return err_set(err, ERR_TOO_BIG, path, "more than %d folders in folders", DEEPEST);
	if (!open_folder(at, name, O_NOFOLLOW, path, &folder, err))
		return false;
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		CLEANUP(free_ptr) char *below = file_join(path, entry->d_name);
		if (!is_dots(entry->d_name) && !remove_one(removal, dirfd(folder), entry->d_name, below, depth, err))
			return false;
	}
	return true;
}

/* Whose owner and mode others rely on: it is emptied where it is a folder, and else removed. */
static bool empty(const struct removal *removal, int at, const char *name, const char *path, struct err *err) {
	struct stat status;
	if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
		return remove_below(removal, at, name, path, 0, err);
	return remove_one(removal, at, name, path, 0, err);
}

typedef bool dispose_one(const struct removal *removal, int at, const char *name, const char *path, struct err *err);

/* Every entry of a folder; what is not there has no entries. What it lies in is root's: where the folder itself is a
 * link, root has put the state elsewhere. */
static bool dispose_all(const struct reset_plan *plan, const char *path, dispose_one *dispose, struct err *err) {
	CLEANUP(close_folder) DIR *folder = NULL;
	struct stat status;
	if (access(path, F_OK) != 0)
		return true;
	if (!open_folder(AT_FDCWD, path, 0, path, &folder, err))
		return false;
	if (fstat(dirfd(folder), &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "look at");
	const struct removal removal = {.plan = plan, .device = status.st_dev};
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		CLEANUP(free_ptr) char *below = file_join(path, entry->d_name);
		if (!is_dots(entry->d_name) && !dispose(&removal, dirfd(folder), entry->d_name, below, err))
			return false;
	}
	return plan->is_dry || file_sync_folder(path, err);
}

/* Locks stay: they are held, and hold nothing. */
static bool of_spool(const struct removal *removal, int at, const char *name, const char *path, struct err *err) {
	static const char *const folders[] = {"incoming", "queue", "refused", "epochs"};
	if (!strcmp(name, "lock"))
		return true;
	return text_is_one_of(name, folders, ARRAY_LEN(folders)) ? empty(removal, at, name, path, err)
								 : remove_one(removal, at, name, path, 0, err);
}

static bool of_receipts(const struct removal *removal, int at, const char *name, const char *path, struct err *err) {
	return !strcmp(name, "ship.lock") || remove_one(removal, at, name, path, 0, err);
}

static bool of_sealer(const struct removal *removal, int at, const char *name, const char *path, struct err *err) {
	return remove_one(removal, at, name, path, 0, err);
}

/* Of the state folder itself: what somebody else put there stays, and is told. */
static bool of_state(const struct removal *removal, int at, const char *name, const char *path, struct err *err) {
	static const char *const ours[] = {"enrolment", HOME_REQUEST, "chain.json", "blinds.json", "checkpoint"};
	if (text_is_one_of(name, ours, ARRAY_LEN(ours)) || text_starts(name, "old-") || text_starts(name, ".tmp-"))
		return remove_one(removal, at, name, path, 0, err);
	if (strcmp(name, "spool") != 0 && strcmp(name, "receipts") != 0 && removal->plan->visit)
		removal->plan->visit(removal->plan->context, path, true);
	return true;
}

/* --- in order ----------------------------------------------------------------------------------------------------- */

struct locks {
	int seal, ship, keep;
};

static void locks_done(struct locks *locks) {
	close_fd(&locks->seal);
	close_fd(&locks->ship);
	close_fd(&locks->keep);
}

/* It holds its folder itself. */
static bool lock_sealer(const char *keep, int *ret_lock, struct err *err) {
	CLEANUP(close_fd) int lock = open(keep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return errno == ENOENT || err_errno(err, errno, ERR_IO, keep, "open folder");
	if (flock(lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_REFUSED, keep, "the sealer runs: systemctl stop vouchd vouch-sealer");
	*ret_lock = lock;
	lock = -1;
	return true;
}

static bool lock_all(const struct home *home, const char *keep, struct locks *locks, struct err *err) {
	return (access(home->spool, F_OK) != 0 || home_lock(home, &locks->seal, err)) &&
	       (access(home->receipts, F_OK) != 0 || home_lock_shipping(home, &locks->ship, err)) &&
	       (!keep || lock_sealer(keep, &locks->keep, err));
}

/* From this instant on the host is not enrolled. */
static bool unenrol(const struct home *home, const struct reset_plan *plan, struct err *err) {
	CLEANUP(free_ptr) char *going = xasprintf("%s/" GOING "-%ld", home->folder, (long)getpid());
	if (access(home->enrolment, F_OK) != 0)
		return true;
	if (!file_move(home->enrolment, going, err))
		return false;
	if (plan->visit)
		plan->visit(plan->context, home->enrolment, false);
	return true;
}

bool reset(const struct home *home, const struct reset_plan *plan, struct err *err) {
	CLEANUP(locks_done) struct locks locks = {-1, -1, -1};
	if (!plan->is_dry && (!lock_all(home, plan->keep, &locks, err) || !unenrol(home, plan, err)))
		return false;
	return dispose_all(plan, home->folder, of_state, err) && dispose_all(plan, home->spool, of_spool, err) &&
	       dispose_all(plan, home->receipts, of_receipts, err) &&
	       (!plan->keep || dispose_all(plan, plan->keep, of_sealer, err));
}
