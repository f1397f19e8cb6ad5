#include "agent/owned.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

static bool is_owned(const char *path, const struct stat *status, bool is_on_way, struct err *err) {
	const bool is_own = status->st_uid == geteuid();
	const bool is_groups_own = status->st_gid == 0 || (is_own && status->st_gid == getegid());
	const mode_t others = is_groups_own ? S_IWOTH : S_IWGRP | S_IWOTH;
	if (status->st_uid != 0 && !is_own)
		return err_set(err, ERR_REFUSED, path, "not taken: it belongs to user %u, not to root", status->st_uid);
	return !(status->st_mode & others) || (is_on_way && (status->st_mode & S_ISVTX)) ||
	       err_set(err, ERR_REFUSED, path, "not taken: others than root may write it: mode %04o, group %u",
		       status->st_mode & 07777, status->st_gid);
}

/* It, and each folder up to the root. */
static bool is_way_owned(const char *path, struct err *err) {
	CLEANUP(free_ptr) char *at = xstrdup(path);
	for (bool is_on_way = false;; is_on_way = true) {
		struct stat status;
		if (stat(*at ? at : "/", &status) != 0)
			return err_errno(err, errno, ERR_IO, at, "look at");
		if (!is_owned(*at ? at : "/", &status, is_on_way, err))
			return false;
		char *slash = strrchr(at, '/');
		if (!slash)
			return true;
		*slash = '\0';
	}
}

static bool is_path_owned(const char *path, struct err *err) {
	char target[PATH_MAX];
	if (!realpath(path, target))
		return errno == ENOENT || errno == ENOTDIR || err_errno(err, errno, ERR_IO, path, "look at");
	return is_way_owned(path, err) && is_way_owned(target, err);
}

/* Itself, and what is in it; of a policy folder in the folder of policies what is in that, too. */
static bool is_folder_owned(const char *path, unsigned depth, struct err *err) {
	if (!is_path_owned(path, err))
		return false;
	CLEANUP(close_folder) DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT || errno == ENOTDIR || err_errno(err, errno, ERR_IO, path, "list");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		CLEANUP(free_ptr) char *below = file_join(path, entry->d_name);
		struct stat status;
		if (entry->d_name[0] == '.' || stat(below, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode) ? depth > 0 && !is_folder_owned(below, depth - 1, err)
					    : !is_path_owned(below, err))
			return false;
	}
	return true;
}

bool owned_configuration(const char *path, const struct settings *settings, struct err *err) {
	if (!is_path_owned(path, err) || !is_folder_owned(settings->policy_folder, 1, err) ||
	    (settings->require_approval && !is_folder_owned(settings->approvers, 1, err)))
		return false;
	for (size_t i = 0; i < settings->policy_count; i++)
		if (!is_folder_owned(settings->policies[i], 0, err))
			return false;
	return true;
}
