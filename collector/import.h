/* Import: statements that were carried here in parcels (core/parcel.h, docs/FORMAT.md 7) are received as if they had
 * come over the network; the parcel's signature stands for the handshake. A certificate that has ended is good for the
 * line that it began, and for no new one: what is carried takes its time. */
#pragma once

#include "collector/collector.h"

#define IMPORT_LINES_MOST 64
#define IMPORT_BYTES_MOST (8U << 20)

/* One step of a parcel, at most IMPORT_LINES_MOST lines, so that agents need not wait for all of it:
 * {"do":"import","parcel":ABSOLUTE PATH,"from":bytes of statements.jsonl that were done,"seen":entries of the log that
 * the host has seen, as this parcel (absent) or the step before says}, answered with {"host","answers": lines as of
 * /v1/statements,"lines":n,"of":n,"next":bytes (absent: it was the last),"seen":n,"checkpoint": the note,
 * "tiles":{path: base64}: what proves that the log goes on from what was seen before}.
 * False: ERR_ABSENT, ERR_DENIED (not readable for this user), ERR_MALFORMED, ERR_REFUSED (whose it is cannot be
 * believed, or it is for another log). */
MUST_CHECK bool import_step(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer,
			    struct err *err);
