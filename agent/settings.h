/* vouchd's configuration: one table makes keys, types, defaults and their documentation (agent/settings_text.h). */
#pragma once

#include <stdint.h>

#include "core/err.h"

#define SETTINGS_LARGEST 65536
#define SETTINGS_FILE VOUCH_SYSCONFDIR "/vouchd.yaml"
#define SETTINGS_POLICIES_MOST 64
#define SETTINGS_GROUPS_MOST 64
#define SETTINGS_WORD_LONGEST 64 /* bytes */
#define SETTINGS_PATH_LONGEST 4000
#define SETTINGS_HISTORY_LEAST (64LL << 10)
#define SETTINGS_HISTORY_DEFAULT (16LL << 20)

/* What agent/settings.c's table says of each; all owned. */
struct settings {
	char *environment; /* "" when none is given */
	char **groups;
	size_t group_count;
	char **policies; /* absolute paths; none: the shipped baseline */
	size_t policy_count;
	char *policy_folder, *approvers; /* absolute; need not exist */
	bool require_approval;
	int64_t spool_limit, history_limit; /* bytes */
	char *textfile;                     /* absolute; "": none is written */
};

/* The file, or the defaults where there is none and `required` is not set. An unknown key is refused by name, with the
 * one that may have been meant, at file:line:column. */
MUST_CHECK bool settings_load(const char *path, bool required, struct settings **ret_settings, struct err *err);
/* The same from bytes. */
MUST_CHECK bool settings_read(const char *data, size_t len, const char *where, struct settings **ret_settings,
			      struct err *err);
void settings_free(struct settings *settings);
DEFINE_CLEANUP(struct settings, settings_free)

/* One key of the table. */
enum setting_type { SETTING_WORD, SETTING_WORDS, SETTING_PATH, SETTING_PATHS, SETTING_BOOL, SETTING_SIZE };
struct setting {
	const char *name;
	enum setting_type type;
	bool may_be_empty;     /* of PATH */
	size_t at, count_at;   /* where in struct settings; count_at: of WORDS and PATHS */
	int64_t least;         /* of SIZE: bytes */
	size_t most;           /* of WORDS and PATHS: members */
	const char *otherwise; /* the default, as it would stand in the file */
	const char *meaning;   /* of that default, where it does not speak for itself; NULL: it does */
	const char *about;     /* one sentence, without a point at its end */
	const char *more;      /* what else an administrator has to know; sentences */
};
/* The i-th key, or NULL behind the last. */
const struct setting *settings_key(size_t index);
