/* What restic and borg print, as one shape: copies (restic's snapshots, borg's archives) and what is in them. Pure
 * reading: nothing here runs or opens anything. */
#pragma once

#include <stdint.h>

#include "core/err.h"
#include "core/json.h"

#define COPIES_MOST 50000
#define COPIES_LARGEST (32U << 20) /* bytes of a list of them */
#define ENTRY_LONGEST 65536        /* bytes of a line about one file */

struct copy {
	char *id;         /* what the program is asked by: restic's snapshot id, borg's archive name */
	int64_t at;       /* when it was begun, seconds */
	json_t *paths;    /* what it was asked to hold; NULL: it does not tell */
	json_t *excludes; /* and to leave out, as far as it tells */
};

struct copies {
	struct copy *all; /* owned, newest first, those from the future last */
	size_t count;
	char *repository; /* the repository's id; NULL: not told */
	bool is_encrypted;
};
void copies_done(struct copies *copies);

/* Whose copies count. */
struct copies_filter {
	const char *host;   /* NULL: anybody's */
	const json_t *tags; /* NULL or a list; restic */
	int64_t now;        /* seconds */
};

/* `restic snapshots --json`. */
MUST_CHECK bool restic_read_copies(const char *data, size_t len, const struct copies_filter *filter,
				   struct copies *ret_copies, struct err *err);
/* `borg list --json --format {hostname}{command_line}`. Checkpoints of an interrupted run do not count. */
MUST_CHECK bool borg_read_copies(const char *data, size_t len, const struct copies_filter *filter,
				 struct copies *ret_copies, struct err *err);

/* Something in a copy. */
struct entry {
	char *path; /* absolute; owned: free */
	bool is_file;
	bool is_named;    /* the path is what it is called; else bytes that are no UTF-8 stand as U+FFFD */
	int64_t size;     /* bytes */
	int64_t mtime_us; /* since the epoch */
};
/* A line of `restic ls --json`, of `borg list --json-lines`. *ret_entry's path is NULL where the line is about
 * something else (restic's first is about the snapshot). */
MUST_CHECK bool restic_read_entry(const char *line, size_t len, struct entry *ret_entry, struct err *err);
MUST_CHECK bool borg_read_entry(const char *line, size_t len, struct entry *ret_entry, struct err *err);

/* "2026-11-22T08:55:56.159686014+01:00"; without a zone it is UTC. *ret_us: since the epoch. */
bool copies_read_time(const char *text, int64_t *ret_us);
/* Whether a path is this one or below it. */
bool copies_is_below(const char *path, const char *above);
/* Whether the copy was asked to hold the path: it or what is above it. True where the copy does not tell. */
bool copies_should_hold(const struct copy *copy, const char *path);
