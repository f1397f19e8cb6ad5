#include "sources/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "sources/capability.h"
#include "sources/mounts.h"

#define PIDS_MOST 4194304 /* the kernel's PID_MAX_LIMIT */

bool proc_hides(const json_t *options, int64_t *ret_group) {
	bool hides = false;
	const json_t *option;
	size_t index;
	*ret_group = -1;
	json_array_foreach(options, index, option) {
		const char *text = json_string_value(option);
		unsigned long long group;
		if (text && text_starts(text, "hidepid="))
			hides = strcmp(text, "hidepid=0") != 0 && strcmp(text, "hidepid=off") != 0;
		if (text && text_starts(text, "gid=") && text_to_u64(text + 4, UINT32_MAX, &group))
			*ret_group = (int64_t)group;
	}
	return hides;
}

static bool has_ptrace(void) { return (capability_effective() >> CAP_SYS_PTRACE) & 1; }

static bool is_in_group(int64_t group) {
	int count = group < 0 ? 0 : getgroups(0, NULL);
	CLEANUP(free_ptr) gid_t *groups = xcalloc(count > 0 ? (size_t)count : 1, sizeof *groups);
	bool is_in = group >= 0 && getegid() == (gid_t)group;
	count = count > 0 ? getgroups(count, groups) : 0;
	for (int i = 0; i < count && !is_in; i++)
		is_in = groups[i] == (gid_t)group;
	return is_in;
}

/* The options of the last thing mounted at /proc, if it is procfs; borrowed from list. */
static const json_t *options_of(const json_t *list) {
	const json_t *mount, *last = NULL;
	size_t index;
	json_array_foreach(list, index, mount) {
		if (!strcmp(json_string_value(json_object_get(mount, "target")), "/proc"))
			last = mount;
	}
	return last && !strcmp(json_string_value(json_object_get(last, "type")), "proc")
		       ? json_object_get(last, "super_options")
		       : NULL;
}

bool proc_is_seen(const struct ask *ask, struct err *err) {
	CLEANUP(close_fd) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	int64_t group;
	if (fd < 0)
		return err_set(err, ERR_UNPROVED, ask->name, "no /proc to look through");
	if (!file_read_fd(fd, ask->name, SOURCE_LARGEST, &bytes, err)) {
		err->code = ERR_UNREADABLE;
		return false;
	}
	if (!mounts_parse(bytes.data, bytes.len, ask->name, &list, err))
		return false;
	const json_t *options = options_of(list);
	if (!options)
		return err_set(err, ERR_UNPROVED, ask->name, "nothing shows how /proc is mounted");
	CLEANUP(close_fd) int first = open("/proc/1/stat", O_RDONLY | O_CLOEXEC);
	if (proc_hides(options, &group) && !is_in_group(group) && (first < 0 || !has_ptrace()))
		return err_set(err, ERR_DENIED, ask->name,
			       "/proc is mounted with hidepid=, which hides the processes of others");
	if (first < 0)
		return err_set(err, ERR_UNPROVED, ask->name, "/proc does not show the first process");
	return true;
}

bool proc_is_gone(const struct ask *ask, unsigned long long pid, int folder, int error, const char *what,
		  struct err *err) {
	/* The kernel says EACCES of some things of a process that has ended. */
	if (error == ENOENT || error == ESRCH || faccessat(folder, "stat", F_OK, 0) != 0)
		return true;
	return err_set(err, error == EACCES || error == EPERM ? ERR_DENIED : ERR_UNREADABLE, ask->name,
		       "%s of process %llu: %s (%s)", what, pid, strerrorname_np(error), strerrordesc_np(error));
}

bool proc_walk(const struct ask *ask, bool (*use)(void *context, unsigned long long pid, int folder, struct err *err),
	       void *context, struct err *err) {
	CLEANUP(close_folder) DIR *dir = opendir("/proc");
	if (!dir)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open /proc");
	for (;;) {
		unsigned long long pid;
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return errno == 0 || err_errno(err, errno, ERR_UNREADABLE, ask->name, "list /proc");
		if (!text_to_u64(entry->d_name, PIDS_MOST, &pid))
			continue;
		CLEANUP(close_fd)
		int folder = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder < 0 && errno != ENOENT && errno != ESRCH)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open a process");
		if (folder >= 0 && (!ask_in_time(ask, err) || !use(context, pid, folder, err)))
			return false;
	}
}
