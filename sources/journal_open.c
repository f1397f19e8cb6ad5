#include "sources/journal_open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/file.h"

void journal_close_files(sd_journal **journal) { sd_journal_close(*journal); }

bool journal_fault(const struct ask *ask, int error, const char *what, struct err *err) {
	err_errno(err, error < 0 ? -error : error, ERR_UNREADABLE, ask->name, what);
	if (err->code == ERR_ABSENT)
		err->code = ERR_UNREADABLE; /* it was there a moment ago */
	return false;
}

/* A journal that was opened has taken the descriptors over; one that was not has left them. */
static int open_files(struct journal_file *all, size_t count, sd_journal **ret_journal) {
	CLEANUP(free_ptr) int *fds = xcalloc(count, sizeof *fds);
	for (size_t i = 0; i < count; i++)
		fds[i] = all[i].fd;
	int error = sd_journal_open_files_fd(ret_journal, fds, (int)count, 0);
	for (size_t i = 0; error >= 0 && i < count; i++)
		all[i].fd = -1;
	return error;
}

static bool is_damage(int error) { return error == -EBADMSG || error == -ENODATA; }

/* Take out the files that are damaged: each is asked for alone. */
static void drop_damaged(struct journal_files *files) {
	for (size_t i = files->count; i-- > 0;) {
		CLEANUP(journal_close_files) sd_journal *alone = NULL;
		struct journal_file one = {.fd = fcntl(files->all[i].fd, F_DUPFD_CLOEXEC, 0)};
		int error = open_files(&one, 1, &alone);
		close_fd(&one.fd);
		if (!is_damage(error))
			continue;
		journal_files_drop(files, i);
		files->broken++;
	}
}

bool journal_open_files(const struct ask *ask, struct journal_files *files, sd_journal **ret_journal, struct err *err) {
	if (!files->has_folder)
		return err_set(err, ERR_ABSENT, ask->name, "no journal of this machine: neither %s nor %s",
			       files->folders[0], files->folders[1]);
	if (files->count == 0)
		return err_set(err, ERR_UNPROVED, ask->name, "the journal's folder holds no file of the system's");
	int error = open_files(files->all, files->count, ret_journal);
	if (is_damage(error)) {
		drop_damaged(files);
		error = files->count ? open_files(files->all, files->count, ret_journal) : error;
	}
	return error >= 0 || journal_fault(ask, error, "sd_journal_open_files_fd", err);
}

bool journal_is_of(sd_journal *journal, const char *machine) {
	static const char key[] = "_MACHINE_ID=";
	const void *data;
	size_t len;
	return sd_journal_get_data(journal, "_MACHINE_ID", &data, &len) >= 0 && len == strlen(key) + strlen(machine) &&
	       !memcmp((const char *)data + strlen(key), machine, strlen(machine));
}
