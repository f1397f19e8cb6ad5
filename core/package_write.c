#include "core/package_write.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/package_pack.h"

struct package_writer {
	char *path;
	char *staging; /* the folder beside it, locked: "files" and perhaps "archive" in it */
	char *files;
	int lock;
	const struct package_form *form; /* NULL: a folder */
	json_t *sizes;                   /* {name: bytes} */
	uint64_t total;
};

/* --- the folder in which it gathers ------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) { return remove(path); }

static void remove_all(const char *folder) { nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static bool is_there(const char *path) {
	struct stat status;
	return lstat(path, &status) == 0 || errno != ENOENT;
}

/* Locks the folder, so that what another writer has begun is told from what it left behind. */
static bool lock_staging(struct package_writer *writer, struct err *err) {
	if (mkdir(writer->staging, 0700) != 0 && errno != EEXIST)
		return err_errno(err, errno, ERR_IO, writer->staging, "make folder");
	writer->lock = open(writer->staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (writer->lock < 0)
		return err_errno(err, errno, ERR_IO, writer->staging, "open folder");
	if (flock(writer->lock, LOCK_EX | LOCK_NB) != 0) {
		close_fd(&writer->lock);
		writer->lock = -1;
		return err_set(err, ERR_REFUSED, writer->path, "somebody else is writing it just now");
	}
	CLEANUP(free_ptr) char *archive = file_join(writer->staging, "archive");
	unlink(archive);
	remove_all(writer->files);
	if (mkdir(writer->files, 0755) != 0)
		return err_errno(err, errno, ERR_IO, writer->files, "make folder");
	return true;
}

void package_writer_free(struct package_writer *writer) {
	if (!writer)
		return;
	if (writer->lock >= 0)
		remove_all(writer->staging);
	close_fd(&writer->lock);
	json_decref(writer->sizes);
	free(writer->files);
	free(writer->staging);
	free(writer->path);
	free(writer);
}

bool package_create(const char *path, struct package_writer **ret_writer, struct err *err) {
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	CLEANUP(free_ptr) char *for_name = xstrdup(path);
	if (is_there(path))
		return err_set(err, ERR_REFUSED, path, "it exists, and nothing is overwritten");
	struct package_writer *writer = xcalloc(1, sizeof *writer);
	writer->path = xstrdup(path);
	for (size_t len = strlen(path); len > 1 && writer->path[len - 1] == '/'; len--)
		writer->path[len - 1] = '\0';
	writer->staging = xasprintf("%s/.tmp-%s", dirname(for_folder), basename(for_name));
	writer->files = file_join(writer->staging, "files");
	writer->form = package_form_of(writer->path);
	writer->sizes = json_object();
	writer->lock = -1;
	if (!lock_staging(writer, err)) {
		package_writer_free(writer);
		return false;
	}
	*ret_writer = writer;
	return true;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t len) {
	while (len > 0) {
		ssize_t put = write(fd, data, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		data += put;
		len -= (size_t)put;
	}
	return true;
}

/* Counts the bytes against the caps of reading. */
static bool count(struct package_writer *writer, const char *name, size_t len, struct err *err) {
	const json_t *known = json_object_get(writer->sizes, name);
	const uint64_t size = (uint64_t)json_integer_value(known);
	if (!package_is_name(name))
		return err_set(err, ERR_USAGE, name, "not a name that a package has");
	if (!known && json_object_size(writer->sizes) == PACKAGE_FILES_MOST)
		return err_set(err, ERR_TOO_BIG, name, "a package has at most %d files", PACKAGE_FILES_MOST);
	if (len > PACKAGE_FILE_LARGEST - size || len > PACKAGE_LARGEST - writer->total)
		return err_set(err, ERR_TOO_BIG, name,
			       "with it the package is larger than a package may be; ask for less in one");
	json_object_set_new(writer->sizes, name, json_integer((json_int_t)(size + len)));
	writer->total += len;
	return true;
}

static bool open_file(const char *path, int *ret_fd, struct err *err) {
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0644);
	if (fd < 0 && errno == ENOENT) {
		CLEANUP(free_ptr) char *copy = xstrdup(path);
		if (!file_make_folder(dirname(copy), 0755, err))
			return false;
		fd = open(path, flags, 0644);
	}
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "create");
	*ret_fd = fd;
	return true;
}

bool package_put(struct package_writer *writer, const char *name, const void *data, size_t len, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(writer->files, name);
	CLEANUP(close_fd) int fd = -1;
	if (!count(writer, name, len, err) || !open_file(path, &fd, err))
		return false;
	return write_all(fd, data, len) || err_errno(err, errno, ERR_IO, path, "write");
}

