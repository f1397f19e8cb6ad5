#include "core/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/file.h"

/* Takes the path over. */
static bool add_file(struct policy_files *files, char *path, const char *data, size_t len, struct err *err) {
	files->items = xreallocarray(files->items, files->count + 1, sizeof *files->items);
	struct policy_file *file = &files->items[files->count++];
	*file = (struct policy_file){.path = path};
	if (files->bytes.len + len > YAML_LARGEST)
		return err_set(err, ERR_TOO_BIG, path, "the policy is larger than the cap of %u bytes", YAML_LARGEST);
	buf_add(&files->bytes, data, len);
	return yaml_read(data, len, path, &file->root, err);
}

static bool add_from(struct policy_files *files, const char *folder, const char *name, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	if (!file_read(path, YAML_LARGEST, &bytes, err))
		return false;
	if (bytes.len == 0 || bytes.data[bytes.len - 1] != '\n')
		return err_set(err, ERR_SYNTAX, path, "does not end in a newline");
	char *taken = path;
	path = NULL;
	return add_file(files, taken, bytes.data, bytes.len, err);
}

static int is_of_rules(const struct dirent *entry) {
	size_t len = strlen(entry->d_name);
	return len > 5 && entry->d_name[0] != '.' && !strcmp(entry->d_name + len - 5, ".yaml") &&
	       strcmp(entry->d_name, POLICY_HEAD_FILE) != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bool read_folder(const char *folder, struct policy_files *files, struct err *err) {
	static const char rules[] = "rules:\n";
	struct dirent **entries;
	if (!add_from(files, folder, POLICY_HEAD_FILE, err))
		return false;
	if (yaml_get(files->items[0].root, "rules"))
		return yaml_fault(err, files->items[0].path, files->items[0].root,
				  "in a folder the rules stand in files of their own");
	int count = scandir(folder, &entries, is_of_rules, by_name);
	if (count < 0)
		return err_errno(err, errno, ERR_IO, folder, "cannot be listed");
	if (count > 0) /* one may disable, set and waive alone */
		buf_add(&files->bytes, rules, strlen(rules));
	bool is_read = count <= POLICY_FILES_MOST ||
		       err_set(err, ERR_TOO_BIG, folder, "more than %d files", POLICY_FILES_MOST);
	for (int i = 0; i < count; i++) {
		is_read = is_read && add_from(files, folder, entries[i]->d_name, err) &&
			  yaml_is(files->items[files->count - 1].root, YAML_SEQUENCE,
				  files->items[files->count - 1].path, "a file of rules", err);
		free(entries[i]);
	}
	free(entries);
	return is_read;
}

bool policy_files_read(const char *path, struct policy_files *ret_files, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct stat status;
	*ret_files = (struct policy_files){0};
	if (!stat(path, &status) && S_ISDIR(status.st_mode))
		return read_folder(path, ret_files, err);
	return file_read(path, YAML_LARGEST, &bytes, err) &&
	       add_file(ret_files, xstrdup(path), bytes.data, bytes.len, err);
}

bool policy_files_of(const char *path, const char *data, size_t len, struct policy_files *ret_files, struct err *err) {
	*ret_files = (struct policy_files){0};
	return add_file(ret_files, xstrdup(path), data, len, err);
}

void policy_files_done(struct policy_files *files) {
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].path);
		yaml_tree_free(files->items[i].root);
	}
	free(files->items);
	buf_done(&files->bytes);
}
