/* near: the name that may have been meant by one that does not exist. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NEAR_LONGEST 64 /* bytes; longer names are near to nothing */

struct near {
	const char *meant; /* what was written; borrowed */
	const char *best;  /* borrowed */
	size_t distance;   /* of the best */
};

struct near near_to(const char *meant);
/* A name that there is. */
void near_offer(struct near *near, const char *name);
/* The nearest of what was offered, the first of equals; NULL when none is near: a third of the characters may be
 * missing, too many, exchanged with a neighbour, or others. */
const char *near_best(const struct near *near);
