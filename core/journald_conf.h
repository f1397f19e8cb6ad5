/* journald.conf(5): the main file and what is dropped in beside it, in the order in which they count. */
#pragma once

#include "core/check.h"

#define JOURNALD_CONF "file:/etc/systemd/journald.conf"
/* What checks that read it have among their patterns. */
#define JOURNALD_CONF_PATTERNS                                                                                         \
	JOURNALD_CONF, "dir:/*/systemd/journald.conf.d", "stat:/*/systemd/journald.conf.d/*",                          \
		"file:/*/systemd/journald.conf.d/*"

void journald_conf_ask(const struct sources *fetched, struct names *names);
void journald_conf_paths(struct names *patterns);
/* take() is called for each line of [Journal], later ones override; an empty value takes a setting back to its
 * default. file: its path. */
MUST_CHECK bool journald_conf_read(const struct sources *fetched,
				   void (*take)(json_t *into, const char *key, const char *value, const char *file),
				   json_t *into, struct err *err);
