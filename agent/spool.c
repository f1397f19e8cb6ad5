#include "agent/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/text.h"

#define SEQUENCE_DIGITS 20
#define DIGEST_DIGITS 16

char *spool_name(int64_t sequence, const struct hash *digest, char text[SPOOL_NAME_LONGEST]) {
	char hex[HASH_HEX];
	snprintf(text, SPOOL_NAME_LONGEST, "%0*" PRId64 "-%.*s.json", SEQUENCE_DIGITS, sequence, DIGEST_DIGITS,
		 hash_hex(digest, hex));
	return text;
}

bool spool_is_name(const char *name) {
	return strspn(name, "0123456789") == SEQUENCE_DIGITS && name[SEQUENCE_DIGITS] == '-' &&
	       strspn(name + SEQUENCE_DIGITS + 1, "0123456789abcdef") == DIGEST_DIGITS &&
	       !strcmp(name + SEQUENCE_DIGITS + 1 + DIGEST_DIGITS, ".json");
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list_add(struct spool_list *list, const char *name, int64_t size) {
	/* Room doubles at each power of two. */
	if ((list->count & (list->count - 1)) == 0)
		list->names = xreallocarray(list->names, list->count ? 2 * list->count : 1, sizeof *list->names);
	list->names[list->count++] = xstrdup(name);
	list->bytes += size;
}

bool spool_list(const char *folder, struct spool_list *ret_list, struct err *err) {
	struct spool_list list = {0};
	CLEANUP(close_folder) DIR *open_folder = opendir(folder);
	if (!open_folder)
		return err_errno(err, errno, ERR_IO, folder, "open folder");
	for (struct dirent *entry = readdir(open_folder); entry; entry = readdir(open_folder)) {
		struct stat status;
		if (spool_is_name(entry->d_name) && fstatat(dirfd(open_folder), entry->d_name, &status, 0) == 0)
			list_add(&list, entry->d_name, status.st_size);
	}
	if (list.count)
		qsort(list.names, list.count, sizeof *list.names, by_name);
	*ret_list = list;
	return true;
}

void spool_list_done(struct spool_list *list) {
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct spool_list){0};
}

bool spool_bytes(const struct home *home, int64_t *ret_bytes, size_t *ret_statements, struct err *err) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	CLEANUP(spool_list_done) struct spool_list incoming = {0};
	CLEANUP(spool_list_done) struct spool_list refused = {0};
	if (!spool_list(home->queue, &queue, err) || !spool_list(home->incoming, &incoming, err) ||
	    !spool_list(home->refused, &refused, err))
		return false;
	*ret_bytes = queue.bytes + incoming.bytes + refused.bytes;
	*ret_statements = queue.count + incoming.count + refused.count;
	return true;
}

static bool has_reserve(const struct home *home) {
	struct stat status;
	return stat(home->reserve, &status) == 0 && status.st_size == SPOOL_DISK_RESERVE;
}

bool spool_disk_has(const struct home *home, int64_t bytes, bool *ret_has, struct err *err) {
	struct statvfs disk;
	if (statvfs(home->incoming, &disk) != 0)
		return err_errno(err, errno, ERR_IO, home->incoming, "find the room on the disk of");
	const int64_t wanted = has_reserve(home) ? bytes : bytes + SPOOL_DISK_RESERVE;
	*ret_has = (uint64_t)disk.f_bavail * disk.f_frsize >= (uint64_t)wanted;
	return true;
}

void spool_reserve_keep(const struct home *home) {
	if (has_reserve(home))
		return;
	CLEANUP(close_fd) int fd = open(home->reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && posix_fallocate(fd, 0, SPOOL_DISK_RESERVE) != 0)
		spool_reserve_give_up(home);
}

void spool_reserve_give_up(const struct home *home) { unlink(home->reserve); }

bool spool_recover(const struct home *home, const char *name, struct err *err) {
	CLEANUP(close_folder) DIR *folder = opendir(home->incoming);
	if (!folder)
		return err_errno(err, errno, ERR_IO, home->incoming, "open folder");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !strcmp(entry->d_name, SPOOL_UNSIGNED))
			continue;
		CLEANUP(free_ptr) char *from = file_join(home->incoming, entry->d_name);
		CLEANUP(free_ptr) char *to = file_join(home->queue, entry->d_name);
		if (name && !strcmp(entry->d_name, name)) {
			if (!file_move(from, to, err))
				return false;
		} else if (unlink(from) != 0) {
			return err_errno(err, errno, ERR_IO, from, "throw away a leftover");
		}
	}
	return true;
}

bool spool_remove(const struct home *home, const char *name, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(home->queue, name);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, errno, ERR_IO, path, "remove");
	return file_sync_folder(home->queue, err);
}

bool spool_refuse(const struct home *home, const char *name, const char *reason, struct err *err) {
	CLEANUP(free_ptr) char *from = file_join(home->queue, name);
	CLEANUP(free_ptr) char *to = file_join(home->refused, name);
	CLEANUP(free_ptr) char *beside = xasprintf("%s/%s.reason", home->refused, name);
	CLEANUP(free_ptr) char *text = xasprintf("%s\n", reason);
	text_replace_controls(text);
	text[strlen(text) - 1] = '\n';
	return file_write(beside, text, strlen(text), 0600, err) && file_move(from, to, err);
}
