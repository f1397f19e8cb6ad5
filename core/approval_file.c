#include "core/approval_file.h"

#include "core/file.h"

void approval_file_done(struct approval_file *file) {
	for (size_t i = 0; i < file->count; i++) {
		free(file->lines[i].text);
		approval_free(file->lines[i].approval);
	}
	*file = (struct approval_file){0};
}

static bool fault(struct err *err, const char *path, size_t line, const struct err *why) {
	return err_set_at(err, why->code, path, (unsigned)line, 0, "%s", why->why);
}

static bool add_line(struct approval_file *file, const char *path, const char *text, size_t len, struct err *err) {
	struct approval *approval;
	struct err why;
	if (file->count == APPROVAL_LINES_MOST)
		return err_set(err, ERR_TOO_BIG, path, "more than %d approvals", APPROVAL_LINES_MOST);
	if (!approval_read(text, len, path, &approval, &why))
		return fault(err, path, file->count + 1, &why);
	file->lines[file->count++] = (struct approval_line){xstrndup(text, len), approval};
	return true;
}

static bool read_lines(const struct buf *bytes, const char *path, struct approval_file *file, struct err *err) {
	const char *end = bytes->data + bytes->len;
	for (const char *at = bytes->data; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return err_set_at(err, ERR_MALFORMED, path, (unsigned)file->count + 1, 0,
					  "the last line has no newline: it was cut");
		if (!add_line(file, path, at, (size_t)(newline - at), err))
			return false;
		at = newline + 1;
	}
	return true;
}

bool approval_file_read(const char *path, struct approval_file *ret_file, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(approval_file_done) struct approval_file file = {0};
	struct err why;
	if (!file_read(path, (size_t)APPROVAL_LINES_MOST * (APPROVAL_LINE_LONGEST + 1), &bytes, &why)) {
		*err = why;
		return why.code == ERR_ABSENT;
	}
	if (bytes.len > 0 && !read_lines(&bytes, path, &file, err))
		return false;
	*ret_file = file;
	file = (struct approval_file){0};
	return true;
}

bool approval_file_put(const char *path, const char *line, size_t *ret_dropped, struct err *err) {
	CLEANUP(approval_file_done) struct approval_file file = {0};
	CLEANUP(approval_free_p) struct approval *added = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	size_t dropped = 0, kept = 0;
	if (!approval_read(line, strlen(line), "approval", &added, err) || !approval_file_read(path, &file, err))
		return false;
	for (size_t i = 0; i < file.count; i++) {
		const struct approval *other = file.lines[i].approval;
		const bool is_same = hash_equal(&other->sha256, &added->sha256);
		dropped += !is_same;
		if (!is_same || !strcmp(other->approver, added->approver))
			continue;
		buf_addf(&text, "%s\n", file.lines[i].text);
		kept++;
	}
	if (kept == APPROVAL_LINES_MOST)
		return err_set(err, ERR_TOO_BIG, path, "more than %d approvals", APPROVAL_LINES_MOST);
	buf_addf(&text, "%s\n", line);
	if (!file_write(path, text.data, text.len, 0644, err))
		return false;
	*ret_dropped = dropped;
	return true;
}
