#include "sources/dpkg_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <md5.h>
#include <sha2.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/lines.h"
#include "core/text.h"
#include "sources/folder.h"

#define INFO "/var/lib/dpkg/info"
#define DIVERSIONS "/var/lib/dpkg/diversions"
#define DEADLINE_MS 900000
#define STEP 131072
#define TEXT_LARGEST (64U << 20)
#define DIVERSIONS_MOST 20000

bool dpkg_md5sums_line(const char *line, const char **ret_path) {
	if (strlen(line) < DPKG_MD5_HEX + 3 || strspn(line, "0123456789abcdef") != DPKG_MD5_HEX ||
	    line[DPKG_MD5_HEX] != ' ' || (line[DPKG_MD5_HEX + 1] != ' ' && line[DPKG_MD5_HEX + 1] != '*'))
		return false;
	const char *path = line + DPKG_MD5_HEX + 2;
	if (text_starts(path, "./"))
		path += 2;
	if (!*path || *path == '/' || text_starts(path, "../") || strstr(path, "/../") || text_ends(path, "/.."))
		return false;
	*ret_path = path;
	return true;
}

static bool starts_with_one_of(const char *path, const char *const *folders, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (text_starts(path, folders[i]))
			return true;
	return false;
}

bool dpkg_is_program(const char *path) {
	static const char *const folders[] = {"bin/",    "sbin/",    "lib/",   "lib32/", "lib64/",
					      "libx32/", "libexec/", "games/", "opt/"};
	return starts_with_one_of(path + (text_starts(path, "usr/") ? 4 : 0), folders, ARRAY_LEN(folders));
}

bool dpkg_is_doc(const char *path) {
	static const char *const folders[] = {"usr/share/doc/",    "usr/share/man/",     "usr/share/info/",
					      "usr/share/locale/", "usr/share/lintian/", "usr/share/linda/",
					      "usr/share/groff/",  "usr/share/help/",    "usr/share/gnome/help/"};
	return starts_with_one_of(path, folders, ARRAY_LEN(folders));
}

struct diversion {
	char *from, *to, *package; /* package ":" of the administrator */
};

struct dpkg_diversions {
	struct diversion *all; /* sorted by from */
	size_t count;
};

void dpkg_diversions_free(struct dpkg_diversions *diversions) {
	for (size_t i = 0; diversions && i < diversions->count; i++) {
		free(diversions->all[i].from);
		free(diversions->all[i].to);
		free(diversions->all[i].package);
	}
	if (diversions)
		free(diversions->all);
	free(diversions);
}

static int by_from(const void *a, const void *b) {
	return strcmp(((const struct diversion *)a)->from, ((const struct diversion *)b)->from);
}

bool dpkg_diversions_parse(const char *where, const char *text, size_t len, struct dpkg_diversions **ret_diversions,
			   struct err *err) {
	CLEANUP(dpkg_diversions_free_p) struct dpkg_diversions *found = xcalloc(1, sizeof *found);
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	size_t part = 0;
	for (char *line; (line = lines_next(&lines)); part = (part + 1) % 3) {
		if (part == 0) {
			if (found->count == DIVERSIONS_MOST)
				return err_set(err, ERR_UNREADABLE, where, "more than %d diversions", DIVERSIONS_MOST);
			found->all = xreallocarray(found->all, found->count + 1, sizeof *found->all);
			found->all[found->count++] = (struct diversion){0};
		}
		struct diversion *last = &found->all[found->count - 1];
		*(part == 0 ? &last->from : part == 1 ? &last->to : &last->package) = xstrdup(line);
	}
	if (!lines_ok(&lines, err))
		return false;
	if (part != 0)
		return err_set(err, ERR_MALFORMED, where, "%s: not lines in threes", DIVERSIONS);
	if (found->count > 0)
		qsort(found->all, found->count, sizeof *found->all, by_from);
	*ret_diversions = found;
	found = NULL;
	return true;
}

