/* The spool: statements on their way to the collector, one file each (docs/FORMAT.md 6), in three folders.
 *
 *   incoming/  being written; what a crash leaves here is thrown away unless the chain names it (agent/chain.h)
 *   queue/     whole and in order: names begin with the sequence
 *   refused/   what the collector refused for good, each with <name>.reason
 *
 * Bounded in bytes: the three together, or a collector that refuses everything would fill the disk. A reserve at the
 * limit is kept for the statement that says so, and on the disk, which others fill, a file of that size beside them
 * (home's reserve), which is given up for it. */
#pragma once

#include "agent/home.h"
#include "core/hash.h"

#define SPOOL_LIMIT_DEFAULT (256LL << 20)
#define SPOOL_LIMIT_LEAST (1LL << 20)
#define SPOOL_RESERVE (64LL << 10)
#define SPOOL_DISK_RESERVE (256LL << 10)
#define SPOOL_NAME_LONGEST 64
#define SPOOL_UNSIGNED "unsigned.json" /* in incoming/: agent/chain.h */
#define SPOOL_LINE_LARGEST (12U << 20)

/* "<sequence, 20 digits>-<16 hexadecimal digits>.json"; returns text. */
char *spool_name(int64_t sequence, const struct hash *digest, char text[SPOOL_NAME_LONGEST]);
/* Whether it is exactly such a name. */
bool spool_is_name(const char *name);

/* Names in a folder of the spool, sorted; other files are not listed. */
struct spool_list {
	char **names;
	size_t count;
	int64_t bytes;
};
MUST_CHECK bool spool_list(const char *folder, struct spool_list *ret_list, struct err *err);
void spool_list_done(struct spool_list *list);

/* Bytes and statements in the three folders. */
MUST_CHECK bool spool_bytes(const struct home *home, int64_t *ret_bytes, size_t *ret_statements, struct err *err);
/* Whether the disk has so many bytes for this user, and the reserve where that is not there. */
MUST_CHECK bool spool_disk_has(const struct home *home, int64_t bytes, bool *ret_has, struct err *err);
/* Makes the reserve where it is not there; without room for it there is none. */
void spool_reserve_keep(const struct home *home);
void spool_reserve_give_up(const struct home *home);
/* Start: moves the entry of this name (NULL: none) from incoming/ to queue/ if it is there, and throws away everything
 * else in incoming/, temporary files included, but for SPOOL_UNSIGNED. */
MUST_CHECK bool spool_recover(const struct home *home, const char *name, struct err *err);
/* Take an entry out of the queue: it is stored and its receipt is kept. */
MUST_CHECK bool spool_remove(const struct home *home, const char *name, struct err *err);
/* Move an entry aside, with the reason beside it. */
MUST_CHECK bool spool_refuse(const struct home *home, const char *name, const char *reason, struct err *err);
