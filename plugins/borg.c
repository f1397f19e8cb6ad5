/* How borg is asked. It locks what it reads, so while a job writes nothing can be said; read_only takes no lock. */
#include "core/text.h"
#include "plugins/backup.h"

#define LOCK_WAIT "2"            /* seconds */
#define ARCHIVES_LOOKED_AT "100" /* the newest; to tell whose they are, each is read */

static void add_common(const struct backup_config *config, const char *verb, struct arguments *arguments) {
	arguments_add(arguments, "--lock-wait");
	arguments_add(arguments, LOCK_WAIT);
	if (config->is_read_only)
		arguments_add(arguments, "--bypass-lock");
	arguments_add(arguments, verb);
}

static void ask_copies(const struct backup_config *config, struct arguments *arguments) {
	add_common(config, "list", arguments);
	arguments_add(arguments, "--json");
	arguments_add(arguments, "--last");
	arguments_add(arguments, ARCHIVES_LOOKED_AT);
	arguments_add(arguments, "--format");
	arguments_add(arguments, "{hostname}{command_line}");
	arguments_add(arguments, config->archives ? "--glob-archives" : NULL);
	arguments_add(arguments, config->archives);
	arguments_add(arguments, config->repository);
}

static void add_archive(const struct backup_config *config, const char *copy, struct arguments *arguments) {
	CLEANUP(free_ptr) char *text = xasprintf("%s::%s", config->repository, copy);
	arguments_add(arguments, text);
}

/* In archives there is no slash before a path; the root itself is everything. */
static void add_path(const char *path, struct arguments *arguments) {
	CLEANUP(free_ptr) char *text = xasprintf("pp:%s", path + 1);
	arguments_add(arguments, text);
}

static void ask_entries(const struct backup_config *config, const char *copy, const char *const paths[],
			struct arguments *arguments) {
	bool is_all = false;
	for (const char *const *path = paths; *path; path++)
		is_all |= !strcmp(*path, "/");
	add_common(config, "list", arguments);
	arguments_add(arguments, "--json-lines");
	arguments_add(arguments, "--format");
	arguments_add(arguments, "{type}{path}{size}{mtime}");
	add_archive(config, copy, arguments);
	for (; *paths && !is_all; paths++)
		add_path(*paths, arguments);
}

static void ask_file(const struct backup_config *config, const char *copy, const char *path,
		     struct arguments *arguments) {
	add_common(config, "extract", arguments);
	arguments_add(arguments, "--stdout");
	add_archive(config, copy, arguments);
	add_path(path, arguments);
}

static enum err_code read_failure(const char *text) {
	if (strstr(text, "is incorrect") || strstr(text, "Permission denied") || strstr(text, "No key file"))
		return ERR_DENIED;
	if (strstr(text, "does not exist") || strstr(text, "is not a valid repository"))
		return ERR_ABSENT;
	return strstr(text, "Failed to create/acquire the lock") ? ERR_UNPROVED : ERR_UNREADABLE;
}

static const char *const variables[] = {"BORG_PASSPHRASE_FD=3", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes",
					"BORG_RELOCATED_REPO_ACCESS_IS_OK=no", NULL};

const struct backup_program backup_borg = {
	.path = "/usr/bin/borg",
	.read_copies = borg_read_copies,
	.read_entry = borg_read_entry,
	.ask_copies = ask_copies,
	.ask_entries = ask_entries,
	.ask_file = ask_file,
	.read_failure = read_failure,
	.variables = variables,
	.folder_variable = "BORG_BASE_DIR",
	.takes_secret = true,
};
