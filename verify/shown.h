/* One statement of a package, on its way through the steps. */
#pragma once

#include "verify/audit.h"

struct shown {
	uint64_t index;
	int64_t received;
	struct dsse *envelope;
	struct statement *statement; /* not to be believed before its signature was verified */
	struct hash digest;
	char id[HASH_HEX]; /* the digest */
	char where[96];    /* for people: "entry 170" */
	/* Bounds of time from anchors. */
	int64_t upper, lower; /* INT64_MAX, INT64_MIN: none */
	int64_t counted;      /* receivedAt, or upper where that is earlier */
};
MUST_CHECK bool shown_read(const json_t *object, struct shown *ret_shown, struct err *err);
void shown_done(struct shown *shown);
bool shown_is(const struct shown *shown, const char *type);

/* The steps, each in its own file. Contradictions go into audit->found; false: the statement does not count any
 * further. */

/* keys.c: whose line it is, by the key that signed; an enrolment begins one. The entry joins the tree. */
bool shown_keys(struct audit *audit, const struct shown *shown, struct line **ret_line);
/* chains.c: number, digest before, boots, epochs. */
bool shown_chain(struct audit *audit, const struct shown *shown, struct line *line);
/* bodies.c: the body of what is no round. *ret_body is empty before and, where there is one, holds it. */
bool shown_body(struct audit *audit, const struct shown *shown, struct buf *ret_body);
/* clocks.c: against the anchors. */
void shown_bounds(const struct audit *audit, struct shown *shown);
bool shown_time(struct audit *audit, struct shown *shown, struct line *line);
/* Whether it came long after its host says that it was made. */
void shown_late(const struct audit *audit, const struct shown *shown, struct line *line);
/* rounds.c: results, state, timelines. */
void shown_round(struct audit *audit, const struct shown *shown, struct line *line);
/* A round that is not believed: what is disclosed of it is passed over. */
void shown_skip(struct audit *audit, const struct shown *shown);
