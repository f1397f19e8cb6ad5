/* attest: somebody's word goes into the line of a state folder and to the collector, in one process, without vouchd and
 * its helpers: from a pipeline, or from a host on which nothing else seals. */
#pragma once

#include "agent/ship.h"
#include "core/attestation.h"

/* Seals it as the next statement of the line, into the queue. ret_digest is the statement's. ERR_REFUSED: another
 * process seals for this folder, the folder is another user's, or a sealer signs for it (behind an epoch the enrolled
 * key signs nothing: the collector would refuse it and all behind it), the spool is full, or the line has no enrolment
 * statement here: the chain was not carried along with the keys. */
MUST_CHECK bool attest_seal(const struct home *home, const struct enrolment *enrolment,
			    const struct attestation *attestation, char ret_digest[HASH_HEX], struct err *err);
/* Ships all that is in the queue, with a new certificate where it is time for one. *ret_sent sums up what was done,
 * also where it failed: the rest stays in the queue.
 */
MUST_CHECK bool attest_send(const struct home *home, const struct enrolment *enrolment, struct shipped *ret_sent,
			    struct err *err);
/* The place in the log that a statement's receipt, verified when it came, proves. ERR_ABSENT: there is none. */
MUST_CHECK bool attest_index(const struct home *home, const char *digest, uint64_t *ret_index, struct err *err);
