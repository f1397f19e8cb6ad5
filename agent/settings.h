/* vouchd's configuration: one table makes keys, defaults and their documentation. */
#pragma once

#include <stdint.h>

#include "core/err.h"

#define SETTINGS_LARGEST 65536
#define SETTINGS_POLICIES_MOST 64

struct settings {
	char *environment; /* tag in every statement */
	char **policies;   /* paths; none: the shipped baseline */
	size_t policy_count;
	int64_t spool_limit; /* bytes */
};

/* The file, or the defaults where there is none and `required` is not set. An unknown key is refused by name at
 * file:line:column. */
MUST_CHECK bool settings_load(const char *path, bool required, struct settings **ret_settings, struct err *err);
/* The same from bytes. */
MUST_CHECK bool settings_read(const char *data, size_t len, const char *where, struct settings **ret_settings,
			      struct err *err);
void settings_free(struct settings *settings);
DEFINE_CLEANUP(struct settings, settings_free)

/* The i-th key with its default and one sentence, for help texts; false behind the last. */
bool settings_key(size_t index, const char **ret_name, const char **ret_default, const char **ret_about);