bool package_put_line(struct package_writer *writer, const char *name, const json_t *object, struct err *err) {
	CLEANUP(buf_done) struct buf line = {0};
	if (!json_canonical(object, &line, err))
		return false;
	buf_adds(&line, "\n");
	if (line.len > PACKAGE_LINE_LONGEST)
		return err_set(err, ERR_TOO_BIG, name, "a line is longer than %u bytes", PACKAGE_LINE_LONGEST);
	return package_put(writer, name, line.data, line.len, err);
}

bool package_was_put(const struct package_writer *writer, const char *name) {
	return json_object_get(writer->sizes, name) != NULL;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Borrowed names in an array that the caller frees. */
static const char **sorted_names(const struct package_writer *writer) {
	const size_t names = json_object_size(writer->sizes);
	const char **sorted = xreallocarray(NULL, names + 1, sizeof *sorted);
	const char *name;
	json_t *size;
	size_t at = 0;
	json_object_foreach(writer->sizes, name, size) sorted[at++] = name;
	qsort(sorted, names, sizeof *sorted, by_text);
	return sorted;
}

static bool hash_file(const char *path, struct hash *ret_hash, struct err *err) {
	char chunk[65536];
	ssize_t got = -1;
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	EVP_MD_CTX *context = hash_begin();
	while (fd >= 0 && ((got = read(fd, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR)))
		if (got > 0)
			hash_more(context, chunk, (size_t)got);
	const int error = errno;
	const struct hash hash = hash_end(context);
	if (got < 0)
		return err_errno(err, error, ERR_IO, path, "read");
	*ret_hash = hash;
	return true;
}

bool package_list(struct package_writer *writer, json_t **ret_files, struct err *err) {
	CLEANUP(json_decref_p) json_t *files = json_array();
	CLEANUP(free_ptr) const char **names = sorted_names(writer);
	for (size_t i = 0; i < json_object_size(writer->sizes); i++) {
		CLEANUP(free_ptr) char *path = file_join(writer->files, names[i]);
		struct hash hash;
		char hex[HASH_HEX];
		if (!hash_file(path, &hash, err))
			return false;
		json_array_append_new(files,
				      json_pack("{s:s,s:s,s:O}", "name", names[i], "sha256", hash_hex(&hash, hex),
						"size", json_object_get(writer->sizes, names[i])));
	}
	*ret_files = json_incref(files);
	return true;
}

/* Files and the folders that hold them. */
static bool date_all(const struct package_writer *writer, const char **names, int64_t changed_at, struct err *err) {
	const struct timespec times[2] = {{.tv_sec = changed_at}, {.tv_sec = changed_at}};
	for (size_t i = 0; i < json_object_size(writer->sizes); i++) {
		CLEANUP(free_ptr) char *path = file_join(writer->files, names[i]);
		for (;;) {
			if (utimensat(AT_FDCWD, path, times, 0) != 0)
				return err_errno(err, errno, ERR_IO, path, "set its time");
			if (!strcmp(path, writer->files))
				break;
			*strrchr(path, '/') = '\0';
		}
	}
	return true;
}

/* rename(2) that replaces nothing, where the file system can do it. */
static bool move(const char *from, const char *to, struct err *err) {
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno == EEXIST)
		return err_set(err, ERR_REFUSED, to, "it exists, and nothing is overwritten");
	if ((errno == EINVAL || errno == ENOSYS) && !is_there(to) && rename(from, to) == 0)
		return true;
	return err_errno(err, errno, ERR_IO, to, "rename");
}

/* "evidence/" for /srv/evidence.tar.gz. The caller frees. */
static char *top_of(const struct package_writer *writer) {
	CLEANUP(free_ptr) char *copy = xstrdup(writer->path);
	char *name = basename(copy);
	name[strlen(name) - strlen(writer->form->ending)] = '\0';
	return package_is_name(name) ? xasprintf("%s/", name) : xstrdup("vouch-package/");
}

static bool make_whole(struct package_writer *writer, int64_t changed_at, struct err *err) {
	CLEANUP(free_ptr) const char **names = sorted_names(writer);
	const size_t names_count = json_object_size(writer->sizes);
	if (!writer->form)
		return date_all(writer, names, changed_at, err) &&
		       (syncfs(writer->lock) == 0 || err_errno(err, errno, ERR_IO, writer->files, "sync")) &&
		       move(writer->files, writer->path, err);
	CLEANUP(free_ptr) char *archive = file_join(writer->staging, "archive");
	CLEANUP(free_ptr) char *top = top_of(writer);
	const struct package_pack pack = {
		.form = writer->form,
		.folder = writer->files,
		.names = names,
		.count = names_count,
		.top = top,
		.changed_at = changed_at,
	};
	return package_pack(&pack, archive, err) && move(archive, writer->path, err);
}

bool package_finish(struct package_writer *writer, int64_t changed_at, struct err *err) {
	CLEANUP(free_ptr) char *copy = xstrdup(writer->path);
	return make_whole(writer, changed_at, err) && file_sync_folder(dirname(copy), err);
}
