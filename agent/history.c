#include "agent/history.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/result.h"
#include "core/times.h"

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static bool has_row(const json_t *rows, const json_t *row) {
	size_t i;
	json_t *other;
	json_array_foreach(rows, i, other) if (json_equal(other, row)) return true;
	return false;
}

/* Rows of one that the other has not. New reference. */
static json_t *without(const json_t *rows, const json_t *other, size_t *more) {
	json_t *list = json_array(), *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		if (has_row(other, row))
			continue;
		if (json_array_size(list) < HISTORY_ROWS_MOST)
			json_array_append(list, row);
		else
			(*more)++;
	}
	return list;
}

static json_t *stand_json(const json_t *from) {
	return json_pack("{s:s,s:s}", "verdict", text_of(from, "verdict"), "reason", text_of(from, "reason"));
}

static void copy(json_t *to, const json_t *from, const char *const *members, size_t count) {
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(from, members[i]);
		if (value)
			json_object_set(to, members[i], value);
	}
}

json_t *history_entry(const json_t *result, const json_t *changed, int64_t sequence, const char *trigger) {
	static const char *const of_change[] = {"since", "by", "moreBy", "unattributed", "noticed"};
	static const char *const of_result[] = {"rule", "title"};
	bool moves;
	size_t more = 0;
	json_t *was = json_object_get(changed, "observed"), *entry = json_object();
	CLEANUP(json_decref_p)
	json_t *is =
		result_still_rows(json_object_get(result, "observed"), json_object_get(result, "volatile"), &moves);
	copy(entry, changed, of_change, ARRAY_LEN(of_change));
	copy(entry, result, of_result, ARRAY_LEN(of_result));
	json_object_set_new(entry, "at", json_string(text_of(result, "collectedAt")));
	json_object_set(entry, "control", json_array_get(json_object_get(result, "controls"), 0));
	json_object_set_new(entry, "was", stand_json(changed));
	json_object_set_new(entry, "is", stand_json(result));
	json_object_set_new(entry, "gone", without(was, is, &more));
	json_object_set_new(entry, "new", without(is, was, &more));
	json_object_set_new(entry, "sequence", json_integer(sequence));
	json_object_set_new(entry, "trigger", json_string(trigger));
	if (more > 0)
		json_object_set_new(entry, "more", json_integer((json_int_t)more));
	return entry;
}

json_t *history_late(const char *rule, int64_t sequence, const json_t *found) {
	static const char *const members[] = {"by", "moreBy", "unattributed"};
	json_t *late = json_object();
	copy(late, found, members, ARRAY_LEN(members));
	return json_pack("{s:s,s:I,s:o}", "rule", rule, "sequence", (json_int_t)sequence, "late", late);
}

/* ---- writing ---- */

static bool write_all(int fd, const char *where, const struct buf *bytes, struct err *err) {
	for (size_t done = 0; done < bytes->len;) {
		ssize_t len = write(fd, bytes->data + done, bytes->len - done);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return err_errno(err, len < 0 ? errno : EIO, ERR_IO, where, "write");
		done += (size_t)len;
	}
	return fsync(fd) == 0 || err_errno(err, errno, ERR_IO, where, "fsync");
}

/* Where the last whole line ends. */
static bool whole_end(int fd, const char *where, off_t size, off_t *ret_end, struct err *err) {
	char bytes[4096];
	for (off_t end = size; end > 0;) {
		off_t from = end > (off_t)sizeof bytes ? end - (off_t)sizeof bytes : 0;
		ssize_t len = pread(fd, bytes, (size_t)(end - from), from);
		if (len != end - from)
			return err_errno(err, len < 0 ? errno : EIO, ERR_IO, where, "read");
		const char *newline = memrchr(bytes, '\n', (size_t)len);
		if (newline) {
			*ret_end = from + (newline + 1 - bytes);
			return true;
		}
		end = from;
	}
	*ret_end = 0;
	return true;
}

static bool mend(int fd, const char *where, off_t *size, bool *ret_torn, struct err *err) {
	struct stat status;
	if (fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, where, "stat");
	*size = status.st_size;
	if (!whole_end(fd, where, status.st_size, size, err))
		return false;
	*ret_torn = *size < status.st_size;
	return !*ret_torn || ftruncate(fd, *size) == 0 || err_errno(err, errno, ERR_IO, where, "truncate");
}

