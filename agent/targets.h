/* targets: what sources are about that are others than before: the files, units and tables whose writers logs tell. */
#pragma once

#include "core/check.h"
#include "core/who.h"

#define TARGETS_MOST 64 /* of one change */

/* Of these, where they are files, the modes and owners too: they are sources with a path. */
#define TARGETS_SSHD_CONFIG "stat:/etc/ssh/sshd_config"
#define TARGETS_SSHD_CONFIGS "tree:/etc/ssh/sshd_config.d"
#define TARGETS_SUDOERS "stat:/etc/sudoers"
#define TARGETS_SUDOERS_MORE "tree:/etc/sudoers.d"

struct targets {
	struct who_target list[TARGETS_MOST];
	char *names[TARGETS_MOST];   /* owned; those of the list */
	char *sources[TARGETS_MOST]; /* owned; what the paths among them come from: "file:/etc/hosts" */
	size_t count;
};

void targets_done(struct targets *targets);
/* Add what this source is about; what no log tells of, and what is too much, adds nothing. */
void targets_take(struct targets *targets, const char *source);
void targets_find(struct targets *targets, const struct names *sources);
bool target_is_of_path(const struct who_target *target);
