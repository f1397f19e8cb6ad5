#include "sources/sudoers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "sources/command.h"
#include "sources/fetch.h"

#define SUDO "/usr/bin/sudo"
#define CVTSUDOERS "/usr/bin/cvtsudoers"
#define MAIN "/etc/sudoers"
#define CONF "/etc/sudo.conf"
#define FILE_LARGEST (1U << 20)
#define INCLUDES_DEEPEST 128 /* as in sudo */
#define FILES_MOST 10000

/* The walk over the files that sudo reads. */
struct walk {
	const char *where;
	uid_t owner;
	unsigned depth, files;
};

static bool cannot(const struct walk *walk, const char *what, const char *path, struct err *err) {
	return err_set(err, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_UNREADABLE, walk->where,
		       "%s %s: %s (%s)", what, path, strerrorname_np(errno), strerrordesc_np(errno));
}

/* sudo's own conditions; the mode is what an administrator has to change. */
static bool is_taken(const struct walk *walk, const char *path, const struct stat *status, mode_t type,
		     struct err *err) {
	const char *why = (status->st_mode & S_IFMT) != type                 ? "not of the type that it should be"
			  : status->st_uid != walk->owner                    ? "owned by another user"
			  : status->st_mode & S_IWOTH                        ? "writable by everybody"
			  : status->st_mode & S_IWGRP && status->st_gid != 0 ? "writable by its group"
									     : NULL;
	return !why ||
	       err_set(err, ERR_UNREADABLE, walk->where, "sudo refuses %s, mode %04o, owner %u:%u: %s", path,
		       (unsigned)status->st_mode & 07777, (unsigned)status->st_uid, (unsigned)status->st_gid, why);
}

/* One word: in double quotes, or up to a blank that no backslash escapes. *rest is behind it; NULL when it has no end.
 */
static char *read_path(const char *text, const char **rest) {
	CLEANUP(buf_done) struct buf path = {0};
	bool is_quoted = *text == '"';
	for (text += is_quoted; *text; text++) {
		if (is_quoted ? *text == '"' : *text == ' ' || *text == '\t')
			break;
		if (*text == '\\' && text[1])
			text++;
		buf_add(&path, text, 1);
	}
	if (is_quoted && *text != '"')
		return NULL;
	*rest = text + (is_quoted ? 1 : 0);
	return buf_take(&path);
}

bool sudoers_include(const char *line, bool *ret_is_folder, char **ret_path) {
	const char *rest;
	line += strspn(line, " \t");
	*ret_path = NULL;
	if ((*line != '@' && *line != '#') || !text_starts(line + 1, "include"))
		return true;
	line += 1 + strlen("include");
	*ret_is_folder = text_starts(line, "dir");
	line += *ret_is_folder ? strlen("dir") : 0;
	if (*line != ' ' && *line != '\t')
		return true; /* a comment, or nothing that sudo knows */
	line += strspn(line, " \t");
	char *path = read_path(line, &rest);
	rest = path ? rest + strspn(rest, " \t\r") : "x";
	if (!path || !*path || (*rest && *rest != '#')) {
		free(path);
		return false;
	}
	*ret_path = path;
	return true;
}

/* "%h" is the host's name up to its first dot; what is relative is so to the file that includes. */
static char *whole_path(const char *path, const char *from) {
	char host[HOST_NAME_MAX + 1] = "";
	CLEANUP(buf_done) struct buf whole = {0};
	gethostname(host, sizeof host - 1);
	if (path[0] != '/')
		buf_add(&whole, from, (size_t)(strrchr(from, '/') - from) + 1);
	for (; *path; path++)
		if (path[0] == '%' && path[1] == 'h') {
			buf_add(&whole, host, strcspn(host, "."));
			path++;
		} else {
			buf_add(&whole, path, 1);
		}
	return buf_take(&whole);
}

static bool walk_file(struct walk *walk, const char *path, bool may_be_missing, struct err *err);

/* As sudo does it: names with a dot or a tilde at the end are passed over, and what is no regular file. */
static bool walk_folder(struct walk *walk, const char *path, struct err *err) {
	struct stat status;
	CLEANUP(close_folder) DIR *dir = NULL;
	if (stat(path, &status) != 0)
		return errno == ENOENT || cannot(walk, "stat", path, err);
	if (!is_taken(walk, path, &status, S_IFDIR, err))
		return false;
	dir = opendir(path);
	if (!dir)
		return cannot(walk, "open", path, err);
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return errno == 0 || cannot(walk, "list", path, err);
		if (strchr(entry->d_name, '.') || text_ends(entry->d_name, "~"))
			continue;
		CLEANUP(free_ptr) char *file = file_join(path, entry->d_name);
		if (stat(file, &status) != 0 && errno != ENOENT)
			return cannot(walk, "stat", file, err);
		if (S_ISREG(status.st_mode) && !walk_file(walk, file, true, err))
			return false;
	}
}

