#include "sources/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "sources/cgroup.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/proc.h"

#define DEADLINE_MS 30000
#define SMALL_LARGEST (64U << 10) /* bytes of status, cgroup, comm */
#define MAPS_STEP (64U << 10)
#define MAPS_LINE_LONGEST (PATH_MAX * 4 + 128) /* each byte of a name may be escaped */
#define PID_MOST 4194304                       /* the kernel's PID_MAX_LIMIT */
#define DELETED " (deleted)"
#define LINES_MOST ((size_t)PROCESSES_MAPS_MOST * 4) /* that count, of one process: a file may be on several */

struct walk {
	const struct ask *ask;
	json_t *list;
	size_t bytes;
	bool has_first;
	struct stat mounts, pids; /* namespaces of process 1 */
};

/* What of one process has been read: texts as the kernel gives them. */
struct process {
	unsigned long long pid;
	int folder;
	char exe[PATH_MAX];
	struct buf comm, status, cgroup, maps; /* maps: the lines that count */
	struct stat mounts, pids;
};

static void process_done(struct process *process) {
	buf_done(&process->comm);
	buf_done(&process->status);
	buf_done(&process->cgroup);
	buf_done(&process->maps);
}

static bool read_small(const struct process *process, const char *name, struct buf *bytes) {
	struct err err;
	CLEANUP(close_fd) int fd = openat(process->folder, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (file_read_fd(fd, name, SMALL_LARGEST, bytes, &err))
		return true;
	errno = err.code == ERR_TOO_BIG ? EFBIG : err.code == ERR_DENIED ? EACCES : EIO;
	return false;
}

/* A quick look at a line, to leave out the thousands that do not count. */
static bool may_count(const char *line) {
	const char *perms = strchr(line, ' ');
	return perms && strlen(perms) > 4 && perms[3] == 'x' && text_ends(line, DELETED);
}

/* The lines that count, of all that there are; *ret_any: there was one at all. */
static bool read_maps(struct process *process, bool *ret_any) {
	CLEANUP(close_fd) int fd = openat(process->folder, "maps", O_RDONLY | O_CLOEXEC);
	CLEANUP(buf_done) struct buf text = {0};
	ssize_t got = 0;
	for (size_t count = 0; fd >= 0;) {
		char *room = buf_room(&text, MAPS_STEP);
		got = read(fd, room, MAPS_STEP);
		if (got <= 0)
			break;
		*ret_any = true;
		text.len += (size_t)got;
		buf_room(&text, 0);
		char *at = text.data, *newline;
		while ((newline = memchr(at, '\n', text.len - (size_t)(at - text.data)))) {
			*newline = '\0';
			if (count <= LINES_MOST && may_count(at) && ++count)
				buf_addf(&process->maps, "%s\n", at);
			at = newline + 1;
		}
		size_t left = text.len - (size_t)(at - text.data);
		memmove(text.data, at, left);
		text.len = left;
		if (left > MAPS_LINE_LONGEST) {
			errno = EFBIG;
			return false;
		}
	}
	return fd >= 0 && got == 0;
}

/* False and errno; ENOENT where it is a kernel thread or has ended. */
static bool read_process(struct process *process) {
	bool has_maps = false;
	ssize_t len = readlinkat(process->folder, "exe", process->exe, sizeof process->exe - 1);
	if (len < 0 || fstatat(process->folder, "ns/mnt", &process->mounts, 0) != 0 ||
	    fstatat(process->folder, "ns/pid", &process->pids, 0) != 0 ||
	    !read_small(process, "comm", &process->comm) || !read_small(process, "status", &process->status) ||
	    !read_small(process, "cgroup", &process->cgroup) || !read_maps(process, &has_maps))
		return false;
	errno = has_maps ? 0 : ENOENT;
	return has_maps;
}

/* A process whose first thread has ended goes on in the others; then only these show anything of it. As
 * read_process(). */
static bool read_by_threads(struct process *process) {
	int folder = process->folder, tasks = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_folder) DIR *dir = tasks < 0 ? NULL : fdopendir(tasks);
	unsigned long long thread;
	bool is_read = false;
	int error = dir ? ENOENT : errno;
	if (!dir)
		close_fd(&tasks);
	for (const struct dirent *entry; dir && !is_read && (entry = readdir(dir));) {
		if (!text_to_u64(entry->d_name, PID_MOST, &thread) || thread == process->pid)
			continue;
		CLEANUP(close_fd)
		int own = openat(tasks, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		process_done(process);
		process->folder = own;
		is_read = own >= 0 && read_process(process);
		if (!is_read && errno != ENOENT && errno != ESRCH)
			error = errno;
	}
	process->folder = folder;
	errno = error;
	return is_read;
}

static bool is_same(const struct stat *one, const struct stat *other) {
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

static bool visit(void *context, unsigned long long pid, int folder, struct err *err) {
	struct walk *walk = context;
	CLEANUP(process_done) struct process process = {.pid = pid, .folder = folder};
	if (!read_process(&process) && (errno != ENOENT || !read_by_threads(&process)))
		return proc_is_gone(walk->ask, pid, folder, errno, "program and mapped files", err);
	if (!walk->has_first && pid == 1) {
		walk->has_first = true;
		walk->mounts = process.mounts;
		walk->pids = process.pids;
	}
	if (!walk->has_first)
		return err_set(err, ERR_UNPROVED, walk->ask->name, "the first process cannot be seen");
	walk->bytes += process.comm.len + process.status.len + process.cgroup.len + process.maps.len;
	if (walk->bytes > SOURCE_LARGEST)
		return err_set(err, ERR_UNREADABLE, walk->ask->name, "over the cap of %u bytes", SOURCE_LARGEST);
	json_array_append_new(walk->list,
			      json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:b,s:b}", "pid", (json_int_t)pid, "exe",
					json_text(process.exe), "comm", json_text(buf_str(&process.comm)), "status",
					json_text(buf_str(&process.status)), "cgroup",
					json_text(buf_str(&process.cgroup)), "maps", json_text(buf_str(&process.maps)),
					"own_mounts", !is_same(&process.mounts, &walk->mounts), "own_pids",
					!is_same(&process.pids, &walk->pids)));
	return true;
}

