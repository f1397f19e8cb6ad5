/* One call of a backup plugin: the repository, how its program is run, the paths that matter, and what was found of
 * them. */
#pragma once

#include "plugins/backup.h"

#define SESSION_VARIABLES_MOST 64

/* A file that was drawn to be restored. */
struct drawn {
	char *path; /* owned */
	int64_t size, mtime_us;
};

/* A path, and its newest good copy. */
struct wanted {
	const char *path;         /* borrowed */
	bool is_canary;           /* the whole path is one file of a known digest */
	size_t next;              /* the copy to look at next */
	const struct copy *found; /* NULL: none */
	unsigned passed_over;     /* newer copies that should hold it and do not */
	int64_t files, bytes;     /* in the copy that is looked at; is_cut: at least */
	bool is_cut;
	int64_t eligible; /* of the files, those that may be drawn */
	struct drawn drawn[BACKUP_CONFIG_SAMPLE_MOST];
	size_t drawn_count;
};

struct session {
	const struct backup_program *program;
	struct backup_config config;
	struct tool tool;
	char *environment[SESSION_VARIABLES_MOST + 1]; /* owned */
	int64_t now;
	struct copies copies;
	struct wanted wanted[BACKUP_PATHS_MOST];
	size_t wanted_count;
	unsigned sample; /* files to draw of each path */
};
/* Reads the configuration of this name into a session that is all zeros; session_done() it in any case. */
MUST_CHECK bool session_open(const struct backup_program *program, const char *name, struct session *session,
			     struct err *err);
void session_done(struct session *session);
static inline void session_free_p(struct session **session) {
	session_done(*session);
	free(*session);
}
/* A path that matters; must be absolute and written the one way. */
MUST_CHECK bool session_want(struct session *session, const char *path, bool is_canary, struct err *err);
/* Fills copies, then what of wanted is filled by looking into them. */
MUST_CHECK bool session_find(struct session *session, struct err *err);
/* *err from what the program said. Returns false. */
bool session_fault(const struct session *session, const char *what, const struct tool_end *end, struct err *err);
