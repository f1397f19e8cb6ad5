/* What the parts of a watch (watch.c) have in common: each watches names of some kinds, and tells. */
#pragma once

#include "core/source.h"
#include "sources/kind.h"

struct watch_ears {
	void *context;
	/* The name may stand for something else now. */
	void (*changed)(void *context, const char *name);
	/* The same, but it is worth a reading to find out: it has only begun to be watched, or who tells also tells
	 * when nothing has changed. */
	void (*doubted)(void *context, const char *name);
	/* It is not, or not wholly. */
	void (*unwatched)(void *context, const char *name, const char *why);
	/* Asks a hand, as reach_ask() does, except that the name is copied. A call is over with done or with the watch.
	 */
	void (*ask)(void *context, const struct kind *kind, const char *name, int sent,
		    void (*done)(void *part, struct answer *answer, const struct err *err), void *part);
};
