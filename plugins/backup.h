/* What the backup plugins do: which copies there are of the paths that matter, and what comes back from them. restic.c
 * and borg.c say how their programs are asked; rows go out as core/source.h has them for "plugin:".
 *
 *   NAME [copies] [PATH...]   kinds snapshot, exclude, repository: the newest good copy of each path
 *   NAME restore [PATH...]    kind restore: some files of each path, and the canary, are read back from the newest
 * copy, hashed as they come and written nowhere; in the journal before it begins
 *
 * Without paths those of the configuration (plugins/backup_config.h) are meant. */
#pragma once

#include "plugins/backup_config.h"
#include "plugins/copies.h"
#include "plugins/tool.h"

#define BACKUP_PATHS_MOST 256
#define BACKUP_TRIES_MOST 8        /* copies of one path that are looked into */
#define BACKUP_ENTRIES_MOST 200000 /* files of one copy that are counted */
#define BACKUP_EXCLUDES_MOST 200   /* rows of them */

/* How one program is asked. */
struct backup_program {
	const char *path; /* where it usually is */
	bool (*read_copies)(const char *data, size_t len, const struct copies_filter *filter, struct copies *ret_copies,
			    struct err *err);
	bool (*read_entry)(const char *line, size_t len, struct entry *ret_entry, struct err *err);
	/* All copies; what is below these paths (absolute; NULL ends) in one; the bytes of one file. */
	void (*ask_copies)(const struct backup_config *config, struct arguments *arguments);
	void (*ask_entries)(const struct backup_config *config, const char *copy, const char *const paths[],
			    struct arguments *arguments);
	void (*ask_file)(const struct backup_config *config, const char *copy, const char *path,
			 struct arguments *arguments);
	/* What it said on standard error where it failed, as one of the codes of a look. */
	enum err_code (*read_failure)(const char *text);
	/* Variables that it is given beside those of everybody ("NAME=VALUE"; NULL ends). */
	const char *const *variables;
	const char *folder_variable; /* the one for $CACHE_DIRECTORY */
	bool takes_secret;           /* the passphrase through descriptor 3 */
};
extern const struct backup_program backup_restic, backup_borg;

/* The rows for these arguments (without the program's own name). New reference. False: *err, of a look. */
MUST_CHECK bool backup_rows(const struct backup_program *program, const char *name, char *const arguments[],
			    json_t **ret_rows, struct err *err);
/* What a plugin's main file does: rows as lines on standard output, an error as a row of kind error. The exit status.
 */
int backup_main(const struct backup_program *program, int argc, char **argv);