const char *dpkg_diverted(const struct dpkg_diversions *diversions, const char *path, const char *package) {
	struct diversion key = {.from = (char *)path};
	if (diversions->count == 0)
		return path;
	const struct diversion *found =
		bsearch(&key, diversions->all, diversions->count, sizeof *diversions->all, by_from);
	return found && strcmp(found->package, package) != 0 ? found->to : path;
}

/* The look under way. */
struct verify {
	const struct ask *ask;
	bool is_all;
	struct dpkg_diversions *diversions;
	SHA2_CTX database;
	json_int_t packages, files, bytes, differing_count, absent_doc, unlisted_count;
	json_t *differing, *unlisted;
	char buffer[STEP];
};

static void verify_free(struct verify **verify) {
	if (!*verify)
		return;
	dpkg_diversions_free((*verify)->diversions);
	json_decref((*verify)->differing);
	json_decref((*verify)->unlisted);
	free(*verify);
}

static bool read_text(const struct verify *verify, const char *path, struct buf *ret_text, struct err *err) {
	CLEANUP(close_fd) int fd = place_open(verify->ask->place, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, verify->ask->name, path);
	return kind_read_fd(fd, verify->ask->name, TEXT_LARGEST, ret_text, err);
}

static void note(struct verify *verify, const char *path, const char *package, const char *how) {
	verify->differing_count++;
	if (json_array_size(verify->differing) < DPKG_VERIFY_MOST)
		json_array_append_new(verify->differing, json_pack("{s:o,s:o,s:s}", "path", json_text(path), "package",
								   json_text(package), "how", how));
}

/* The digest of an open file in hexadecimal digits. False and errno. */
static bool digest_of(struct verify *verify, int fd, char hex[DPKG_MD5_HEX + 1]) {
	unsigned char digest[MD5_DIGEST_LENGTH];
	MD5_CTX context;
	MD5Init(&context);
	for (;;) {
		ssize_t got = read(fd, verify->buffer, sizeof verify->buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		MD5Update(&context, (const uint8_t *)verify->buffer, (size_t)got);
		verify->bytes += got;
	}
	MD5Final(digest, &context);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + i * 2, 3, "%02x", digest[i]);
	return true;
}

static void verify_file(struct verify *verify, const char *digest, const char *path, const char *package) {
	CLEANUP(free_ptr) char *whole = xasprintf("/%s", path);
	const char *real = dpkg_diverted(verify->diversions, whole, package);
	char hex[DPKG_MD5_HEX + 1];
	struct stat status;
	CLEANUP(close_fd) int fd = place_open(verify->ask->place, real, O_RDONLY | O_NONBLOCK);
	verify->files++;
	if (fd < 0 && errno == ENOENT && dpkg_is_doc(path))
		verify->absent_doc++;
	else if (fd < 0)
		note(verify, real, package, errno == ENOENT || errno == ENOTDIR ? "absent" : "denied");
	else if (!place_fstat(verify->ask->place, fd, real, &status) || !S_ISREG(status.st_mode))
		note(verify, real, package, "no file");
	else if (!digest_of(verify, fd, hex))
		note(verify, real, package, "denied");
	else if (memcmp(hex, digest, DPKG_MD5_HEX) != 0)
		note(verify, real, package, "changed");
}

/* Paths that have a digest, each without its first slash. */
struct digested {
	char **paths;
	size_t count, room;
};

static void digested_done(struct digested *digested) {
	for (size_t i = 0; i < digested->count; i++)
		free(digested->paths[i]);
	free(digested->paths);
}