static bool open_for_writing(const char *path, int *ret_fd, struct err *err) {
	*ret_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return *ret_fd >= 0 || err_errno(err, errno, ERR_IO, path, "open");
}

bool history_add(const struct home *home, const json_t *entries, int64_t limit, bool *ret_torn, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = -1;
	off_t size = 0;
	size_t i;
	json_t *entry;
	json_array_foreach(entries, i, entry) {
		if (!json_canonical(entry, &bytes, err))
			return false;
		buf_adds(&bytes, "\n");
	}
	*ret_torn = false;
	if (bytes.len == 0)
		return true;
	if (!open_for_writing(home->history, &fd, err) || !mend(fd, home->history, &size, ret_torn, err))
		return false;
	if (size > 0 && size + (int64_t)bytes.len > limit / 2) {
		close_fd(&fd);
		fd = -1;
		if (!file_move(home->history, home->history_before, err) || !open_for_writing(home->history, &fd, err))
			return false;
		size = 0;
	}
	return write_all(fd, home->history, &bytes, err) && (size > 0 || file_sync_folder(home->spool, err));
}

/* ---- reading ---- */

static bool is_wanted(const json_t *entry, const struct history_wanted *wanted) {
	int64_t at;
	return (!wanted->rule || !strcmp(text_of(entry, "rule"), wanted->rule)) &&
	       times_parse(text_of(entry, "at"), &at) && at >= wanted->since;
}

static bool is_entry(const json_t *entry) {
	static const char *const texts[] = {"at", "rule", "since"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!*text_of(entry, texts[i]))
			return false;
	return json_is_object(json_object_get(entry, "was")) && json_is_object(json_object_get(entry, "is"));
}

static bool is_late(const json_t *line) {
	const json_t *late = json_object_get(line, "late");
	return *text_of(line, "rule") && json_is_integer(json_object_get(line, "sequence")) &&
	       (json_is_array(json_object_get(late, "by")) || json_is_string(json_object_get(late, "unattributed")));
}

/* Into the entry that it is of, where that is there and nobody was named. */
static void amend(const json_t *line, const json_t *entries) {
	for (size_t i = json_array_size(entries); i-- > 0;) {
		json_t *entry = json_array_get(entries, i);
		if (strcmp(text_of(entry, "rule"), text_of(line, "rule")) != 0 ||
		    !json_equal(json_object_get(entry, "sequence"), json_object_get(line, "sequence")))
			continue;
		if (json_object_get(entry, "by"))
			return;
		json_object_del(entry, "unattributed");
		json_object_update(entry, json_object_get(line, "late"));
		json_object_set_new(entry, "late", json_true());
		return;
	}
}

static void take(const char *line, size_t len, const struct history_wanted *wanted, json_t *entries, size_t *bad) {
	CLEANUP(json_decref_p) json_t *entry = NULL;
	struct err ignored;
	bool is_json = json_read(line, len, HISTORY_LARGEST, "history", &entry, &ignored);
	if (is_json && is_late(entry))
		amend(entry, entries);
	else if (!is_json || !is_entry(entry))
		(*bad)++;
	else if (is_wanted(entry, wanted))
		json_array_append(entries, entry);
}

static bool read_one(const char *path, const struct history_wanted *wanted, json_t *entries, size_t *bad,
		     struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!file_read_plain(path, HISTORY_LARGEST, &bytes, err))
		return err->code == ERR_ABSENT;
	for (const char *at = bytes.data, *end = at + bytes.len, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline) { /* torn, or being written */
			(*bad)++;
			break;
		}
		take(at, (size_t)(newline - at), wanted, entries, bad);
	}
	return true;
}

bool history_read(const struct home *home, const struct history_wanted *wanted, json_t **ret_entries, size_t *ret_bad,
		  struct err *err) {
	CLEANUP(json_decref_p) json_t *entries = json_array();
	size_t bad = 0;
	if (!read_one(home->history_before, wanted, entries, &bad, err) ||
	    !read_one(home->history, wanted, entries, &bad, err))
		return false;
	*ret_bad = bad;
	*ret_entries = json_incref(entries);
	return true;
}
