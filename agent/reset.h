/* reset: takes away what makes this host the one that was enrolled, so that the image of it can become many: keys,
 * certificate, chain, spool, receipts, the sealer's place in the chain, what earlier lines left. The configuration
 * stays. The enrolment goes first: whatever interrupts this leaves a host that is not enrolled, and a reset that can be
 * done again. No symbolic link is followed, and no other file system is entered. */
#pragma once

#include "agent/home.h"

#define RESET_KEEP VOUCH_STATEDIR "-sealer" /* the sealer's folder of the default state folder */

struct reset_found {
	struct enrolment *enrolment; /* NULL: not enrolled, or it cannot be read */
	bool is_enrolled, has_request, is_key_in_token;
	bool is_uncounted; /* the spool is not as it has to be: there may be more */
	size_t waiting;    /* statements that no collector has acknowledged */
	size_t refused;
};
void reset_look(const struct home *home, struct reset_found *found);
void reset_found_done(struct reset_found *found);

/* visit: each path that is removed, or would be (is_dry), and what in the state folder is not known and stays.
 * ERR_REFUSED: vouchd, vouch-ship or the sealer runs, and nothing was touched. Folders stay, for whom they are. */
struct reset_plan {
	const char *keep; /* the sealer's folder; NULL: there is none */
	bool is_dry;
	void (*visit)(void *context, const char *path, bool stays);
	void *context;
};
MUST_CHECK bool reset(const struct home *home, const struct reset_plan *plan, struct err *err);
