#include "plugins/backup_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "core/times.h"
#include "core/yaml.h"

void backup_config_done(struct backup_config *config) {
	char *const texts[] = {config->repository, config->password_file, config->environment_file,
			       config->program,    config->host,          config->archives,
			       config->canary};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	json_decref(config->tags);
	json_decref(config->paths);
	*config = (struct backup_config){0};
}

bool backup_config_is_path(const char *path) {
	if (*path != '/' || (path[1] && text_ends(path, "/")))
		return false;
	for (const char *part = path; (part = strchr(part, '/')); part++) {
		size_t len = strcspn(part + 1, "/");
		if (path[1] && (len == 0 || (len <= 2 && !strncmp(part + 1, "..", len))))
			return false;
	}
	return true;
}

/* What is being read. */
struct reading {
	const struct yaml *root;
	const char *where;
	struct err *err;
};

static bool read_text(const struct reading *reading, const char *key, char **ret_text) {
	const struct yaml *node = yaml_get(reading->root, key);
	const char *text;
	if (!node)
		return true;
	if (!yaml_string(node, reading->where, key, &text, reading->err))
		return false;
	if (!*text || *text == '-')
		return yaml_fault(reading->err, reading->where, node, "%s is empty or begins with \"-\"", key);
	free(*ret_text);
	*ret_text = xstrdup(text);
	return true;
}

static bool read_list(const struct reading *reading, const char *key, bool are_paths, json_t **ret_list) {
	const struct yaml *node = yaml_get(reading->root, key);
	const char *text;
	*ret_list = json_array();
	if (!node)
		return true;
	if (!yaml_is(node, YAML_SEQUENCE, reading->where, key, reading->err))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		if (!yaml_string(node->items[i], reading->where, key, &text, reading->err))
			return false;
		if (are_paths && !backup_config_is_path(text))
			return yaml_fault(reading->err, reading->where, node->items[i], "\"%s\" is no absolute path",
					  text);
		json_array_append_new(*ret_list, json_text(text));
	}
	return true;
}

static bool read_number(const struct reading *reading, const char *key, unsigned long long most, int64_t *value) {
	const struct yaml *node = yaml_get(reading->root, key);
	unsigned long long number;
	if (!node)
		return true;
	if (node->kind != YAML_SCALAR || node->quoted || !text_to_u64(node->text, most, &number))
		return yaml_fault(reading->err, reading->where, node, "%s is no number up to %llu", key, most);
	*value = (int64_t)number;
	return true;
}

static bool read_timeout(const struct reading *reading, int64_t *timeout) {
	const struct yaml *node = yaml_get(reading->root, "timeout");
	if (!node)
		return true;
	if (node->kind != YAML_SCALAR || !times_parse_duration(node->text, timeout) || *timeout < 1 ||
	    *timeout > BACKUP_CONFIG_TIMEOUT_MOST)
		return yaml_fault(reading->err, reading->where, node, "timeout is no duration from 1s to 1h");
	return true;
}

static bool read_canary(const struct reading *reading, struct backup_config *config) {
	static const char *const known[] = {"path", "sha256", NULL};
	const struct yaml *canary = yaml_get(reading->root, "canary"), *path, *digest;
	const char *where = reading->where, *text, *hex;
	struct err *err = reading->err;
	if (!canary)
		return true;
	if (!yaml_has_only(canary, known, where, "canary", err) ||
	    !yaml_need(canary, "path", where, "canary", &path, err) ||
	    !yaml_need(canary, "sha256", where, "canary", &digest, err) ||
	    !yaml_string(path, where, "path", &text, err) || !yaml_is(digest, YAML_SCALAR, where, "sha256", err))
		return false;
	hex = digest->text;
	if (!backup_config_is_path(text))
		return yaml_fault(err, where, path, "\"%s\" is no absolute path", text);
	if (!hash_from_hex(hex, &config->canary_sha256))
		return yaml_fault(err, where, digest, "sha256 is not 64 hexadecimal digits");
	config->canary = xstrdup(text);
	return true;
}

static bool read_flag(const struct reading *reading, const char *key, bool *flag) {
	const struct yaml *node = yaml_get(reading->root, key);
	return !node || yaml_bool(node, reading->where, key, flag, reading->err);
}

