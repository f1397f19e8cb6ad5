#include "sources/journal_files.h"

#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/file.h"
#include "core/text.h"

#define FILES_MOST 500 /* all are open at once; journald keeps 100 */
#define TRIES 3
#define SIGNATURE "LPKSHHRH"

void journal_files_init(struct journal_files *files, const char *persistent, const char *runtime, const char *machine,
			const char *where) {
	*files = (struct journal_files){.where = where,
					.folders = {file_join(persistent, machine), file_join(runtime, machine)}};
}

/* Forgets what was found, to begin anew. */
static void forget(struct journal_files *files) {
	while (files->count > 0)
		journal_files_drop(files, files->count - 1);
	free(files->all);
	names_free(files->names);
	files->all = NULL;
	files->names = NULL;
	files->broken = files->folder = files->name = files->passed = 0;
	files->newest = 0;
	files->has_folder = files->is_gone = false;
}

void journal_files_done(struct journal_files *files) {
	forget(files);
	free(files->folders[0]);
	free(files->folders[1]);
	free(files->asked);
	*files = (struct journal_files){0};
}

void journal_files_drop(struct journal_files *files, size_t index) {
	close_fd(&files->all[index].fd);
	memmove(&files->all[index], &files->all[index + 1], (--files->count - index) * sizeof *files->all);
}

static const char *ask_for(struct journal_files *files, const struct kind *kind, const char *rest,
			   const struct kind **ret_kind) {
	free(files->asked);
	files->asked = xasprintf("%s%s", kind->prefix, rest);
	files->kind = *ret_kind = kind;
	return files->asked;
}

const char *journal_files_next(struct journal_files *files, const struct kind **ret_kind) {
	if (files->names && files->name == names_count(files->names)) {
		names_free(files->names);
		files->names = NULL;
		files->name = 0;
		files->folder++;
	}
	if (files->folder == ARRAY_LEN(files->folders) && files->is_gone && files->tries < TRIES)
		forget(files);
	if (files->folder == ARRAY_LEN(files->folders))
		return NULL;
	const char *folder = files->folders[files->folder];
	if (!files->names) {
		files->tries += files->folder == 0;
		return ask_for(files, &kind_folder, folder, ret_kind);
	}
	CLEANUP(free_ptr) char *path = file_join(folder, names_at(files->names, files->name));
	return ask_for(files, &kind_file, path, ret_kind);
}

/* "system.journal", "system@SEQUENCE.journal", and what was not closed well ("~"). */
static bool is_wanted(const struct journal_files *files, const char *name) {
	return (text_starts(name, "system") || (files->with_users && text_starts(name, "user-"))) &&
	       (text_ends(name, ".journal") || text_ends(name, ".journal~"));
}

/* [{"name","type"}...] */
static bool take_list(struct journal_files *files, const struct buf *bytes, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *entry;
	size_t index;
	const char *name, *type;
	if (!json_read(bytes->data, bytes->len, SOURCE_LARGEST, files->where, &list, err))
		return false;
	files->has_folder = true;
	json_array_foreach(list, index, entry) {
		if (!json_get_string(entry, "name", files->where, &name, err) ||
		    !json_get_string(entry, "type", files->where, &type, err))
			return false;
		if (!is_wanted(files, name))
			continue;
		if (!strcmp(type, "file") || !strcmp(type, "link"))
			names_add(files->names, name);
		else
			files->broken++;
	}
	return true;
}

/* By the header: the times of its first and last entry (systemd's JOURNAL_FILE_FORMAT). */
#define HEAD_REALTIME 184
#define TAIL_REALTIME 192

static bool is_older(struct journal_files *files, int fd) {
	uint64_t ends[2];
	if (files->since == 0 || pread(fd, ends, sizeof ends, HEAD_REALTIME) != (ssize_t)sizeof ends)
		return false;
	uint64_t head = le64toh(ends[0]), tail = le64toh(ends[(TAIL_REALTIME - HEAD_REALTIME) / sizeof ends[0]]);
	if (head == 0 || tail < head || tail >= files->since)
		return false; /* younger, empty, or a header that says nothing */
	files->passed++;
	files->newest = tail > files->newest ? tail : files->newest;
	return true;
}

static bool take_file(struct journal_files *files, struct answer *answer, struct err *err) {
	char signature[sizeof SIGNATURE - 1];
	struct stat status;
	if (!answer->is_file)
		return err_set(err, ERR_UNPROVED, files->where, "%s: on a file system where reading may hang",
			       files->asked);
	if (fstat(answer->file, &status) != 0 ||
	    pread(answer->file, signature, sizeof signature, 0) != (ssize_t)sizeof signature ||
	    memcmp(signature, SIGNATURE, sizeof signature) != 0) {
		files->broken++;
		return true;
	}
	if (is_older(files, answer->file))
		return true;
	if (files->count == FILES_MOST)
		return err_set(err, ERR_UNREADABLE, files->where, "more than %d journal files", FILES_MOST);
	files->all = xreallocarray(files->all, files->count + 1, sizeof *files->all);
	files->all[files->count++] = (struct journal_file){
		.fd = answer->file, .is_persistent = files->folder == 0, .bytes = (uint64_t)status.st_blocks * 512};
	answer->is_file = false;
	return true;
}

bool journal_files_take(struct journal_files *files, struct answer *answer, const struct err *failed, struct err *err) {
	bool is_list = files->kind == &kind_folder, is_taken = true;
	if (is_list)
		files->names = names_new();
	else
		files->name++;
	if (failed && failed->code == ERR_ABSENT) {
		files->is_gone |= !is_list;
		return !files->is_gone || files->tries < TRIES ||
		       err_set(err, ERR_UNREADABLE, files->where, "%s and others go while they are looked for",
			       files->asked);
	}
	if (failed)
		return err_set(err, failed->code, files->where, "%s: %s", files->asked, failed->why);
	is_taken = is_list ? take_list(files, &answer->bytes, err) : take_file(files, answer, err);
	answer_done(answer);
	return is_taken;
}
