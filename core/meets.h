/* Whether a stranger's packet (core/stranger.h) meets a match of nftables. */
#pragma once

#include "core/nft.h"

/* No stranger meets it, some can, every one does. The order counts: all of several matches is the least of them, one of
 * several the greatest. */
enum meets { MEETS_NOT, MEETS_MAYBE, MEETS };

/* One rule and the packet that comes to it. */
struct encounter {
	const struct nft *nft;
	const char *family, *hook; /* of the packet: "ip", "ip6"; "input", "forward", "output" */
	const json_t *rule;
	json_t *interfaces; /* set by matches: strings, the interfaces that the rule is limited to; NULL: not limited.
			       The caller json_decref()s */
};

/* {"op", "left", "right"} of a match statement. A match on interfaces other than loopback is met, and limits. */
enum meets meets_match(struct encounter *at, const json_t *match);
/* The values behind an array, {"set": [...]} or "@name" of the rule's table; NULL for a single one. Borrowed. */
const json_t *meets_values(const struct encounter *at, const json_t *right);
