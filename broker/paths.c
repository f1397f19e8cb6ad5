#include "broker/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/source.h"
#include "core/text.h"

#define WATCH "watch:"
#define INODES "inodes:"
#define WILD "*?[\\"

struct line {
	char *pattern;  /* owned; the targets lie in it too */
	size_t plain;   /* bytes before its first wild card */
	bool is_wild;   /* has one */
	char **targets; /* NULL: none */
	size_t target_count;
};

struct paths {
	char *where; /* owned */
	struct line *lines;
	size_t count, room;
};

/* What distributions have merged: below the first, links lead to the same name below the second. */
static const char *const merged[][2] = {
	{"/bin/", "/usr/bin/"},      {"/sbin/", "/usr/sbin/"},    {"/sbin/", "/usr/bin/"},
	{"/usr/sbin/", "/usr/bin/"}, {"/lib/", "/usr/lib/"},      {"/lib32/", "/usr/lib32/"},
	{"/lib64/", "/usr/lib64/"},  {"/lib64/", "/usr/lib/"},    {"/libx32/", "/usr/libx32/"},
	{"/var/run/", "/run/"},      {"/var/lock/", "/run/lock/"}};

void paths_free(struct paths *paths) {
	if (!paths)
		return;
	for (size_t i = 0; i < paths->count; i++) {
		free(paths->lines[i].pattern);
		free(paths->lines[i].targets);
	}
	free(paths->lines);
	free(paths->where);
	free(paths);
}

/* What a tree has behind its path. */
static bool is_query(const char *text) { return text_starts(text, "?perm=") || !strcmp(text, "?caps"); }

bool paths_is_plain(const char *path) {
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *name = slash + 1;
		size_t dots = strspn(name, ".");
		const char *end = name + dots;
		bool is_end = !*end || *end == '/' || is_query(end);
		if (*name == '/' || ((dots == 1 || dots == 2) && is_end))
			return false;
	}
	return true;
}

/* Where the kind's prefix ends: behind its colon; 0 where there is none. */
static size_t prefix_len(const char *name) {
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return len > 0 && name[len] == ':' ? len + 1 : 0;
}

static bool matches(const struct line *line, const char *name) {
	if (strncmp(line->pattern, name, line->plain) != 0)
		return false;
	return line->is_wild ? fnmatch(line->pattern, name, 0) == 0 : !name[line->plain];
}

static bool add_targets(const char *where, unsigned number, char *text, struct line *line, struct err *err) {
	for (char *target; (target = text_word(&text));) {
		if (target[0] != '/' || !paths_is_plain(target))
			return err_set_at(err, ERR_SYNTAX, where, number, 0, "not the absolute path of a target: %s",
					  target);
		if (line->target_count == PATHS_TARGETS_MOST)
			return err_set_at(err, ERR_SYNTAX, where, number, 0, "more than %d targets",
					  PATHS_TARGETS_MOST);
		line->targets = xreallocarray(line->targets, line->target_count + 1, sizeof *line->targets);
		line->targets[line->target_count++] = target;
	}
	return line->target_count > 0 ||
	       err_set_at(err, ERR_SYNTAX, where, number, 0, "there is no target behind \">\"");
}

static bool parse_line(const char *where, unsigned number, struct line *line, struct err *err) {
	char *targets = text_ends(line->pattern, " >") ? line->pattern + strlen(line->pattern) - 2
						       : strstr(line->pattern, " > ");
	if (targets)
		*targets = '\0';
	text_trim(line->pattern);
	size_t prefix = prefix_len(line->pattern);
	if (!prefix || text_starts(line->pattern, WATCH) || text_starts(line->pattern, INODES))
		return err_set_at(err, ERR_SYNTAX, where, number, 0, "not the name of a source: %s", line->pattern);
	if (strlen(line->pattern) > SOURCE_NAME_LONGEST)
		return err_set_at(err, ERR_SYNTAX, where, number, 0, "longer than a source's name can be");
	if (!paths_is_plain(line->pattern))
		return err_set_at(err, ERR_SYNTAX, where, number, 0, "a detour in the path: %s", line->pattern);
	line->plain = strcspn(line->pattern, WILD);
	line->is_wild = line->pattern[line->plain];
	return !targets || add_targets(where, number, targets + 2, line, err);
}

static bool add_line(struct paths *paths, const char *where, unsigned number, const char *text, struct err *err) {
	if (paths->count == PATHS_LINES_MOST)
		return err_set_at(err, ERR_TOO_BIG, where, number, 0, "more than %d lines", PATHS_LINES_MOST);
	if (paths->count == paths->room) {
		paths->room = paths->room ? paths->room * 2 : 64;
		paths->lines = xreallocarray(paths->lines, paths->room, sizeof *paths->lines);
	}
	struct line *line = &paths->lines[paths->count++];
	*line = (struct line){.pattern = xstrdup(text)};
	return parse_line(where, number, line, err);
}

