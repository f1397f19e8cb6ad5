/* Opening a path for somebody who may not open it himself. Resolution is by steps, each from the descriptor of the one
 * before, so that nothing can be exchanged between looking and opening:
 *
 * - a symbolic link is followed only where root owns it and every folder that led to it, and nobody else can exchange
 *   what lies in these (they are not writable for others, or sticky), and only if where the whole path ends is a target
 *   that the list has for the name;
 * - a magic link of procfs is never followed;
 * - nothing is opened that systemd hides from this unit (sources/place.h): it would look empty;
 * - below a folder that somebody other than root owns, a file with more than one name (hard links) is opened only if
 *   that folder's owner owns it, and in a folder of root's that others may write into not at all: who cannot read a
 *   file can still link to it. With one name somebody else's file is opened there only if everybody may read it: its
 *   first name may have gone since.
 *
 * What it opens is opened with O_NONBLOCK, and never a device or a FIFO unless O_PATH is asked for (with which the
 * number of its names does not count either: nothing can be read through that). */
#pragma once

#include "core/err.h"

struct guard {
	const char *name; /* of the source asked for */
	/* Whether a link on the way of this name may end at target, an absolute path without links. */
	bool (*may_lead)(void *context, const char *name, const char *target);
	/* What the rules refused and why; path is what the way had come to, without links. NULL: nobody is told. */
	void (*refused)(void *context, const char *name, const char *path, const char *why);
	void *context;
};

/* open(2) with these flags, which are for reading (O_PATH, O_NOFOLLOW and O_DIRECTORY as there); -1 and errno: EPERM
 * for what the rules above refuse, ELOOP after 40 links. */
int guard_open(const struct guard *guard, const char *path, int flags);
