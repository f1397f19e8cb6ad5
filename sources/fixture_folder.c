#include "sources/fixture_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "core/value.h"

#define META_LARGEST SOURCE_LARGEST
#define FILE_NAME_LONGEST 255
#define FILE_PREFIX "file:"

static bool is_look_error(const char *word) { return err_is_of_look(err_code_from_name(word)); }

static bool member_holds(const json_t *entry, const char *key, const json_t *value) {
	unsigned mode;
	if (!strcmp(key, "mode"))
		return json_is_string(value) && text_to_mode(json_string_value(value), &mode);
	if (!strcmp(key, "error"))
		return json_is_string(value) && is_look_error(json_string_value(value));
	if (!strcmp(key, "type"))
		return fixture_type(entry) != 0;
	if (!strcmp(key, "acl") || !strcmp(key, "default_acl"))
		return value_has_type(value, VALUE_STRINGS);
	if (!strcmp(key, "target") || !strcmp(key, "why") || !strcmp(key, "caps"))
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
	return kind_read_fd(fd, where, SOURCE_LARGEST, ret_bytes, err);
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

bool fixture_keeps(const struct fixture *fixture, const char *name, bool is_below_root) {
	return !is_below_root || (fixture->is_capture && !text_starts(name, FILE_PREFIX));
}

char *fixture_path(const char *name) {
	char hex[HASH_HEX];
	CLEANUP(free_ptr) char *encoded = text_percent_encode(name);
	struct hash sum = hash_of(name, strlen(name));
	return xasprintf("/.vouch/%s", strlen(encoded) <= FILE_NAME_LONGEST ? encoded : hash_hex(&sum, hex));
}

bool fixture_has(const struct fixture *fixture, const char *name) {
	struct place place = {.root = fixture->root, .fixture = (struct fixture *)fixture};
	CLEANUP(free_ptr) char *path = fixture_path(name);
	CLEANUP(close_fd) int fd = place_open(&place, path, O_PATH);
	return fd >= 0;
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
