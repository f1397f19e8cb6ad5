#include "sources/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "core/value.h"
#include "sources/fetch.h"

#define META_LARGEST SOURCE_LARGEST
#define FILE_NAME_LONGEST 255
#define FILE_PREFIX "file:"

static const struct {
	const char *name;
	mode_t mode;
} types[] = {
	{"file", S_IFREG},    {"dir", S_IFDIR},  {"link", S_IFLNK},  {"fifo", S_IFIFO},
	{"socket", S_IFSOCK}, {"char", S_IFCHR}, {"block", S_IFBLK},
};

/* 0: no type is given. */
static mode_t type_of(const json_t *entry) {
	const char *name = json_string_value(json_object_get(entry, "type"));
	for (size_t i = 0; name && i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i].name, name))
			return types[i].mode;
	return 0;
}

static bool is_look_error(const char *word) { return err_is_of_look(err_code_from_name(word)); }

static bool member_holds(const json_t *entry, const char *key, const json_t *value) {
	unsigned mode;
	if (!strcmp(key, "mode"))
		return json_is_string(value) && text_to_mode(json_string_value(value), &mode);
	if (!strcmp(key, "error"))
		return json_is_string(value) && is_look_error(json_string_value(value));
	if (!strcmp(key, "type"))
		return type_of(entry) != 0;
	if (!strcmp(key, "acl"))
		return value_has_type(value, VALUE_STRINGS);
	if (!strcmp(key, "target") || !strcmp(key, "why"))
		return json_is_string(value);
	if (!strcmp(key, "mtime") || !strcmp(key, "ctime"))
		return json_is_integer(value);
	return (!strcmp(key, "uid") || !strcmp(key, "gid") || !strcmp(key, "nlink")) && json_is_integer(value) &&
	       json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX;
}

static bool meta_holds(json_t *meta, struct err *err) {
	const char *name, *key;
	json_t *entry, *value;
	if (!json_is_object(meta))
		return err_set(err, ERR_MALFORMED, ".vouch/meta", "not an object");
	json_object_foreach(meta, name, entry) {
		if (!json_is_object(entry) || (name[0] != '/' && !strchr(name, ':')))
			return err_set(err, ERR_MALFORMED, ".vouch/meta",
				       "\"%s\" is not a path or source name with an "
				       "object",
				       name);
		json_object_foreach(entry, key, value) if (!member_holds(entry, key, value)) return err_set(
			err, ERR_MALFORMED, ".vouch/meta", "\"%s\" of \"%s\" cannot be that", key, name);
	}
	return true;
}

static bool read_below(const struct fixture *fixture, const char *path, const char *where, struct buf *ret_bytes,
		       struct err *err) {
	struct place place = {.root = fixture->root, .fixture = (struct fixture *)fixture};
	CLEANUP(close_fd) int fd = place_open(&place, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, where, "open");
	if (file_read_fd(fd, where, SOURCE_LARGEST, ret_bytes, err))
		return true;
	if (err->code == ERR_TOO_BIG)
		err->code = ERR_UNREADABLE;
	return false;
}

static bool read_meta(struct fixture *fixture, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!read_below(fixture, "/.vouch/meta", ".vouch/meta", &bytes, err))
		return err->code == ERR_ABSENT;
	CLEANUP(json_decref_p) json_t *meta = NULL;
	if (!json_read(bytes.data, bytes.len, META_LARGEST, ".vouch/meta", &meta, err) || !meta_holds(meta, err))
		return false;
	fixture->meta = json_incref(meta);
	return true;
}

/* What stands in it is for people: that it is there says how the folder came to be. */
static bool read_marker(struct fixture *fixture, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	fixture->is_capture = read_below(fixture, "/.vouch/captured", ".vouch/captured", &bytes, err);
	return fixture->is_capture || err->code == ERR_ABSENT;
}

struct fixture *fixture_open(const char *folder) {
	struct fixture *fixture = xcalloc(1, sizeof *fixture);
	struct err err;
	fixture->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fixture->root < 0) {
		/* Not absent: that nothing is there has not been seen. */
		err_errno(&fixture->bad, errno, ERR_UNREADABLE, folder, "open root");
		fixture->bad.code = ERR_UNREADABLE;
	} else if (!read_meta(fixture, &err) || !read_marker(fixture, &err)) {
		fixture->bad = err;
		if (!is_look_error(err_code_name(err.code)))
			fixture->bad.code = ERR_MALFORMED;
	}
	return fixture;
}

void fixture_free(struct fixture *fixture) {
	if (!fixture)
		return;
	close_fd(&fixture->root);
	json_decref(fixture->meta);
	free(fixture);
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

bool fixture_keeps(const struct fixture *fixture, const char *name, bool is_below_root) {
	return !is_below_root || (fixture->is_capture && !text_starts(name, FILE_PREFIX));
}

char *fixture_path(const char *name) {
	char hex[HASH_HEX];
	CLEANUP(free_ptr) char *encoded = text_percent_encode(name);
	struct hash sum = hash_of(name, strlen(name));
	return xasprintf("/.vouch/%s", strlen(encoded) <= FILE_NAME_LONGEST ? encoded : hash_hex(&sum, hex));
}

bool fixture_look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *path = fixture_path(ask->name);
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!read_below(ask->place->fixture, path, ask->name, &bytes, err))
		return err->code == ERR_ABSENT ? err_set(err, ERR_UNPROVED, ask->name, "not in this folder") : false;
	CLEANUP(json_decref_p) json_t *value = NULL;
	return json_read(bytes.data, bytes.len, SOURCE_LARGEST, ask->name, &value, err) &&
	       answer_json(ask, value, ret_answer, err);
}

static int64_t int_or(const json_t *entry, const char *key, int64_t otherwise) {
	const json_t *value = json_object_get(entry, key);
	return value ? json_integer_value(value) : otherwise;
}

void fixture_dress(const struct fixture *fixture, const char *path, struct stat *status) {
	if (!fixture->meta)
		return;
	const json_t *entry = entry_of(fixture, path);
	if (type_of(entry) && type_of(entry) != (status->st_mode & S_IFMT)) {
		status->st_mode = type_of(entry) | (status->st_mode & 07777);
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
	mode_t type = type_of(entry_of(fixture, path));
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

json_t *fixture_acl(const struct fixture *fixture, const char *path) {
	return json_object_get(entry_of(fixture, path), "acl");
}

const char *fixture_target(const struct fixture *fixture, const char *path) {
	const json_t *entry = entry_of(fixture, path);
	return type_of(entry) == S_IFLNK ? json_string_value(json_object_get(entry, "target")) : NULL;
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
		if (is_child && type_of(entry))
			use(context, path + len + 1);
	}
}

bool fixture_hides(const struct fixture *fixture, const char *folder, const char *name) {
	return !strcmp(name, ".gitkeep") || (!strcmp(folder, "/") && !strcmp(name, ".vouch"));
}