static bool walk_line(struct walk *walk, const char *line, const char *from, struct err *err) {
	bool is_folder = false;
	CLEANUP(free_ptr) char *named = NULL;
	if (!sudoers_include(line, &is_folder, &named))
		return err_set(err, ERR_UNPROVED, walk->where, "%s: cannot tell what is included", from);
	if (!named)
		return true;
	CLEANUP(free_ptr) char *path = whole_path(named, from);
	return is_folder ? walk_folder(walk, path, err) : walk_file(walk, path, false, err);
}

static bool walk_file(struct walk *walk, const char *path, bool may_be_missing, struct err *err) {
	struct stat status;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT && may_be_missing)
		return true;
	if (fd < 0 || fstat(fd, &status) != 0)
		return cannot(walk, "open", path, err);
	if (!is_taken(walk, path, &status, S_IFREG, err))
		return false;
	if (walk->depth == INCLUDES_DEEPEST || walk->files++ == FILES_MOST)
		return err_set(err, ERR_UNREADABLE, walk->where,
			       "%s: included deeper than %d, or as more than %d files", path, INCLUDES_DEEPEST,
			       FILES_MOST);
	if (!kind_read_fd(fd, walk->where, FILE_LARGEST, &bytes, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(walk->where, bytes.data, bytes.len);
	walk->depth++;
	/* A line that goes on in the next is none here: what looks like an Include is checked even where it is none. */
	for (char *line; (line = lines_next(&lines));)
		if (!walk_line(walk, line, path, err))
			return false;
	walk->depth--;
	return lines_ok(&lines, err);
}

bool sudoers_are_taken(const char *main, unsigned owner, const char *where, struct err *err) {
	struct walk walk = {.where = where, .owner = owner};
	return walk_file(&walk, main, false, err);
}

bool sudoers_is_standard(const char *conf) {
	CLEANUP(free_ptr) char *copy = xstrdup(conf);
	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		const char *word = text_word(&line);
		if (!word || strcmp(word, "Plugin") != 0)
			continue;
		const char *symbol = text_word(&line), *path = text_word(&line);
		if (!symbol || !path || !text_starts(symbol, "sudoers_") || text_word(&line))
			return false;
	}
	return true;
}

static bool is_asked_of_files(const struct ask *ask, struct err *err) {
	CLEANUP(buf_done) struct buf conf = {0};
	struct err missing;
	if (!file_read(CONF, FILE_LARGEST, &conf, &missing)) {
		if (missing.code == ERR_ABSENT)
			return true;
		*err = missing;
		snprintf(err->where, sizeof err->where, "%s", ask->name);
		err->code = missing.code == ERR_DENIED ? ERR_DENIED : ERR_UNREADABLE;
		return false;
	}
	return sudoers_is_standard(buf_str(&conf)) ||
	       err_set(err, ERR_UNPROVED, ask->name, CONF " names another policy, or other files for it");
}

static bool look_sudoers(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	/* Its own configuration could leave things out. */
	static const char *const argv[] = {CVTSUDOERS, "-c", "/dev/null", "-i", "sudoers", "-f", "json", MAIN, NULL};
	CLEANUP(command_output_done) struct command_output output = {0};
	if (access(SUDO, F_OK) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, SUDO);
	if (!is_asked_of_files(ask, err) || !sudoers_are_taken(MAIN, 0, ask->name, err))
		return false;
	if (!command_run(ask, argv, &output, err))
		return err->code == ERR_ABSENT ? err_set(err, ERR_UNPROVED, ask->name, "no " CVTSUDOERS " to ask")
					       : false;
	return command_answer(ask, &output, ret_answer, err);
}

static bool shape_sudoers(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *said = NULL, *value = NULL;
	if (!command_read(ask, answer, &said, err) || !command_succeeded(ask, said, "cvtsudoers", err))
		return false;
	const char *text = json_string_value(json_object_get(said, "stdout"));
	/* Files without a rule or setting: it says nothing at all. */
	text = text[strspn(text, " \t\r\n")] ? text : "{}";
	if (!json_read(text, strlen(text), COMMAND_LARGEST, ask->name, &value, err))
		return false;
	if (!json_is_object(value))
		return err_set(err, ERR_MALFORMED, ask->name, "not an object");
	return answer_shaped(ask, value, answer, err);
}

const struct kind kind_sudoers = {.prefix = "cmd:cvtsudoers",
				  .is_whole = true,
				  .helper = HELPER_FS,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .look = look_sudoers,
				  .shape = shape_sudoers};