static void digested_add(struct digested *digested, const char *path) {
	if (digested->count == digested->room) {
		digested->room = digested->room ? digested->room * 2 : 256;
		digested->paths = xreallocarray(digested->paths, digested->room, sizeof *digested->paths);
	}
	digested->paths[digested->count++] = xstrdup(path);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_digested(const struct digested *digested, const char *path) {
	return digested->count > 0 &&
	       bsearch(&path, digested->paths, digested->count, sizeof *digested->paths, by_text);
}

static bool is_looked_at(const struct verify *verify, const char *path) {
	return verify->is_all ? !text_starts(path, "etc/") : dpkg_is_program(path);
}

/* A link or folder, which has no digest: that it is there. A file without one was brought without, or somebody took its
 * line away: either way nothing says what it was. */
static void verify_presence(struct verify *verify, const char *path, const char *package) {
	CLEANUP(free_ptr) char *whole = xasprintf("/%s", path);
	const char *real = dpkg_diverted(verify->diversions, whole, package);
	struct stat status;
	if (place_stat(verify->ask->place, real, &status)) {
		if (S_ISREG(status.st_mode))
			note(verify, real, package, "no digest");
		return;
	}
	if (errno == ENOENT && dpkg_is_doc(path))
		verify->absent_doc++;
	else
		note(verify, real, package, errno == ENOENT || errno == ENOTDIR ? "absent" : "denied");
}

/* What else a package's list names. */
static bool verify_list(struct verify *verify, const char *base, const char *package, struct digested *digested,
			struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(free_ptr) char *path = xasprintf(INFO "/%s.list", base);
	if (!read_text(verify, path, &text, err))
		return false;
	if (digested->count > 0)
		qsort(digested->paths, digested->count, sizeof *digested->paths, by_text);
	CLEANUP(lines_done) struct lines lines = lines_over(verify->ask->name, text.data, text.len);
	for (char *line; (line = lines_next(&lines));)
		if (line[0] == '/' && line[1] != '.' && is_looked_at(verify, line + 1) &&
		    !is_digested(digested, line + 1)) {
			if (!ask_in_time(verify->ask, err))
				return false;
			verify_presence(verify, line + 1, package);
		}
	return lines_ok(&lines, err);
}

static char *package_of(const char *base) { return xstrndup(base, strcspn(base, ":")); }

static bool verify_package(struct verify *verify, const char *base, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(digested_done) struct digested digested = {0};
	CLEANUP(free_ptr) char *name = xasprintf("%s.md5sums", base);
	CLEANUP(free_ptr) char *path = xasprintf(INFO "/%s", name);
	CLEANUP(free_ptr) char *package = package_of(base);
	if (!read_text(verify, path, &text, err))
		return false;
	verify->packages++;
	SHA256Update(&verify->database, (const uint8_t *)name, strlen(name) + 1);
	SHA256Update(&verify->database, (const uint8_t *)buf_str(&text), text.len);
	CLEANUP(lines_done) struct lines lines = lines_over(verify->ask->name, text.data, text.len);
	for (char *line; (line = lines_next(&lines));) {
		const char *file;
		if (!ask_in_time(verify->ask, err))
			return false;
		if (!dpkg_md5sums_line(line, &file))
			return err_set_at(err, ERR_MALFORMED, verify->ask->name, lines.number, 0,
					  "%s: not a digest and a path", path);
		if (!is_looked_at(verify, file))
			continue;
		digested_add(&digested, file);
		verify_file(verify, line, file, package);
	}
	return lines_ok(&lines, err) && verify_list(verify, base, package, &digested, err);
}

static bool has_entry(const struct folder *folder, const char *name) {
	size_t low = 0, high = folder->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(folder->entries[middle].name, name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* A package that has a list of files and no digests of them. */
static bool verify_unlisted(struct verify *verify, const char *base, struct err *err) {
	CLEANUP(free_ptr) char *package = package_of(base);
	struct digested none = {0};
	verify->unlisted_count++;
	if (json_array_size(verify->unlisted) < DPKG_VERIFY_MOST)
		json_array_append_new(verify->unlisted, json_text(base));
	return verify_list(verify, base, package, &none, err);
}

static bool verify_folder(struct verify *verify, const struct folder *folder, struct err *err) {
	for (size_t i = 0; i < folder->count; i++) {
		const char *name = folder->entries[i].name;
		if (!text_ends(name, ".list"))
			continue;
		CLEANUP(free_ptr) char *base = xstrndup(name, strlen(name) - strlen(".list"));
		CLEANUP(free_ptr) char *sums = xasprintf("%s.md5sums", base);
		if (has_entry(folder, sums) ? !verify_package(verify, base, err) : !verify_unlisted(verify, base, err))
			return false;
	}
	return verify->packages > 0 || err_set(err, ERR_UNPROVED, verify->ask->name, "no digests in " INFO);
}

static bool read_diversions(struct verify *verify, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err missing = {0};
	if (!read_text(verify, DIVERSIONS, &text, &missing) && missing.code != ERR_ABSENT) {
		*err = missing;
		return false;
	}
	return dpkg_diversions_parse(verify->ask->name, buf_str(&text), text.len, &verify->diversions, err);
}

static int by_path(const void *a, const void *b) {
	const json_t *const *first = a, *const *second = b;
	return strcmp(json_string_value(json_object_get(*first, "path")),
		      json_string_value(json_object_get(*second, "path")));
}

static json_t *sorted(const json_t *list) {
	size_t count = json_array_size(list);
	json_t **all = xcalloc(count + 1, sizeof(json_t *)), *result = json_array();
	for (size_t i = 0; i < count; i++)
		all[i] = json_array_get(list, i);
	qsort(all, count, sizeof(json_t *), by_path);
	for (size_t i = 0; i < count; i++)
		json_array_append(result, all[i]);
	free(all);
	return result;
}

static bool answer_verify(struct verify *verify, struct answer *ret_answer, struct err *err) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[SHA256_DIGEST_LENGTH * 2 + 1];
	SHA256Final(digest, &verify->database);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + i * 2, 3, "%02x", digest[i]);
	CLEANUP(json_decref_p)
	json_t *value =
		json_pack("{s:I,s:I,s:I,s:s,s:o,s:I,s:I,s:O,s:I}", "packages", verify->packages, "files", verify->files,
			  "bytes", verify->bytes, "database_sha256", hex, "differing", sorted(verify->differing),
			  "differing_count", verify->differing_count, "absent_doc", verify->absent_doc, "unlisted",
			  verify->unlisted, "unlisted_count", verify->unlisted_count);
	return answer_json(verify->ask, value, ret_answer, err);
}

static bool is_same_time(const struct stat *a, const struct stat *b) {
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool look_verify(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(folder_done) struct folder folder = {0};
	CLEANUP(close_fd) int fd = -1;
	struct stat before, after;
	if (*ask->rest && strcmp(ask->rest, "?all") != 0)
		return err_set(err, ERR_UNREADABLE, ask->name, "not dpkg:verify or dpkg:verify?all");
	CLEANUP(verify_free) struct verify *verify = xcalloc(1, sizeof *verify);
	*verify =
		(struct verify){.ask = ask, .is_all = *ask->rest, .differing = json_array(), .unlisted = json_array()};
	SHA256Init(&verify->database);
	if (!folder_open(ask, INFO, &fd, err))
		return false;
	if (fd < 0 || fstat(fd, &before) != 0)
		return err_set(err, ERR_UNPROVED, ask->name, "no digests in " INFO);
	if (!folder_read(ask, fd, INFO, &folder, err) || !read_diversions(verify, err) ||
	    !verify_folder(verify, &folder, err))
		return false;
	if (fstat(fd, &after) != 0 || !is_same_time(&before, &after))
		return err_set(err, ERR_UNPROVED, ask->name, "packages were installed or removed meanwhile");
	return answer_verify(verify, ret_answer, err);
}

const struct kind kind_dpkg_verify = {.prefix = "dpkg:verify",
				      .helper = HELPER_FS,
				      .is_slow = true,
				      .deadline_ms = DEADLINE_MS,
				      .below_root = true,
				      .may_be_kept = true,
				      .look = look_verify};
