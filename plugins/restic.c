/* How restic is asked. It takes no lock: nothing is written into the repository, and a job that runs is not held up. */
#include "core/text.h"
#include "plugins/backup.h"

static void add_common(const struct backup_config *config, struct arguments *arguments) {
	arguments_add(arguments, "--no-lock");
	arguments_add(arguments, "--quiet");
	arguments_add(arguments, "--repo");
	arguments_add(arguments, config->repository);
	if (config->password_file) {
		arguments_add(arguments, "--password-file");
		arguments_add(arguments, config->password_file);
	}
	if (!getenv("CACHE_DIRECTORY"))
		arguments_add(arguments, "--no-cache");
}

static void ask_copies(const struct backup_config *config, struct arguments *arguments) {
	add_common(config, arguments);
	arguments_add(arguments, "--json");
	arguments_add(arguments, "snapshots");
}

static void ask_entries(const struct backup_config *config, const char *copy, const char *const paths[],
			struct arguments *arguments) {
	add_common(config, arguments);
	arguments_add(arguments, "--json");
	arguments_add(arguments, "ls");
	arguments_add(arguments, "--recursive");
	arguments_add(arguments, copy);
	for (; *paths; paths++)
		arguments_add(arguments, *paths);
}

static void ask_file(const struct backup_config *config, const char *copy, const char *path,
		     struct arguments *arguments) {
	add_common(config, arguments);
	arguments_add(arguments, "dump");
	arguments_add(arguments, copy);
	arguments_add(arguments, path);
}

static enum err_code read_failure(const char *text) {
	if (strstr(text, "wrong password") || strstr(text, "no key found") || strstr(text, "permission denied"))
		return ERR_DENIED;
	if (strstr(text, "Is there a repository at the following location"))
		return ERR_ABSENT;
	return strstr(text, "already locked") ? ERR_UNPROVED : ERR_UNREADABLE;
}

static const char *const variables[] = {NULL};

const struct backup_program backup_restic = {
	.path = "/usr/bin/restic",
	.read_copies = restic_read_copies,
	.read_entry = restic_read_entry,
	.ask_copies = ask_copies,
	.ask_entries = ask_entries,
	.ask_file = ask_file,
	.read_failure = read_failure,
	.variables = variables,
	.folder_variable = "RESTIC_CACHE_DIR",
};
