/* Approvals of policies (docs/FORMAT.md 8), judged by the keys in the trust file, and the waivers that rounds show. */
#pragma once

#include "core/approvers.h"
#include "verify/rulesets.h"

#define APPROVALS_MOST 4096  /* different ones of a package */
#define EXCEPTIONS_MOST 4096 /* likewise */
#define POLICY_TEXTS_MOST 16

/* One approval, however many hosts sealed it. */
struct shown_approval {
	char policy[HASH_HEX]; /* SHA-256 of the policy */
	struct hash body;      /* of the line */
	char *approver, *note; /* as it says; note: or NULL */
	int64_t approved, expires;
	int64_t sealed;   /* when the first host did, by its clock */
	int64_t received; /* of that statement, as the next */
	uint64_t index;
	char *why; /* why it did not hold when it was received; NULL: it held */
};

/* A waiver of results that were proved. */
struct shown_exception {
	char *id, *rule, *policy_id, *approver, *reason;
	char policy[HASH_HEX]; /* SHA-256 of the policy that it stands in; "": the statement names none of that id */
	int64_t expires;
	char *host;      /* id of the first host */
	size_t rounds;   /* that carried it */
	bool is_written; /* the policy's own text has it, for these hosts */
	uint64_t index;  /* of the first round that carried it */
};

/* A policy's text, read once. */
struct policy_text {
	char policy[HASH_HEX];
	struct yaml *tree; /* NULL: it cannot be read */
};

struct approval_list {
	struct policy_text texts[POLICY_TEXTS_MOST];
	size_t text_count; /* that were read; of more than fit the first go */
	struct shown_approval *approvals;
	size_t approval_count;
	struct shown_exception *exceptions;
	size_t exception_count;
	json_t *changes; /* at the end: {sha256: what a policy by which hosts were judged does to those below it} */
};
void approval_list_done(struct approval_list *list);

struct audit;
struct shown;
struct host;
/* The body of a statement whose signature and digest were verified. */
void approvals_take(struct audit *audit, const struct shown *shown, const struct buf *body);
/* A result of a round whose root holds. */
void approvals_waived(struct audit *audit, const struct shown *shown, const struct host *host, const json_t *result);
/* At the end: what nobody approved, where the trust file has keys to say so. */
void approvals_finish(struct audit *audit);

/* The approval that holds by the exception's approver, or NULL. */
const struct shown_approval *approvals_sign(const struct approval_list *list, const struct shown_exception *exception);
