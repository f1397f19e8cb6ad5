#include "core/package.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/package_files.h"
#include "core/text.h"

#define CHUNK 65536

struct package {
	char *path;
	int folder;  /* or -1 */
	int scratch; /* or -1 */
	char *top;   /* "evidence/": the folder in which everything lies, cut off the names; or "" */
	struct package_files files;
};

void package_free(struct package *package) {
	if (!package)
		return;
	close_fd(&package->folder);
	close_fd(&package->scratch);
	package_files_done(&package->files);
	free(package->top);
	free(package->path);
	free(package);
}

static bool open_scratch(int *ret_fd, struct err *err) {
	const char *asked = secure_getenv("TMPDIR");
	const char *folder = asked && *asked ? asked : "/var/tmp";
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) { /* a file system that cannot do it */
		CLEANUP(free_ptr) char *name = xasprintf("%s/vouch-package-XXXXXX", folder);
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, errno, ERR_IO, folder, "make a temporary file");
		unlink(name);
	}
	*ret_fd = fd;
	return true;
}

/* Cuts the one folder off in which all files lie. */
static void cut_top(struct package *package) {
	struct package_files *files = &package->files;
	if (!files->count || package_find(package, "manifest.json"))
		return;
	const char *slash = strchr(files->items[0].name, '/');
	if (!slash)
		return;
	CLEANUP(free_ptr) char *top = xstrndup(files->items[0].name, (size_t)(slash - files->items[0].name) + 1);
	for (size_t i = 0; i < files->count; i++)
		if (!text_starts(files->items[i].name, top))
			return;
	for (size_t i = 0; i < files->count; i++) {
		char *name = xstrdup(files->items[i].name + strlen(top));
		free(files->items[i].name);
		files->items[i].name = name;
	}
	free(package->top);
	package->top = xstrdup(top);
}

static bool load(struct package *package, int fd, bool is_folder, struct err *err) {
	if (is_folder)
		package->folder = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else if (!open_scratch(&package->scratch, err))
		return false;
	if (is_folder ? !package_folder(fd, package->path, &package->files, err)
		      : !package_unpack(fd, package->path, package->scratch, &package->files, err))
		return false;
	if (!package_files_close(&package->files, package->path, err))
		return false;
	cut_top(package);
	return true;
}

bool package_open(const char *path, struct package **ret_package, struct err *err) {
	struct stat status;
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return err_set(err, ERR_REFUSED, path, "neither a file nor a folder");
	struct package *package = xcalloc(1, sizeof *package);
	package->path = xstrdup(path);
	package->top = xstrdup("");
	package->folder = package->scratch = -1;
	if (!load(package, fd, S_ISDIR(status.st_mode), err)) {
		package_free(package);
		return false;
	}
	*ret_package = package;
	return true;
}

size_t package_count(const struct package *package) { return package->files.count; }

const struct package_file *package_at(const struct package *package, size_t index) {
	return &package->files.items[index];
}

