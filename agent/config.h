/* vouchd's configuration: one table makes keys, defaults and their documentation. */
#pragma once

#include <stdint.h>

#include "core/err.h"

#define CONFIG_LARGEST 65536
#define CONFIG_POLICIES_MOST 64

struct config {
	char *environment; /* tag in every statement */
	char **policies;   /* paths; none: the shipped baseline */
	size_t policy_count;
	int64_t spool_limit; /* bytes */
};

/* The file, or the defaults where there is none and `required` is not set. An unknown key is refused by name at
 * file:line:column. */
MUST_CHECK bool config_load(const char *path, bool required, struct config **ret_config, struct err *err);
/* The same from bytes. */
MUST_CHECK bool config_read(const char *data, size_t len, const char *where, struct config **ret_config,
			    struct err *err);
void config_free(struct config *config);
DEFINE_CLEANUP(struct config, config_free)

/* The i-th key with its default and one sentence, for help texts; false behind the last. */
bool config_key(size_t index, const char **ret_name, const char **ret_default, const char **ret_about);