static bool look_processes(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct walk walk = {.ask = ask, .list = list};
	return proc_is_seen(ask, err) && proc_walk(ask, visit, &walk, err) && answer_json(ask, list, ret_answer, err);
}

/* A newline in a name is the one byte that the kernel escapes there. */
static void undo_escapes(char *text) {
	char *to = text;
	for (const char *from = text; *from; to++)
		if (!strncmp(from, "\\012", 4)) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	*to = '\0';
}

bool processes_maps_line(const char *line, char **ret_path) {
	static const char *const no_files[] = {"/memfd:",        "/dev/zero (",    "/SYSV", "/[aio]",
					       "/anon_hugepage", "/drm mm object", "/i915"};
	if (!may_count(line))
		return false;
	const char *at = line;
	for (int word = 0; word < 5; word++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	if (*at != '/' || strlen(at) == strlen(DELETED))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(no_files); i++)
		if (text_starts(at, no_files[i]))
			return false;
	*ret_path = xstrndup(at, strlen(at) - strlen(DELETED));
	undo_escapes(*ret_path);
	return true;
}

/* The unit by one hierarchy of the lines "NUMBER:CONTROLLERS:PATH". */
static char *unit_in(const char *cgroup, const char *controllers) {
	size_t len = strlen(controllers);
	for (const char *line = cgroup; *line; line += strspn(line, "\n")) {
		size_t end = strcspn(line, "\n"), colon = strcspn(line, ":\n") + 1;
		if (colon + len < end && !strncmp(line + colon, controllers, len) && line[colon + len] == ':') {
			CLEANUP(free_ptr) char *path = xstrndup(line + colon + len + 1, end - colon - len - 1);
			return cgroup_unit(path);
		}
		line += end;
	}
	return NULL;
}

