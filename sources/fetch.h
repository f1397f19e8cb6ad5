/* Fetching: names to bytes. The one interface behind which looks are made, in hands that this process forks or by
 * helpers with capabilities of their own (sources/reach.h): call sites do not see the border.
 *
 * A fetch fills a set of sources. Each name is fetched once; fetches run side by side on an event loop; each has its
 * deadline (FETCH_DEADLINE_MS, commands and bus included); what does not come back in time is "timeout". Nothing here
 * is ever a reason to fail as a whole: each source holds its bytes or its own error. Kinds and what they yield:
 * core/source.h.
 *
 * With a root folder nothing of the live host is looked at: file:, dir:, stat:, tree:, link: are read below the folder
 * (symbolic links cannot leave it), shadow: from its etc/shadow, everything else from <root>/.vouch/<percent-encoded
 * name> (JSON, made canonical; absent there: unproved, "not in this folder"). <root>/.vouch/meta is a JSON object of
 * what a folder under version control cannot keep: keys are paths ("/etc/shadow") or source names ("unit:ssh.service"),
 * members mode ("0640"), uid, gid, nlink, mtime (seconds), type, target, error (one of the seven words: what fetching
 * it returns); sources/fixture.h has each. Where there is a .vouch/meta, anything that it does not name belongs to 0:0
 * with mode 0644 (0755 for folders and executables), mtime 0; without one the folder's own metadata counts, and now: is
 * the time of who looks (a mounted image). A path's "error" holds for file:, dir:, stat:, tree:, link: and shadow:.
 *
 * A folder with a .vouch/captured holds what somebody once read of a host, and no more (vouch capture). There file:
 * alone is read below the root, every other kind lies in .vouch, so that it says exactly what was seen; a failed look
 * is an "error" of the meta, absence too; and what is in none of these was not captured: unproved. */
#pragma once

#include <systemd/sd-event.h>

#include "core/check.h"

#define FETCH_DEADLINE_MS 10000

/* The host to look at, and how. {0}: this one, with the rights of this process. All is borrowed. */
struct host {
	const char *root;    /* a fixture root instead of the live host; NULL: live */
	const char *helpers; /* the folder of the helpers' sockets ("/run/vouch"); NULL: hands forked by this process */
	/* What previous: says: {"RULE": {...}}, as core/source.h has it; NULL: nothing is remembered. */
	const json_t *previous;
	/* What was read ahead of this: a name of what waits for others (fetch_is_awaited()) that is in it is as it is
	 * there. NULL: nothing was. */
	const struct sources *ahead;
	bool by_one_hand; /* of each helper: little is asked for, and often */
};

struct fetch;
/* The set is borrowed and filled. */
struct fetch *fetch_new(sd_event *event, const struct host *host, struct sources *into);
/* Ends what is under way; done is not called any more. */
void fetch_free(struct fetch *fetch);
DEFINE_CLEANUP(struct fetch, fetch_free)
/* Begin fetching each of these names that is not in the set. done(context) is called once, from the event loop and
 * never before this returns, when every one has its bytes or its error; in it the fetch may be freed. One call at a
 * time: not again before done. A name that matches none of its asker's patterns never gets here. */
void fetch_start(struct fetch *fetch, const struct names *names, void (*done)(void *context), void *context);
/* Whether what this name holds moves by itself, so that two looks at a quiet host differ: to be compared by its shape.
 */
bool fetch_is_volatile(const char *name);
/* Whether what this name, or a pattern of names, stands for waits for others: probes, plugins. */
bool fetch_is_awaited(const char *name);
/* Patterns of what the helpers are asked for so that names of this pattern can be fetched: itself where it is theirs to
 * look at, and what its kind asks for in its course. Who may look may watch. Probes are not: an approval says what may
 * be probed; nor plugins: an enabled socket says which may be run. */
void fetch_patterns(const char *pattern, struct names *patterns);
