/* The collector's own line (docs/FORMAT.md 1.2): what the operator says that he did to evidence. */
#pragma once

#include "core/hash.h"
#include "core/json.h"

#define OPERATOR_RECORDS_MOST 100000

struct erasure {
	char *body, *statement;                 /* digests, hexadecimal */
	json_t *rules;                          /* strings; NULL: the whole body */
	char *retention, *reason, *by, *record; /* record: digest of the statement that says so */
	int64_t at;
	bool is_used; /* something in this package is missing under it */
};
struct revocation {
	char *host, *enrolment, *key, *reason, *by;
	int64_t from;
	uint64_t index; /* in the log */
};
struct operator_line {
	struct erasure *erasures;
	size_t erasure_count;
	struct revocation *revocations;
	size_t revocation_count;
};
void operator_done(struct operator_line *line);
/* The bodies of the two types, of a statement whose signature was verified; ERR_MALFORMED, ERR_TOO_BIG. */
MUST_CHECK bool operator_erasure(struct operator_line *line, const struct buf *body, const char *record, int64_t at,
				 struct err *err);
MUST_CHECK bool operator_revocation(struct operator_line *line, const struct buf *body, uint64_t index,
				    struct err *err);
/* The record under which a result, or with rule NULL the whole body, is gone; NULL: there is none. By the body alone,
 * whose statement the record names: two rounds of one second may have the same. record: the digest of the statement
 * that is named for it, NULL for any. */
struct erasure *operator_erased(struct operator_line *line, const char *body, const char *rule, const char *record);
const struct revocation *operator_revoked(const struct operator_line *line, const char *enrolment);
