#include "sources/journal.h"

#include <systemd/sd-journal.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "sources/fetch.h"

#define JOURNAL_DEADLINE_MS 20000
#define FILES_MOST 4096
#define TRIES 3 /* files are archived and removed while we look */
#define SIGNATURE "LPKSHHRH"

/* The system's journal files that may be opened. */
struct one_file {
	char *path;
	bool is_persistent;
	uint64_t bytes;
};

struct files {
	struct one_file *all;
	size_t count, broken;
};

static void files_done(struct files *files) {
	for (size_t i = 0; i < files->count; i++)
		free(files->all[i].path);
	free(files->all);
	*files = (struct files){0};
}

static void close_dir(DIR **dir) {
	if (*dir)
		closedir(*dir);
}

static void close_journal(sd_journal **journal) { sd_journal_close(*journal); }

static bool journal_errno(const struct ask *ask, int error, const char *what, struct err *err) {
	err_errno(err, error < 0 ? -error : error, ERR_UNREADABLE, ask->name, what);
	if (err->code == ERR_ABSENT)
		err->code = ERR_UNREADABLE; /* it was there a moment ago */
	return false;
}

/* "system.journal", "system@SEQUENCE.journal", and what was not closed well ("~"). */
static bool is_system_file(const char *name) {
	return text_starts(name, "system") && (text_ends(name, ".journal") || text_ends(name, ".journal~"));
}

/* One that may not be opened is the end of the look; one that has gone is passed over. */
static bool add_file(const struct ask *ask, const char *folder, const char *name, bool is_persistent,
		     struct files *files, struct err *err) {
	char signature[sizeof SIGNATURE - 1];
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_set(err, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_UNREADABLE, ask->name,
			       "open %s: %s (%s)", path, strerrorname_np(errno), strerrordesc_np(errno));
	if (!S_ISREG(status.st_mode) || pread(fd, signature, sizeof signature, 0) != (ssize_t)sizeof signature ||
	    memcmp(signature, SIGNATURE, sizeof signature) != 0) {
		files->broken++;
		return true;
	}
	if (files->count == FILES_MOST)
		return err_set(err, ERR_UNREADABLE, ask->name, "more than %d journal files", FILES_MOST);
	files->all = xreallocarray(files->all, files->count + 1, sizeof *files->all);
	files->all[files->count++] = (struct one_file){xstrdup(path), is_persistent, (uint64_t)status.st_blocks * 512};
	return true;
}

/* *seen is set when the folder is there. */
static bool add_folder(const struct ask *ask, const char *parent, const char *machine, bool is_persistent,
		       struct files *files, bool *seen, struct err *err) {
	CLEANUP(free_ptr) char *folder = file_join(parent, machine);
	CLEANUP(close_dir) DIR *dir = opendir(folder);
	if (!dir && errno == ENOENT)
		return true;
	if (!dir)
		return err_set(err, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_UNREADABLE, ask->name,
			       "open %s: %s (%s)", folder, strerrorname_np(errno), strerrordesc_np(errno));
	*seen = true;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return errno == 0 || journal_errno(ask, errno, "readdir", err);
		if (is_system_file(entry->d_name) && !add_file(ask, folder, entry->d_name, is_persistent, files, err))
			return false;
	}
}

static bool find_files(const struct ask *ask, const char *persistent, const char *runtime, const char *machine,
		       struct files *ret_files, struct err *err) {
	CLEANUP(files_done) struct files files = {0};
	bool seen = false;
	if (!add_folder(ask, persistent, machine, true, &files, &seen, err) ||
	    !add_folder(ask, runtime, machine, false, &files, &seen, err))
		return false;
	if (!seen)
		return err_set(err, ERR_ABSENT, ask->name, "no journal of this machine in %s or %s", persistent,
			       runtime);
	if (files.count == 0)
		return err_set(err, ERR_UNPROVED, ask->name, "the journal's folder holds no file of the system's");
	*ret_files = files;
	files = (struct files){0};
	return true;
}

static int open_paths(const struct files *files, sd_journal **ret_journal) {
	CLEANUP(free_ptr) const char **paths = xcalloc(files->count + 1, sizeof *paths);
	for (size_t i = 0; i < files->count; i++)
		paths[i] = files->all[i].path;
	return sd_journal_open_files(ret_journal, paths, 0);
}

static bool is_damage(int error) { return error == -EBADMSG || error == -ENODATA; }

/* Take out the files that are damaged: each is asked for alone. */
static void drop_damaged(struct files *files) {
	size_t kept = 0;
	for (size_t i = 0; i < files->count; i++) {
		CLEANUP(close_journal) sd_journal *alone = NULL;
		struct files one = {.all = &files->all[i], .count = 1};
		if (is_damage(open_paths(&one, &alone)))
			free(files->all[i].path);
		else
			files->all[kept++] = files->all[i];
	}
	files->broken += files->count - kept;
	files->count = kept;
}

/* All files that are whole, or an error: sd_journal_open() would pass over in silence what it cannot open. */
static bool open_journal(const struct ask *ask, const char *persistent, const char *runtime, const char *machine,
			 struct files *files, sd_journal **ret_journal, struct err *err) {
	for (unsigned tries = 1;; tries++) {
		files_done(files);
		if (!find_files(ask, persistent, runtime, machine, files, err))
			return false;
		int error = open_paths(files, ret_journal);
		if (is_damage(error)) {
			drop_damaged(files);
			error = files->count ? open_paths(files, ret_journal) : error;
		}
		if (error >= 0)
			return true;
		if (error != -ENOENT || tries == TRIES)
			return journal_errno(ask, error, "sd_journal_open_files", err);
	}
}

