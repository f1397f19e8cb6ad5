/* Watching: being told when what a source's name stands for may have changed, by the kernel and by systemd, without
 * looking again and again.
 *
 * - What has a path (file: dir: stat: link: shadow:, and tree: without "?perm=" up to 64 folders): sources/watch_way.c.
 * - unit: by signals on the bus; mounts:, nft:ruleset, audit:status and audit:rules by the kernel's own notifications.
 *   These also come when nothing has changed, so the source is read again and compared.
 * - Names below /proc/sys, of which nobody tells: read again every minute, and compared.
 * - Everything else is not watched: its rules are looked at on schedule alone.
 *
 * A name of which nothing is told any more (a lost connection, a queue that ran over) counts as changed once. One that
 * cannot be watched is left to the schedule, and said once. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/fetch.h"

#define WATCH_POLL_S 60
#define WATCH_MOUNTS_S 20 /* at most so often the ways to everything are looked at again because mounts changed */

/* What a name was when it was read. */
struct seen {
	char *name; /* owned by whoever made it */
	struct hash digest;
};
/* The digest of a source's bytes and of who may do what with it; of the failure where it could not be read. */
struct hash seen_digest(const struct source *source);

struct watch_options {
	struct host host; /* a live one; what it points at is borrowed */
	/* A watched name may have changed. Called from the event loop; in it the watch must not be freed. Called from
	 * watch_set() too, of a name that was seen as something else than before: who did not read it then has not
	 * seen that. */
	void (*changed)(void *context, const char *name);
	/* One sentence for the log. */
	void (*say)(void *context, const char *text);
	void *context;
};

struct watch;
struct watch *watch_new(sd_event *event, const struct watch_options *options);
void watch_free(struct watch *watch);
DEFINE_CLEANUP(struct watch, watch_free)
/* Watch these names, sorted bytewise, each once, and no others; seen, sorted likewise: what some of them were when they
 * were last read. Each name has to have been seen once, in the call that brings it or before: what happened to it
 * between that reading and its being watched is found by reading it again. Also tries anew what could not be done. */
void watch_set(struct watch *watch, const char *const *names, size_t count, const struct seen *seen, size_t seen_count);
/* Somebody begins to read what is watched, and ends with watch_set(). Until then nothing is read again; what there is
 * to compare is compared afterwards. */
void watch_hold(struct watch *watch);
/* Nothing is under way: every name that can be is watched, and compared with what was seen. For tests. */
bool watch_is_settled(const struct watch *watch);
