#include "core/package_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

#define CHUNK 65536

const struct package_form *package_form_of(const char *path) {
	static const struct package_form forms[] = {
		{".zip", true, NULL},
		{".tar", false, NULL},
		{".tar.gz", false, "gzip"},
		{".tar.zst", false, "zstd"},
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (text_ends(path, forms[i].ending))
			return &forms[i];
	return NULL;
}

struct packing {
	const struct package_pack *pack;
	const char *path;
	struct archive *archive;
};

static bool archive_says(const struct packing *packing, struct err *err) {
	const char *said = archive_error_string(packing->archive);
	return err_set(err, ERR_IO, packing->path, "write: %s", said ? said : "it does not say why");
}

/* gzip would write the time of day, and the writer of blocks pads a zip, which is no tape. */
static bool begin(const struct packing *packing, int fd, struct err *err) {
	struct archive *archive = packing->archive;
	const struct package_form *form = packing->pack->form;
	if ((form->is_zip ? archive_write_set_format_zip(archive) : archive_write_set_format_pax_restricted(archive)) !=
		    ARCHIVE_OK ||
	    (form->filter && archive_write_add_filter_by_name(archive, form->filter) != ARCHIVE_OK) ||
	    (form->filter && !strcmp(form->filter, "gzip") &&
	     archive_write_set_options(archive, "gzip:!timestamp") != ARCHIVE_OK) ||
	    archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(archive, fd) != ARCHIVE_OK)
		return archive_says(packing, err);
	return true;
}

static bool pack_bytes(const struct packing *packing, int fd, const char *name, struct err *err) {
	char chunk[CHUNK];
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, ERR_IO, name, "read");
		if (got == 0)
			return true;
		if (archive_write_data(packing->archive, chunk, (size_t)got) != got)
			return archive_says(packing, err);
	}
}

static bool pack_header(const struct packing *packing, const char *name, int64_t size, struct err *err) {
	CLEANUP(free_ptr) char *inside = xasprintf("%s%s", packing->pack->top, name);
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		abort(); /* memory: see mem.h */
	archive_entry_set_pathname(entry, inside);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, size);
	archive_entry_set_mtime(entry, packing->pack->changed_at, 0);
	const bool ok = archive_write_header(packing->archive, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	return ok || archive_says(packing, err);
}

static bool pack_file(const struct packing *packing, const char *name, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(packing->pack->folder, name);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	return pack_header(packing, name, status.st_size, err) && pack_bytes(packing, fd, path, err);
}

static bool pack_all(const struct packing *packing, int fd, struct err *err) {
	if (!begin(packing, fd, err))
		return false;
	for (size_t i = 0; i < packing->pack->count; i++)
		if (!pack_file(packing, packing->pack->names[i], err))
			return false;
	return archive_write_close(packing->archive) == ARCHIVE_OK || archive_says(packing, err);
}

bool package_pack(const struct package_pack *pack, const char *path, struct err *err) {
	CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "create");
	const struct packing packing = {.pack = pack, .path = path, .archive = archive_write_new()};
	if (!packing.archive)
		abort();
	bool ok = pack_all(&packing, fd, err);
	archive_write_free(packing.archive);
	if (ok && fsync(fd) != 0)
		return err_errno(err, errno, ERR_IO, path, "sync");
	return ok;
}
