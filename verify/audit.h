/* The verification of an audit package (docs/FORMAT.md 5.1) with nothing but a trust file: no network, no clock but the
 * one that is handed over, no code of the collector. docs/AUDITING.md says what each step proves.
 *
 * Statements go by once, in the log's order, and are not kept; hosts, lines and rules are. Whatever does not hold is
 * told (verify/found.h), and nothing that it said counts. */
#pragma once

#include "core/frontier.h"
#include "core/statement.h"
#include "verify/anchors.h"
#include "verify/approvals.h"
#include "verify/attested.h"
#include "verify/hosts.h"
#include "verify/operator.h"
#include "verify/trusted.h"

#define AUDIT_SLACK 300 /* seconds that clocks may be apart */
#define AUDIT_TAIL 7200 /* seconds that the checkpoint may have been signed before the period ended */
#define AUDIT_LATE 3600 /* seconds from which on a receipt says nothing of when a statement was made */
#define AUDIT_STATEMENTS_MOST 4000000
#define AUDIT_LINE_LONGEST (256U << 10) /* of statements.jsonl: an envelope and two numbers */
#define AUDIT_SHOWN_LONGEST (8U << 20)  /* of disclosures.jsonl */

/* A checkpoint that a statement says its host had verified. */
struct named_checkpoint {
	uint64_t size, index; /* of the first statement that names it */
	struct hash root;
};

struct audit {
	const struct package *package; /* borrowed */
	const struct trusted *trusted; /* borrowed */
	int64_t now;
	struct manifest manifest;
	struct found found;
	struct anchors anchors;
	struct rulesets rulesets;
	struct operator_line operator_line;
	struct hosts hosts; /* the collector's own line is one */
	struct frontier *tree;
	struct named_checkpoint *named;
	size_t named_count, named_room;
	size_t named_unproved; /* checkpoints whose root the package's nodes do not give */
	uint64_t statements, in_period;
	uint64_t first_in_period, last_in_period; /* indexes */
	uint64_t first_place, last_place;         /* theirs among the statements that are shown */
	uint64_t unbounded;                       /* of the period, behind the last anchor with a time */
	struct package_lines *disclosures;        /* NULL: bodies are there instead */
	json_t *disclosed;                        /* the next one */
	size_t erased_results;
	struct attested_list attested;
	struct approval_list approvals;
	uint64_t rounds_proved, rounds_unproved; /* whose results gave their state root, or could not: behind a gap */
	uint64_t unwitnessed;                    /* of the period, behind the last anchor with the quorum */
	int64_t received_latest;                 /* so far */
	uint64_t went_back, from_future;         /* statements whose receivedAt is before that, or behind now */
	int64_t went_back_most;                  /* seconds */
};

/* False: the package cannot be read as one at all. True: audit->found says what does not hold, the rest what does. The
 * caller audit_done()s either way. */
MUST_CHECK bool audit_run(struct audit *audit, const struct package *package, const struct trusted *trusted,
			  int64_t now, struct err *err);
void audit_done(struct audit *audit);