/* The time of the entry at an end of what matches now; false and no error code when nothing matches. */
static bool end_time(const struct ask *ask, sd_journal *journal, bool is_last, uint64_t *ret_usec, struct err *err) {
	*err = (struct err){0};
	int error = is_last ? sd_journal_seek_tail(journal) : sd_journal_seek_head(journal);
	if (error >= 0)
		error = is_last ? sd_journal_previous(journal) : sd_journal_next(journal);
	if (error == 0)
		return false;
	if (error > 0)
		error = sd_journal_get_realtime_usec(journal, ret_usec);
	return error >= 0 || journal_errno(ask, error, "read entry", err);
}

static json_int_t first_of(const json_t *boot) { return json_integer_value(json_object_get(boot, "first")); }

/* At its place in order of time: they are found nearly in that order. */
static bool add_boot(const struct ask *ask, sd_journal *journal, const char *match, json_t *boots, struct err *err) {
	uint64_t first = 0, last = 0;
	sd_journal_flush_matches(journal);
	int error = sd_journal_add_match(journal, match, 0);
	if (error < 0)
		return journal_errno(ask, error, "match", err);
	if (!end_time(ask, journal, false, &first, err) || !end_time(ask, journal, true, &last, err))
		return err->code == ERR_NONE; /* the value is listed, its entries have been removed */
	size_t at = json_array_size(boots);
	while (at > 0 && first_of(json_array_get(boots, at - 1)) > (json_int_t)first)
		at--;
	json_array_insert_new(boots, at,
			      json_pack("{s:s,s:I,s:I}", "id", match + strlen("_BOOT_ID="), "first", (json_int_t)first,
					"last", (json_int_t)last));
	return true;
}

/* Every boot that the journal has entries of, by its list of different values of one field and not by its entries. */
static bool find_boots(const struct ask *ask, sd_journal *journal, json_t **ret_boots, struct err *err) {
	CLEANUP(names_free_p) struct names *ids = names_new();
	CLEANUP(json_decref_p) json_t *boots = json_array();
	const void *data;
	size_t len;
	int more = sd_journal_query_unique(journal, "_BOOT_ID");
	while (more >= 0 && (more = sd_journal_enumerate_unique(journal, &data, &len)) > 0)
		if (len == strlen("_BOOT_ID=") + 32)
			names_addf(ids, "%.*s", (int)len, (const char *)data);
	if (more < 0)
		return journal_errno(ask, more, "list boots", err);
	if (names_count(ids) > JOURNAL_BOOTS_MOST)
		return err_set(err, ERR_UNREADABLE, ask->name, "more than %d boots", JOURNAL_BOOTS_MOST);
	for (size_t i = 0; i < names_count(ids); i++)
		if (!ask_in_time(ask, err) || !add_boot(ask, journal, names_at(ids, i), boots, err))
			return false;
	sd_journal_flush_matches(journal);
	*ret_boots = json_incref(boots);
	return true;
}

/* Whether the entry we are at carries this machine's id. */
static bool is_of(sd_journal *journal, const char *machine) {
	static const char key[] = "_MACHINE_ID=";
	const void *data;
	size_t len;
	return sd_journal_get_data(journal, "_MACHINE_ID", &data, &len) >= 0 && len == strlen(key) + strlen(machine) &&
	       !memcmp((const char *)data + strlen(key), machine, strlen(machine));
}

bool journal_boots(const struct ask *ask, const char *persistent, const char *runtime, const char *machine,
		   json_t **ret_value, struct err *err) {
	CLEANUP(files_done) struct files files = {0};
	CLEANUP(close_journal) sd_journal *journal = NULL;
	CLEANUP(json_decref_p) json_t *boots = NULL;
	uint64_t oldest = 0, newest = 0;
	if (!open_journal(ask, persistent, runtime, machine, &files, &journal, err) ||
	    !find_boots(ask, journal, &boots, err))
		return false;
	if (!end_time(ask, journal, false, &oldest, err) || !end_time(ask, journal, true, &newest, err))
		return err->code ? false
				 : err_set(err, ERR_UNPROVED, ask->name, "the journal's files hold no entry to read");
	size_t persistent_files = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; i < files.count; i++) {
		persistent_files += files.all[i].is_persistent;
		bytes += files.all[i].bytes;
	}
	*ret_value = json_pack("{s:I,s:I,s:O,s:I,s:I,s:I,s:I,s:b}", "oldest", (json_int_t)oldest, "newest",
			       (json_int_t)newest, "boots", boots, "files", (json_int_t)files.count, "broken",
			       (json_int_t)files.broken, "bytes", (json_int_t)bytes, "persistent_files",
			       (json_int_t)persistent_files, "machine", is_of(journal, machine));
	return true;
}

/* Of the host; 32 hexadecimal digits. */
static bool read_machine(const struct ask *ask, char machine[33], struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!file_read("/etc/machine-id", 64, &bytes, err))
		return err_set(err, ERR_UNPROVED, ask->name, "no /etc/machine-id to find this machine's journal by");
	const char *text = buf_str(&bytes);
	if (strspn(text, "0123456789abcdef") != 32 || (text[32] != '\n' && text[32] != '\0'))
		return err_set(err, ERR_UNPROVED, ask->name, "/etc/machine-id is not 32 hexadecimal digits");
	snprintf(machine, 33, "%.32s", text);
	return true;
}

static bool look_journal(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	char machine[33];
	CLEANUP(json_decref_p) json_t *value = NULL;
	return read_machine(ask, machine, err) &&
	       journal_boots(ask, "/var/log/journal", "/run/log/journal", machine, &value, err) &&
	       answer_json(ask, value, ret_answer, err);
}

const struct kind kind_journal = {.prefix = "journal:boots",
				  .is_whole = true,
				  .is_volatile = true,
				  .deadline_ms = JOURNAL_DEADLINE_MS,
				  .look = look_journal};