bool paths_parse(const char *where, const char *data, size_t len, struct paths **ret_paths, struct err *err) {
	CLEANUP(paths_free_p) struct paths *paths = xcalloc(1, sizeof *paths);
	CLEANUP(lines_done) struct lines lines = lines_over(where, data, len);
	paths->where = xstrdup(where);
	for (char *line; (line = lines_next(&lines));) {
		line = text_trim(line);
		if (*line && *line != '#' && !add_line(paths, where, lines.number, line, err))
			return false;
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_paths = paths;
	paths = NULL;
	return true;
}

static bool is_listed(const struct paths *paths, const char *name) {
	for (size_t i = 0; i < paths->count; i++)
		if (matches(&paths->lines[i], name))
			return true;
	return false;
}

/* What a request is about: to watch a source, or to ask for its inodes, takes what to look at it takes. */
static const char *source_of(const char *name) {
	if (text_starts(name, INODES))
		return name + strlen(INODES);
	return text_starts(name, WATCH) ? name + strlen(WATCH) : name;
}

/* Whether a tree is listed that has this path: "tree:/usr/bin/su?perm=4000" is of "tree:/usr?perm=4000". */
static bool is_in_tree(const struct paths *paths, const char *name) {
	CLEANUP(free_ptr) char *path = xstrdup(name);
	const char *query = strrchr(name, '?');
	if (query && is_query(query))
		path[query - name] = '\0';
	else
		query = "";
	for (;;) {
		CLEANUP(free_ptr) char *above = xasprintf("%s%s%s", path, text_ends(path, ":") ? "/" : "", query);
		char *slash = strrchr(path, '/');
		if (is_listed(paths, above))
			return true;
		if (!slash)
			return false;
		*slash = '\0';
	}
}

bool paths_permit(const struct paths *paths, const char *name, int *ret_error, struct err *err) {
	*ret_error = EINVAL;
	if (!paths_is_plain(name))
		return err_set(err, ERR_DENIED, name, "not the plain name of a path");
	*ret_error = EACCES;
	if (text_starts(name, INODES "tree:") && is_in_tree(paths, source_of(name)))
		return true;
	return is_listed(paths, source_of(name)) || err_set(err, ERR_DENIED, name, "not in %s", paths->where);
}

/* Whether merged folders alone lead from one path to the other. */
static bool is_merged(const char *path, const char *target) {
	for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
		const char *from = merged[i][0], *to = merged[i][1];
		size_t folder = strlen(from) - 1; /* the link itself, whose name has no slash at its end */
		bool is_below = text_starts(path, from) && text_starts(target, to);
		if (is_below && !strcmp(path + strlen(from), target + strlen(to)))
			return true;
		if (strlen(path) == folder && !strncmp(path, from, folder) && strlen(target) == strlen(to) - 1 &&
		    text_starts(to, target))
			return true;
	}
	return false;
}

bool paths_may_lead(const struct paths *paths, const char *name, const char *target) {
	name = source_of(name);
	size_t prefix = prefix_len(name);
	CLEANUP(free_ptr) char *path = xstrdup(name + prefix);
	char *query = strrchr(path, '?');
	if (query && is_query(query))
		*query = '\0';
	CLEANUP(free_ptr) char *direct = xasprintf("%.*s%s", (int)prefix, name, target);
	if (is_merged(path, target) || is_listed(paths, direct))
		return true;
	for (size_t i = 0; i < paths->count; i++)
		for (size_t t = 0; t < paths->lines[i].target_count && matches(&paths->lines[i], name); t++)
			if (fnmatch(paths->lines[i].targets[t], target, 0) == 0)
				return true;
	return false;
}

static bool read_list(const char *path, struct stat *ret_status, struct paths **ret_paths, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (fstat(fd, ret_status) != 0 || !S_ISREG(ret_status->st_mode))
		return err_set(err, ERR_REFUSED, path, "not a regular file");
	if (ret_status->st_uid != 0 || ret_status->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_REFUSED, path, "others than root can write to it");
	return file_read_fd(fd, path, PATHS_LARGEST, &bytes, err) &&
	       paths_parse(path, bytes.data, bytes.len, ret_paths, err);
}

static bool is_same(const struct stat *one, const struct stat *other) {
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
	       one->st_mode == other->st_mode && one->st_uid == other->st_uid &&
	       one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
	       one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

bool paths_file_refresh(struct paths_file *file, struct err *err) {
	struct stat now;
	if (stat(file->path, &now) != 0) {
		err_errno(&file->bad, errno, ERR_IO, file->path, "stat");
		paths_free(file->paths);
		file->paths = NULL;
		file->seen = (struct stat){0};
	} else if (!is_same(&file->seen, &now)) {
		paths_free(file->paths);
		file->paths = NULL;
		file->seen = (struct stat){0};
		if (read_list(file->path, &now, &file->paths, &file->bad))
			file->seen = now;
	}
	if (!file->paths)
		*err = file->bad;
	return file->paths;
}

void paths_file_done(struct paths_file *file) {
	paths_free(file->paths);
	file->paths = NULL;
}
