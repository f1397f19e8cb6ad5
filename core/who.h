/* who: which processes wrote to a file, told a unit what to do, or changed the packet filter or the audit rules, within
 * a stretch of time, as far as the audit log says. Pure functions over the log's bytes.
 *
 * A log tells this of a file only by an event that succeeded and whose system call changes what a file holds or is. A
 * folder above the file that was moved counts, and so do a file that was moved there and one that was moved away.
 * Reading, running and failing do not. Of the packet filter only calls by root of the host itself count.
 *
 * Which file a record is of its inode says, and of what came or went the inode of the folder (core/who_place.h): a name
 * is chosen by whoever uses it, and in a container, or below another root, is of another file. A file that was written
 * through another of its names, through a link, an open folder or an open descriptor is told all the same. Where inodes
 * are not to be had for a comparison nobody is named. Below a tree inodes are compared for what is named in full.
 *
 * Who told a unit what to do is known from what sudo says of it (USER_CMD). Any program with CAP_AUDIT_WRITE can say
 * so, in a container too: process, user and login are the kernel's word, but that it is sudo, and what it ran, is the
 * program's own. Such an entry has the source "program".
 *
 * Names are written by whoever names a file or a process: the kernel writes what is not plain in hexadecimal, and
 * here nothing is taken from text that stands inside of a value. Command lines are never taken over. */
#pragma once

#include "core/who_place.h"

#define WHO_MOST 8 /* who is named; of more only the number */
#define WHO_WANTED_MOST 32
#define WHO_UNSET 4294967295U /* auid of what nobody logged in for */

enum who_kind {
	WHO_FILE,    /* what the file at this path holds and is */
	WHO_ENTRIES, /* which entries this folder has */
	WHO_TREE,    /* anything below this folder */
	WHO_UNIT,    /* "ssh.service": somebody had it changed by sudo */
	WHO_NETFILTER,
	WHO_AUDIT, /* the configuration of audit itself */
};

struct who_target {
	enum who_kind kind;
	const char *name; /* a path without a slash at its end, or a unit; "" for the last two */
};

/* What is asked: these targets, from .. until, milliseconds since the epoch, both included. */
struct who_asked {
	const struct who_target *targets;
	size_t count;
	const json_t *places; /* {"<path>": what inodes: says}, of the targets and of what found.wanted had */
	int64_t from_ms, until_ms;
};

/* What a log had to say. */
struct who_found {
	/* [{"at","process","comm"?,"pid","uid","auid"|"unset","source":"audit"|"program"}], in the log's order; owned
	 */
	json_t *by;
	size_t more;       /* beyond WHO_MOST: what programs say, then the oldest ones of whoever is there most often */
	int64_t oldest_ms; /* of all records in the log; 0: it has none */
	json_t *wanted;    /* paths below a tree, at most WHO_WANTED_MOST, of which places would say more; owned */
	bool is_unsure;    /* a file with a target's name was changed, and whether it was the target is not known */
	bool is_another;   /* a file with a target's name was changed, and it was not the target */
};
void who_found_done(struct who_found *found);

/* Of an audit.log, raw or enriched, that begins with a whole line; a last one without its end is not read. Lines that
 * are no records are passed over. Ids of users are numbers here: who_name_users(). "auid" is "unset" where nobody
 * logged in. */
void who_audit(const char *log, size_t len, const struct who_asked *asked, struct who_found *ret_found);
/* Give each entry "user", from /etc/passwd's entries (core/accounts.h): of auid where somebody logged in, else of uid.
 */
void who_name_users(json_t *by, const json_t *accounts);
/* Whether a writer of this path would meet the target. is_entry: the path came or went. */
bool who_target_meets(const struct who_target *target, const char *path, bool is_entry);
