#include "cli/root_folder.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "sources/fixture_folder.h"

#define FILE_PREFIX "file:"

struct root_folder {
	char *temporary, *place;
	json_t *meta;
	size_t room; /* bytes that may still be written */
};

/* False where there is something already. */
static bool is_free(const char *path, struct err *err) {
	DIR *folder = opendir(path);
	size_t count = 0;
	if (!folder)
		return errno == ENOENT || err_errno(err, errno, ERR_IO, path, "open");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count <= 2 || err_set(err, ERR_USAGE, path, "there is something in it already");
}

bool root_folder_new(const char *path, size_t largest, struct root_folder **ret_folder, struct err *err) {
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	CLEANUP(free_ptr) char *for_name = xstrdup(path);
	CLEANUP(free_ptr)
	char *temporary = xasprintf("%s/.tmp-%s-%d", dirname(for_folder), basename(for_name), (int)getpid());
	if (text_is_one_of(basename(for_name), (const char *const[]){".", "..", "/"}, 3))
		return err_set(err, ERR_USAGE, path, "the folder has to have a name");
	if (!is_free(path, err))
		return false;
	if (mkdir(temporary, 0700) != 0)
		return err_errno(err, errno, ERR_IO, temporary, "make folder");
	struct root_folder *folder = xcalloc(1, sizeof *folder);
	*folder = (struct root_folder){
		.temporary = xstrdup(temporary), .place = xstrdup(path), .meta = json_object(), .room = largest};
	*ret_folder = folder;
	return true;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) { return remove(path); }

void root_folder_free(struct root_folder *folder) {
	if (!folder)
		return;
	if (folder->temporary)
		nftw(folder->temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(folder->temporary);
	free(folder->place);
	json_decref(folder->meta);
	free(folder);
}

const char *root_folder_path(const struct root_folder *folder) { return folder->temporary; }

static bool write_below(struct root_folder *folder, const char *path, const void *data, size_t len, struct err *err) {
	CLEANUP(free_ptr) char *whole = xasprintf("%s%s", folder->temporary, path);
	CLEANUP(free_ptr) char *for_parent = xstrdup(whole);
	if (len > folder->room)
		return err_set(err, ERR_TOO_BIG, folder->place, "what was read is larger than its cap");
	folder->room -= len;
	return file_make_folder(dirname(for_parent), 0700, err) && file_create(whole, data, len, 0600, err);
}

static bool write_json(struct root_folder *folder, const char *path, const json_t *value, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return json_canonical(value, &bytes, err) && write_below(folder, path, bytes.data, bytes.len, err);
}

static void note_error(struct root_folder *folder, const struct source *source) {
	json_object_set_new(
		folder->meta, source->name,
		json_pack("{s:s, s:o}", "error", err_code_name(source->err.code), "why", json_text(source->err.why)));
}

static bool put_file(struct root_folder *folder, const struct source *source, struct err *err) {
	const char *path = source->name + strlen(FILE_PREFIX);
	char mode[8];
	if (path[0] != '/' || strstr(path, "/../") || text_ends(path, "/..") || text_starts(path, "/.vouch/"))
		return err_set(err, ERR_IO, source->name, "is no path that a folder could hold");
	snprintf(mode, sizeof mode, "%04o", source->meta.mode & 07777);
	json_object_set_new(folder->meta, path,
			    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "mode", mode, "uid",
				      (json_int_t)source->meta.uid, "gid", (json_int_t)source->meta.gid, "nlink",
				      (json_int_t)source->meta.nlink, "mtime", (json_int_t)source->meta.mtime, "ctime",
				      (json_int_t)source->meta.ctime));
	return write_below(folder, path, source->bytes.data, source->bytes.len, err);
}

bool root_folder_put(struct root_folder *folder, const struct source *source, struct err *err) {
	if (source->err.code) {
		note_error(folder, source);
		return true;
	}
	if (text_starts(source->name, FILE_PREFIX))
		return put_file(folder, source, err);
	CLEANUP(free_ptr) char *path = fixture_path(source->name);
	return write_below(folder, path, source->bytes.data, source->bytes.len, err);
}

bool root_folder_close(struct root_folder *folder, const json_t *captured, struct err *err) {
	return write_json(folder, "/.vouch/meta", folder->meta, err) &&
	       write_json(folder, "/.vouch/captured", captured, err);
}

bool root_folder_move(struct root_folder *folder, struct err *err) {
	if (!file_move(folder->temporary, folder->place, err))
		return false;
	free(folder->temporary);
	folder->temporary = NULL;
	return true;
}
