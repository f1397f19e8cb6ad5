/* An archive from anybody: what opens has strict names, each once, sorted, and can be read. */
#include <sys/mman.h>
#include <unistd.h>

#include "core/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_lines(const struct package *package, const char *name) {
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	struct err err;
	if (!package_lines_open(package, name, 65536, &lines, &err))
		abort();
	for (;;) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		if (!package_lines_next(lines, &object, &err) || !object)
			return;
	}
}

static void read_all(const struct package *package) {
	for (size_t i = 0; i < package_count(package); i++) {
		const struct package_file *file = package_at(package, i);
		CLEANUP(buf_done) struct buf bytes = {0};
		struct hash hash, again;
		struct err err;
		if (!package_is_name(file->name) || package_find(package, file->name) != file ||
		    (i && strcmp(package_at(package, i - 1)->name, file->name) >= 0) ||
		    !package_hash(package, file->name, &hash, &err))
			abort();
		read_lines(package, file->name);
		if (!package_read(package, file->name, 1 << 20, &bytes, &err))
			continue;
		again = hash_of(bytes.data, bytes.len);
		if (!hash_equal(&hash, &again))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(close_fd) int fd = memfd_create("package", MFD_CLOEXEC);
	CLEANUP(free_ptr) char *path = xasprintf("/proc/self/fd/%d", fd);
	struct err err;
	setenv("TMPDIR", "/dev/shm", 1);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (package_open(path, &package, &err))
		read_all(package);
	return 0;
}
