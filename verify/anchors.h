/* log/ of an audit package: the checkpoint that every proof leads to, and the anchors (docs/FORMAT.md 3.1): checkpoints
 * that witnesses and time-stamp authorities have signed, and what that says of time. */
#pragma once

#include "core/package.h"
#include "verify/found.h"
#include "verify/trusted.h"

#define ANCHORS_MOST 200000

struct anchor {
	char *name; /* of its checkpoint's file */
	uint64_t size;
	struct hash root;
	size_t witnesses;  /* of the trust's policy, that cosigned */
	bool is_witnessed; /* the policy's quorum did */
	int64_t witnessed; /* the latest of them */
	bool is_stamped;
	int64_t stamped; /* by the first response */
	char *authority;
	int64_t stamp_ends; /* until when the last renewal holds by itself */
	bool has_time;
	int64_t time; /* it was signed no later than this: the earlier of both */
};

struct anchors {
	char *origin;
	struct anchor head;   /* log/checkpoint */
	struct anchor *items; /* sorted by size; the head is one of them where it has a time */
	size_t count;
	int64_t *earliest; /* of the items' times from each on; INT64_MAX: none */
	int64_t *latest;   /* of the items' times up to each; INT64_MIN: none */
	size_t witnessed, stamped;
	uint64_t witnessed_size; /* of the largest with the quorum; 0: there is none */
};
/* Signatures of log, witnesses and authorities; the roots are for others to compare. False: there is no head that can
 * be believed, which is told. */
bool anchors_read(struct anchors *anchors, const struct package *package, const struct trusted *trusted,
		  const char *origin, struct found *found);
void anchors_done(struct anchors *anchors);
/* Entry `index` was in the log no later than this; INT64_MAX: nothing says so. */
int64_t anchors_upper(const struct anchors *anchors, uint64_t index);
/* Of the anchors no larger than this the latest time; INT64_MIN: there is none. */
int64_t anchors_lower(const struct anchors *anchors, uint64_t size);
/* Whether it was the authority that the trust does not have, and nothing else, that a time-stamp failed for. */
bool anchors_is_stranger(const struct err *err);
