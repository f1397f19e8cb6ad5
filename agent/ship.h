/* ship: the queue's statements go to the collector, oldest first; an entry goes from the queue when its receipt was
 * verified and is on disk, or when the collector refused it for good: then it is moved aside, unless the collector's
 * log is not what it was; a collector that forgot does not decide what becomes of evidence. What comes behind one that
 * was set aside goes on, as a gap that the collector shows; where the collector does not know the current results of
 * the line any more, the next round is asked to carry all (agent/standing.h). */
#pragma once

#include "agent/http.h"
#include "agent/receipt.h"
#include "agent/renew.h"
#include "agent/spool.h"

#define SHIP_LINES_MOST 64
#define SHIP_BYTES_MOST (8U << 20) /* of a batch; a single larger statement goes alone */

struct shipper {
	const struct home *home;           /* borrowed */
	const struct enrolment *enrolment; /* borrowed */
	const sigset_t *ends;              /* borrowed */
	struct http *http;
	struct receipts *receipts;
	struct renewal *renewal;
	int lock;         /* descriptor; one process ships from a state folder */
	size_t set_aside; /* in refused/ when it was opened */
	int64_t asked;    /* number of the last statement behind which everything is to come (agent/standing.h) */
	bool is_log_seen; /* in this batch: the log was seen to continue the one of the last receipt */
	/* Instead of the network, a folder that was carried here (agent/courier.h): its log/ is the collector's. NULL:
	 * the network. Borrowed. */
	const char *folder;
	bool leaves_refused; /* what is refused stays in the queue: who says so proves nothing */
};

/* ends: see struct http_peer. ERR_REFUSED when another process ships, or others may read the transport key. */
MUST_CHECK bool shipper_open(const struct home *home, const struct enrolment *enrolment, const sigset_t *ends,
			     struct shipper **ret_shipper, struct err *err);
/* For answers that come in folders: nothing is asked of any network, no key is needed. */
MUST_CHECK bool shipper_open_offline(const struct home *home, const struct enrolment *enrolment,
				     struct shipper **ret_shipper, struct err *err);
void shipper_close(struct shipper *shipper);
DEFINE_CLEANUP(struct shipper, shipper_close)

struct shipped {
	size_t stored;         /* entries that went, with a receipt each */
	size_t refused;        /* entries moved aside */
	char refused_why[320]; /* of the last of them */
	bool more;             /* entries are left and may be sent at once */
	bool is_ended;         /* the collector takes nothing more of this line (403): trying again changes nothing */
	int64_t retry_after;   /* seconds that the collector asks for; 0: none */
};
/* One batch. *ret_shipped is filled in both cases: what was done before a failure stays done. False: the rest stays in
 * the queue, to be tried again later; *err says why: no answer, an answer that is none, a receipt that does not hold,
 * "later". An empty queue is true with nothing done. */
MUST_CHECK bool ship(struct shipper *shipper, struct shipped *ret_shipped, struct err *err);

/* What one answer line of the collector (docs/PROTOCOL.md) means for one entry of the queue: it goes, moves aside, or
 * stays. Adds to *shipped. */
MUST_CHECK bool ship_settle(struct shipper *shipper, const char *name, const struct dsse *envelope,
			    const json_t *answer, struct shipped *shipped, struct err *err);

/* Whether the certificate should be renewed now. */
bool ship_should_renew(const struct shipper *shipper);
/* Renews it; what is shipped from then on goes with the new one. False: the old one stays in use. */
MUST_CHECK bool ship_renew(struct shipper *shipper, struct err *err);

/* The time to wait before try number `failures` (from 1), in microseconds: from 1 s doubling to 5 minutes, of which a
 * random half is jitter; never less than retry_after seconds (an hour at most). */
uint64_t ship_delay(unsigned failures, int64_t retry_after);
