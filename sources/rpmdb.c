#include "sources/rpmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/command.h"

#define PROGRAM "vouch-rpm-packages"
#define DEADLINE_MS 30000
#define WRITE_AHEAD 2 /* at offset 18 of an SQLite file: "file format write version" */

/* The formats of databases and the places that distributions give them. */
static const char *const files[] = {"rpmdb.sqlite", "Packages.db", "Packages"};
static const char *const folders[] = {"/usr/lib/sysimage/rpm", "/usr/share/rpm", "/var/lib/rpm"};

struct database {
	int file;   /* open for reading; owned */
	char *path; /* as the host or the folder has it; owned */
	bool is_sqlite;
};

static void database_done(struct database *database) {
	close_fd(&database->file);
	free(database->path);
}

static bool find(const struct ask *ask, struct database *database, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(folders) * ARRAY_LEN(files); i++) {
		CLEANUP(free_ptr)
		char *path = xasprintf("%s/%s", folders[i / ARRAY_LEN(files)], files[i % ARRAY_LEN(files)]);
		int fd = place_open(ask->place, path, O_RDONLY | O_NONBLOCK);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, path);
		*database = (struct database){fd, xstrdup(path), i % ARRAY_LEN(files) == 0};
		return true;
	}
	return err_set(err, ERR_ABSENT, ask->name, "no rpm database in %s, %s or %s", folders[0], folders[1],
		       folders[2]);
}

/* Reading must not make files that were not there. */
static bool is_left_alone(const struct ask *ask, const struct database *database, struct err *err) {
	unsigned char head[20] = {0};
	if (!database->is_sqlite)
		return true;
	if (pread(database->file, head, sizeof head, 0) != (ssize_t)sizeof head)
		return err_set(err, ERR_MALFORMED, ask->name, "%s is no database", database->path);
	CLEANUP(free_ptr) char *index = xasprintf("%s-shm", database->path);
	CLEANUP(close_fd) int fd = place_open(ask->place, index, O_PATH | O_NOFOLLOW);
	return head[18] != WRITE_AHEAD || fd >= 0 ||
	       err_set(err, ERR_UNPROVED, ask->name, "%s is missing, and reading would make it", index);
}

/* Where the database's folder really lies on this machine, as its open file says. */
static bool real_folder(const struct ask *ask, const struct database *database, char path[PATH_MAX], struct err *err) {
	CLEANUP(free_ptr) char *link = xasprintf("/proc/self/fd/%d", database->file);
	ssize_t len = readlink(link, path, PATH_MAX - 1);
	if (len < 0)
		return err_errno(err, errno == ENOENT ? EIO : errno, ERR_UNPROVED, ask->name, "readlink /proc/self/fd");
	path[len] = '\0';
	char *slash = strrchr(path, '/');
	if (path[0] != '/' || !slash)
		return err_set(err, ERR_UNREADABLE, ask->name, "%s has no path", database->path);
	*slash = '\0';
	return true;
}

/* Where it was installed; from a build folder, beside the program that runs. */
static char *program_path(void) {
	static const char installed[] = VOUCH_LIBEXECDIR "/" PROGRAM;
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	if (access(installed, X_OK) == 0 || len <= 0)
		return xstrdup(installed);
	self[len] = '\0';
	char *slash = strrchr(self, '/');
	return xasprintf("%.*s/%s", (int)(slash ? slash - self : 0), self, PROGRAM);
}

static bool look_rpmdb(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(database_done) struct database database = {.file = -1};
	CLEANUP(command_output_done) struct command_output output = {0};
	char folder[PATH_MAX];
	if (!find(ask, &database, err) || !is_left_alone(ask, &database, err) ||
	    !real_folder(ask, &database, folder, err))
		return false;
	CLEANUP(free_ptr) char *program = program_path();
	const char *const argv[] = {program, folder, NULL};
	if (!command_run(ask, argv, &output, err))
		return err->code == ERR_ABSENT
			       ? err_set(err, ERR_UNPROVED, ask->name, "no " PROGRAM " to read %s with", database.path)
			       : false;
	return command_answer(ask, &output, ret_answer, err);
}

bool rpmdb_parse(const char *text, const char *where, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *row;
	size_t i;
	const char *part;
	int64_t installed;
	if (!json_read(text, strlen(text), COMMAND_LARGEST, where, &list, err))
		return false;
	if (!json_is_array(list) || json_array_size(list) == 0)
		return err_set(err, ERR_MALFORMED, where, "no packages in it");
	json_array_foreach(list, i, row) if (!json_get_string(row, "name", where, &part, err) ||
					     !json_get_string(row, "version", where, &part, err) ||
					     !json_get_string(row, "release", where, &part, err) ||
					     !json_get_int(row, "installed", where, &installed, err)) return false;
	*ret_list = json_incref(list);
	return true;
}

static bool shape_rpmdb(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *said = NULL, *list = NULL;
	return command_read(ask, answer, &said, err) && command_succeeded(ask, said, PROGRAM, err) &&
	       rpmdb_parse(json_string_value(json_object_get(said, "stdout")), ask->name, &list, err) &&
	       answer_shaped(ask, list, answer, err);
}

const struct kind kind_rpmdb = {.prefix = "rpmdb:",
				.is_whole = true,
				.helper = HELPER_FS,
				.is_slow = true,
				.deadline_ms = DEADLINE_MS,
				.below_root = true,
				.may_be_kept = true,
				.look = look_rpmdb,
				.shape = shape_rpmdb};