static bool read_all(const struct reading *reading, struct backup_config *config) {
	int64_t sample = 2;
	const struct yaml *ignored;
	config->largest = 16 << 20;
	config->timeout = 25;
	if (!yaml_need(reading->root, "repository", reading->where, "a plugin's file", &ignored, reading->err) ||
	    !read_text(reading, "repository", &config->repository) ||
	    !read_text(reading, "password_file", &config->password_file) ||
	    !read_text(reading, "environment_file", &config->environment_file) ||
	    !read_text(reading, "program", &config->program) || !read_text(reading, "host", &config->host) ||
	    !read_text(reading, "archives", &config->archives) || !read_list(reading, "tags", false, &config->tags) ||
	    !read_list(reading, "paths", true, &config->paths) || !read_canary(reading, config) ||
	    !read_flag(reading, "read_only", &config->is_read_only) ||
	    !read_number(reading, "sample", BACKUP_CONFIG_SAMPLE_MOST, &sample) ||
	    !read_number(reading, "largest", 1ULL << 40, &config->largest) || !read_timeout(reading, &config->timeout))
		return false;
	config->sample = (unsigned)sample;
	return *config->program == '/' || yaml_fault(reading->err, reading->where, yaml_get(reading->root, "program"),
						     "program is no absolute path");
}

static void add_host(struct backup_config *config) {
	char name[256] = "";
	if (config->host || gethostname(name, sizeof name - 1) != 0)
		return;
	config->host = xstrdup(name);
}

bool backup_config_read(const char *data, size_t len, const char *where, const char *program,
			struct backup_config *ret_config, struct err *err) {
	static const char *const known[] = {"repository", "password_file", "environment_file", "program", "host",
					    "tags",       "archives",      "read_only",        "paths",   "canary",
					    "sample",     "largest",       "timeout",          NULL};
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(backup_config_done) struct backup_config config = {.program = xstrdup(program)};
	if (!yaml_read(data, len, where, &root, err) || !yaml_has_only(root, known, where, "a plugin's file", err))
		return false;
	const struct reading reading = {root, where, err};
	if (!read_all(&reading, &config))
		return false;
	add_host(&config);
	*ret_config = config;
	config = (struct backup_config){0};
	return true;
}

char *backup_config_path(const char *name) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (*name == '/')
		return xstrdup(name);
	return folder && *folder == '/' ? file_join(folder, name) : NULL;
}

/* As a credential, or where administrators write it; the caller frees. */
static char *file_of(const char *name) {
	CLEANUP(free_ptr) char *file = xasprintf("%s.yaml", name);
	CLEANUP(free_ptr) char *credential = backup_config_path(file);
	if (credential && access(credential, F_OK) == 0)
		return xstrdup(credential);
	return xasprintf("%s/plugins/%s", VOUCH_SYSCONFDIR, file);
}

static bool is_kept(const char *path, const struct stat *status, struct err *err) {
	return ((status->st_uid == 0 || status->st_uid == geteuid()) && !(status->st_mode & (S_IWGRP | S_IWOTH))) ||
	       err_set(err, ERR_DENIED, path, "others than root may write it");
}

bool backup_config_kept(const char *path, size_t max, struct buf *ret_bytes, struct err *err) {
	struct stat status;
	CLEANUP(close_fd) int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0 || fstat(file, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	return is_kept(path, &status, err) && file_read_fd(file, path, max, ret_bytes, err);
}

/* What is not there is found not to be when it is run. */
static bool is_program_kept(const char *path, struct err *err) {
	struct stat status;
	return stat(path, &status) != 0 || is_kept(path, &status, err);
}

bool backup_config_load(const char *name, const char *program, struct backup_config *ret_config, struct err *err) {
	CLEANUP(free_ptr) char *path = file_of(name);
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(backup_config_done) struct backup_config config = {0};
	if (!backup_config_kept(path, BACKUP_CONFIG_LARGEST, &bytes, err) ||
	    !backup_config_read(bytes.data, bytes.len, path, program, &config, err) ||
	    !is_program_kept(config.program, err))
		return false;
	*ret_config = config;
	config = (struct backup_config){0};
	return true;
}