size_t package_below(const struct package *package, const char *prefix) {
	size_t low = 0, high = package->files.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(package->files.items[middle].name, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct package_file *package_find(const struct package *package, const char *name) {
	size_t at = package_below(package, name);
	bool is_there = at < package->files.count && !strcmp(package->files.items[at].name, name);
	return is_there ? &package->files.items[at] : NULL;
}

/* --- bytes of a file ---------------------------------------------------------------------------------------------- */

struct source {
	const struct package_file *file;
	int fd;
	bool is_own; /* to be closed */
	uint64_t at;
};

static void source_done(struct source *source) {
	if (source->is_own)
		close_fd(&source->fd);
}

static bool source_open(const struct package *package, const char *name, struct source *ret_source, struct err *err) {
	const struct package_file *file = package_find(package, name);
	if (!file)
		return err_set(err, ERR_ABSENT, name, "the package has no such file");
	struct source source = {.file = file, .fd = package->scratch};
	if (package->folder >= 0) {
		CLEANUP(free_ptr) char *path = xasprintf("%s%s", package->top, name);
		source.fd = openat(package->folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		source.is_own = true;
		if (source.fd < 0)
			return err_errno(err, errno, ERR_IO, name, "open");
	}
	*ret_source = source;
	return true;
}

/* Up to max bytes; 0 at the end. A file that is shorter than when the package was opened is an error; one that grew is
 * read as it was. */
static bool source_next(struct source *source, char *into, size_t max, size_t *ret_len, struct err *err) {
	const uint64_t left = source->file->size - source->at;
	const size_t asked = left < max ? (size_t)left : max;
	ssize_t got = 0;
	do
		got = asked ? pread(source->fd, into, asked, (off_t)(source->file->offset + source->at)) : 0;
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, errno, ERR_UNREADABLE, source->file->name, "read");
	if (got == 0 && asked)
		return err_set(err, ERR_UNREADABLE, source->file->name, "it was cut while it was read");
	source->at += (uint64_t)got;
	*ret_len = (size_t)got;
	return true;
}

bool package_read(const struct package *package, const char *name, size_t max, struct buf *ret_bytes, struct err *err) {
	CLEANUP(source_done) struct source source = {.fd = -1};
	CLEANUP(buf_done) struct buf bytes = {0};
	size_t len;
	if (!source_open(package, name, &source, err))
		return false;
	if (source.file->size > max)
		return err_set(err, ERR_TOO_BIG, name, "larger than the cap of %zu bytes", max);
	do {
		char *room = buf_room(&bytes, (size_t)(source.file->size - source.at));
		if (!source_next(&source, room, (size_t)(source.file->size - source.at), &len, err))
			return false;
		bytes.len += len;
	} while (len);
	buf_room(&bytes, 0);
	*ret_bytes = bytes;
	bytes = (struct buf){0};
	return true;
}

bool package_hash(const struct package *package, const char *name, struct hash *ret_hash, struct err *err) {
	CLEANUP(source_done) struct source source = {.fd = -1};
	char chunk[CHUNK];
	size_t len = 0;
	if (!source_open(package, name, &source, err))
		return false;
	EVP_MD_CTX *context = hash_begin();
	bool ok;
	while ((ok = source_next(&source, chunk, sizeof chunk, &len, err)) && len)
		hash_more(context, chunk, len);
	const struct hash hash = hash_end(context);
	if (ok)
		*ret_hash = hash;
	return ok;
}

/* --- JSON Lines --------------------------------------------------------------------------------------------------- */

struct package_lines {
	struct source source;
	size_t line_most;
	unsigned number;
	struct buf bytes; /* read and not yet handed out, from `at` */
	size_t at;
};

bool package_lines_open(const struct package *package, const char *name, size_t line_most,
			struct package_lines **ret_lines, struct err *err) {
	struct source source = {.fd = -1};
	if (!source_open(package, name, &source, err))
		return false;
	struct package_lines *lines = xcalloc(1, sizeof *lines);
	lines->source = source;
	lines->line_most = line_most;
	*ret_lines = lines;
	return true;
}

void package_lines_free(struct package_lines *lines) {
	if (!lines)
		return;
	source_done(&lines->source);
	buf_done(&lines->bytes);
	free(lines);
}

static bool lines_fail(const struct package_lines *lines, struct err *err, const char *why) {
	return err_set_at(err, ERR_MALFORMED, lines->source.file->name, lines->number, 0, "%s", why);
}

/* The next line's length with its newline; 0 at the end. Its bytes are at bytes.data + at. */
static bool next_line(struct package_lines *lines, size_t *ret_len, struct err *err) {
	struct buf *bytes = &lines->bytes;
	for (size_t seen = 0;;) {
		const size_t left = bytes->len - lines->at;
		const char *from = left ? bytes->data + lines->at : "";
		const char *newline = memchr(from + seen, '\n', left - seen);
		size_t len = newline ? (size_t)(newline - from) + 1 : left;
		if (len > lines->line_most)
			return err_set_at(err, ERR_TOO_BIG, lines->source.file->name, lines->number, 0,
					  "a line longer than %zu bytes", lines->line_most);
		if (newline) {
			*ret_len = len;
			return true;
		}
		seen = left;
		if (lines->at && left)
			memmove(bytes->data, from, left);
		bytes->len = left;
		lines->at = 0;
		if (!source_next(&lines->source, buf_room(bytes, CHUNK), CHUNK, &len, err))
			return false;
		bytes->len += len;
		if (len)
			continue;
		if (left)
			return lines_fail(lines, err, "the last line has no newline");
		*ret_len = 0;
		return true;
	}
}

static bool is_canonical(const json_t *object, const char *line, size_t len) {
	CLEANUP(buf_done) struct buf written = {0};
	struct err err;
	return json_canonical(object, &written, &err) && written.len == len && !memcmp(written.data, line, len);
}

bool package_lines_next(struct package_lines *lines, json_t **ret_object, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	size_t len = 0;
	lines->number++;
	if (!next_line(lines, &len, err))
		return false;
	if (!len) {
		*ret_object = NULL;
		return true;
	}
	const char *line = lines->bytes.data + lines->at;
	struct err fault;
	if (!json_read(line, len - 1, lines->line_most, lines->source.file->name, &object, &fault))
		return lines_fail(lines, err, fault.why);
	if (!json_is_object(object))
		return lines_fail(lines, err, "no JSON object");
	if (!is_canonical(object, line, len - 1))
		return lines_fail(lines, err, "not canonical JSON");
	lines->at += len;
	*ret_object = json_incref(object);
	return true;
}
