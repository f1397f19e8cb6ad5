/* Attestations (docs/FORMAT.md 2.3): what people said, and no host can show. They change no rule's state. */
#pragma once

#include "core/attestation.h"
#include "core/buf.h"

#define ATTESTED_MOST 100000

struct attested {
	char *host, *name;        /* of the line that sealed it */
	uint64_t index;           /* in the log */
	struct attestation *said; /* without its file's content */
};
struct attested_list {
	struct attested *items; /* in the log's order */
	size_t count;
	size_t unshown; /* whose bodies are not there, so that nobody can see what they are of */
};
void attested_list_done(struct attested_list *list);
/* The body of a statement whose signature and digest were verified. ERR_MALFORMED, ERR_TOO_BIG; ERR_REFUSED when it
 * says that it was collected behind `finished` and what clocks may be apart. */
MUST_CHECK bool attested_take(struct attested_list *list, const struct attested *by, const struct buf *body,
			      int64_t finished, const char *where, struct err *err);
/* Whether one of them is of this control. */
bool attested_has(const struct attested_list *list, const char *control);
