#include "sources/fixture.h"

#include <errno.h>

#include "core/text.h"

#define FILE_PREFIX "file:"

static const struct {
	const char *name;
	mode_t mode;
} types[] = {
	{"file", S_IFREG},    {"dir", S_IFDIR},  {"link", S_IFLNK},  {"fifo", S_IFIFO},
	{"socket", S_IFSOCK}, {"char", S_IFCHR}, {"block", S_IFBLK},
};

mode_t fixture_type(const json_t *entry) {
	const char *name = json_string_value(json_object_get(entry, "type"));
	for (size_t i = 0; name && i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i].name, name))
			return types[i].mode;
	return 0;
}

static const json_t *entry_of(const struct fixture *fixture, const char *name) {
	return json_object_get(fixture->meta, name);
}

/* Whoever captured a folder left out what was not asked for then: that a file is not in it says nothing. */
static bool is_uncaptured(const struct fixture *fixture, const char *name, const char *path) {
	return fixture->is_capture && text_starts(name, FILE_PREFIX) && !entry_of(fixture, path);
}

bool fixture_permits(const struct fixture *fixture, const char *name, const char *path, struct err *err) {
	if (fixture->bad.code) {
		*err = fixture->bad;
		return false;
	}
	const json_t *entry = entry_of(fixture, name);
	if (!json_object_get(entry, "error") && path)
		entry = entry_of(fixture, path);
	const char *error = json_string_value(json_object_get(entry, "error"));
	const char *why = json_string_value(json_object_get(entry, "why"));
	if (error)
		return err_set(err, err_code_from_name(error), name, "%s, as the folder's .vouch/meta has it",
			       why ? why : error);
	return !path || !is_uncaptured(fixture, name, path) || err_set(err, ERR_UNPROVED, name, "not in this capture");
}

static int64_t int_or(const json_t *entry, const char *key, int64_t otherwise) {
	const json_t *value = json_object_get(entry, key);
	return value ? json_integer_value(value) : otherwise;
}

void fixture_dress(const struct fixture *fixture, const char *path, struct stat *status) {
	if (!fixture->meta)
		return;
	const json_t *entry = entry_of(fixture, path);
	if (fixture_type(entry) && fixture_type(entry) != (status->st_mode & S_IFMT)) {
		status->st_mode = fixture_type(entry) | (status->st_mode & 07777);
		status->st_size = 0;
	}
	mode_t type = status->st_mode & S_IFMT;
	unsigned mode = type == S_IFLNK ? 0777 : type == S_IFDIR || (status->st_mode & 0100) ? 0755 : 0644;
	const char *text = json_string_value(json_object_get(entry, "mode"));
	if (text && !text_to_mode(text, &mode))
		mode = 0;
	status->st_mode = type | mode;
	status->st_uid = (uid_t)int_or(entry, "uid", 0);
	status->st_gid = (gid_t)int_or(entry, "gid", 0);
	status->st_nlink = (nlink_t)int_or(entry, "nlink", type == S_IFDIR ? 2 : 1);
	status->st_mtime = int_or(entry, "mtime", 0);
	status->st_ctime = int_or(entry, "ctime", status->st_mtime);
	if (type == S_IFDIR)
		status->st_size = 4096;
}

bool fixture_imagine(const struct fixture *fixture, const char *path, struct stat *ret_status) {
	mode_t type = fixture_type(entry_of(fixture, path));
	if (!type) {
		errno = ENOENT;
		return false;
	}
	*ret_status = (struct stat){.st_mode = type};
	const char *target = fixture_target(fixture, path);
	if (target)
		ret_status->st_size = (off_t)strlen(target);
	fixture_dress(fixture, path, ret_status);
	return true;
}

json_t *fixture_attribute(const struct fixture *fixture, const char *path, const char *key) {
	return json_object_get(entry_of(fixture, path), key);
}

const char *fixture_target(const struct fixture *fixture, const char *path) {
	const json_t *entry = entry_of(fixture, path);
	return fixture_type(entry) == S_IFLNK ? json_string_value(json_object_get(entry, "target")) : NULL;
}

void fixture_children(const struct fixture *fixture, const char *folder, void (*use)(void *context, const char *name),
		      void *context) {
	const char *path;
	json_t *entry;
	size_t len = strlen(folder);
	len -= len > 0 && folder[len - 1] == '/';
	json_object_foreach(fixture->meta, path, entry) {
		bool is_child = path[0] == '/' && !strncmp(path, folder, len) && path[len] == '/' && path[len + 1] &&
				!strchr(path + len + 1, '/');
		if (is_child && fixture_type(entry))
			use(context, path + len + 1);
	}
}

bool fixture_hides(const struct fixture *fixture, const char *folder, const char *name) {
	return !strcmp(name, ".gitkeep") || (!strcmp(folder, "/") && !strcmp(name, ".vouch"));
}
