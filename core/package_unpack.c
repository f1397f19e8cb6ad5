#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/package_files.h"
#include "core/text.h"

#define CHUNK 65536

struct unpack {
	struct archive *archive;
	const char *where;
	int scratch;
	uint64_t archive_size, written;
	struct package_files *files;
};

static bool archive_says(const struct unpack *unpack, struct err *err) {
	const char *said = archive_error_string(unpack->archive);
	return err_set(err, ERR_MALFORMED, unpack->where, "not an archive that can be read: %s",
		       said ? said : "it does not say why");
}

/* Only what docs/FORMAT.md 5.1 names; libarchive knows far more. The zip is read by its directory, as unzip does. */
static bool begin(struct unpack *unpack, int fd, struct err *err) {
	struct archive *archive = unpack->archive;
	if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, CHUNK) != ARCHIVE_OK)
		return archive_says(unpack, err);
	return true;
}

static bool write_all(const struct unpack *unpack, const char *data, size_t len, struct err *err) {
	while (len > 0) {
		ssize_t put = write(unpack->scratch, data, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(err, errno, ERR_IO, unpack->where, "unpack into the temporary folder");
		data += put;
		len -= (size_t)put;
	}
	return true;
}

static bool is_bomb(const struct unpack *unpack) {
	return unpack->written > PACKAGE_RATIO_FREE && unpack->written / PACKAGE_RATIO_MOST > unpack->archive_size;
}

/* What the entry says of its size is not believed. */
static bool unpack_bytes(struct unpack *unpack, struct err *err) {
	char chunk[CHUNK];
	for (;;) {
		la_ssize_t got = archive_read_data(unpack->archive, chunk, sizeof chunk);
		if (got < 0)
			return archive_says(unpack, err);
		if (got == 0)
			return true;
		unpack->written += (uint64_t)got;
		if (is_bomb(unpack))
			return err_set(err, ERR_TOO_BIG, unpack->where, "it unpacks to more than %d times its size",
				       PACKAGE_RATIO_MOST);
		if (!package_files_grow(unpack->files, unpack->where, (uint64_t)got, err) ||
		    !write_all(unpack, chunk, (size_t)got, err))
			return false;
	}
}

static bool unpack_entry(struct unpack *unpack, struct archive_entry *entry, struct err *err) {
	const char *name = archive_entry_pathname(entry);
	const unsigned type = archive_entry_filetype(entry);
	if (!name)
		return err_set(err, ERR_REFUSED, unpack->where, "a name of it cannot be read");
	if (archive_entry_is_encrypted(entry))
		return err_set(err, ERR_REFUSED, unpack->where, "it is encrypted");
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || (type != AE_IFREG && type != AE_IFDIR)) {
		CLEANUP(free_ptr) char *shown = xstrndup(name, PACKAGE_NAME_LONGEST);
		text_replace_controls(shown);
		return err_set(err, ERR_REFUSED, unpack->where, "%s is neither a file nor a folder", shown);
	}
	while (text_starts(name, "./")) /* tar -C FOLDER . */
		name += 2;
	if (type == AE_IFDIR)
		return true;
	return package_files_add(unpack->files, unpack->where, name, unpack->written, err) && unpack_bytes(unpack, err);
}

static bool unpack_all(struct unpack *unpack, struct err *err) {
	struct archive_entry *entry;
	/* Folders are entries too. */
	for (size_t entries = 0; entries <= 2 * (size_t)PACKAGE_FILES_MOST; entries++) {
		int said = archive_read_next_header(unpack->archive, &entry);
		if (said == ARCHIVE_EOF)
			return true;
		if (said != ARCHIVE_OK)
			return archive_says(unpack, err);
		if (!unpack_entry(unpack, entry, err))
			return false;
	}
	return err_set(err, ERR_TOO_BIG, unpack->where, "more than %d entries", 2 * PACKAGE_FILES_MOST);
}

bool package_unpack(int archive, const char *where, int scratch, struct package_files *files, struct err *err) {
	struct stat status;
	if (fstat(archive, &status) != 0)
		return err_errno(err, errno, ERR_IO, where, "stat");
	struct unpack unpack = {.archive = archive_read_new(),
				.where = where,
				.scratch = scratch,
				.archive_size = (uint64_t)status.st_size,
				.files = files};
	if (!unpack.archive)
		abort(); /* memory: see mem.h */
	bool ok = begin(&unpack, archive, err) && unpack_all(&unpack, err);
	archive_read_free(unpack.archive);
	return ok;
}
