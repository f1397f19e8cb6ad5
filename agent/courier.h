/* courier: what vouch-ship does where no network leads to the collector. The queue's statements are written into a
 * folder that somebody carries there (core/parcel.h); what the collector answered comes back in a folder likewise. Only
 * then an entry goes from the queue, by the same proofs as over the network: so a parcel may get lost, or come twice.
 */
#pragma once

#include "agent/ship.h"

struct courier_sent {
	size_t statements;
	int64_t bytes;
	char *path;    /* of the parcel; owned */
	bool is_there; /* it was there already, with the same statements */
};
void courier_sent_done(struct courier_sent *sent);

/* Writes what is in the queue, as one parcel below the folder, whole or not at all. An empty queue is true with no
 * path. ERR_REFUSED when another process ships. */
MUST_CHECK bool courier_send(const struct home *home, const struct enrolment *enrolment, const char *folder,
			     struct courier_sent *ret_sent, struct err *err);

/* Takes the answers below the folder that are for this host, oldest first. What is refused there stays in the queue,
 * unless the refusals are to be believed: an answer's receipt proves itself, a refusal in a folder proves nothing. */
struct courier_taken {
	size_t parcels; /* answers for this host */
	struct shipped shipped;
};
MUST_CHECK bool courier_take(const struct home *home, const struct enrolment *enrolment, const char *folder,
			     bool believes_refusals, struct courier_taken *ret_taken, struct err *err);