char *processes_unit(const char *cgroup) {
	char *unit = unit_in(cgroup, "");
	return unit ? unit : unit_in(cgroup, "name=systemd");
}

bool processes_uid(const char *status, unsigned long long *ret_uid) {
	/* The name, which its owner gives, stands on the first line, its newlines escaped. */
	const char *line = strstr(status, "\nUid:\t");
	if (!line)
		return false;
	line += strlen("\nUid:\t");
	line += strcspn(line, "\t\n");
	if (*line++ != '\t')
		return false;
	CLEANUP(free_ptr) char *text = xstrndup(line, strcspn(line, "\t\n"));
	return text_to_u64(text, UINT32_MAX, ret_uid);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool shape_maps(const char *text, const char *where, json_t **ret_list, struct err *err) {
	char *paths[LINES_MOST + 2];
	size_t count = 0;
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, strlen(text));
	for (char *line; count < ARRAY_LEN(paths) && (line = lines_next(&lines));)
		count += processes_maps_line(line, &paths[count]);
	qsort(paths, count, sizeof *paths, by_text);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		if ((i == 0 || strcmp(paths[i], paths[i - 1]) != 0) && json_array_size(list) < PROCESSES_MAPS_MOST)
			json_array_append_new(list, json_text(paths[i]));
	}
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	if (!lines_ok(&lines, err)) {
		json_decref(list);
		return false;
	}
	*ret_list = list;
	return true;
}

static bool shape_process(const json_t *raw, const char *where, json_t *list, struct err *err) {
	int64_t pid;
	const char *comm, *exe, *status, *cgroup, *maps;
	unsigned long long uid;
	CLEANUP(json_decref_p) json_t *files = NULL;
	if (!json_get_int(raw, "pid", where, &pid, err) || !json_get_string(raw, "comm", where, &comm, err) ||
	    !json_get_string(raw, "exe", where, &exe, err) || !json_get_string(raw, "status", where, &status, err) ||
	    !json_get_string(raw, "cgroup", where, &cgroup, err) || !json_get_string(raw, "maps", where, &maps, err) ||
	    !shape_maps(maps, where, &files, err))
		return false;
	if (!processes_uid(status, &uid))
		return err_set(err, ERR_MALFORMED, where, "no user in the status of process %lld", (long long)pid);
	bool is_deleted = text_ends(exe, DELETED);
	CLEANUP(free_ptr) char *unit = processes_unit(cgroup);
	json_array_append_new(
		list, json_pack("{s:I,s:I,s:o,s:o,s:b,s:s?,s:O,s:O,s:O}", "pid", (json_int_t)pid, "uid",
				(json_int_t)uid, "comm", json_textn(comm, strlen(comm) - text_ends(comm, "\n")), "exe",
				json_textn(exe, strlen(exe) - (is_deleted ? strlen(DELETED) : 0)), "deleted",
				is_deleted, "unit", unit, "maps", files, "own_mounts",
				json_object_get(raw, "own_mounts"), "own_pids", json_object_get(raw, "own_pids")));
	return true;
}

static bool shape_processes(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *raw = NULL;
	CLEANUP(json_decref_p) json_t *list = json_array();
	json_t *one;
	size_t index;
	if (!json_read(answer->bytes.data, answer->bytes.len, SOURCE_LARGEST, ask->name, &raw, err))
		return false;
	json_array_foreach(raw, index, one) if (!shape_process(one, ask->name, list, err)) return false;
	if (json_array_size(list) == 0)
		return err_set(err, ERR_UNPROVED, ask->name, "no process at all: not even this one was seen");
	return answer_shaped(ask, list, answer, err);
}

const struct kind kind_processes = {.prefix = "processes:",
				    .is_volatile = true,
				    .is_whole = true,
				    .helper = HELPER_PTRACE,
				    .is_slow = true,
				    .deadline_ms = DEADLINE_MS,
				    .look = look_processes,
				    .shape = shape_processes};
