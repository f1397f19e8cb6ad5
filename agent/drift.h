/* drift: what a rule's result was before it became another, since when, and by whom (docs/FORMAT.md 2, "changed").
 *
 * Another is a result whose verdict or observation (without volatile fields) is not what the last round in the chain
 * says. What it was stays with the result until a round that carries it is in the chain, whatever happens in between;
 * one that is again what it was has not changed.
 *
 * current.json: {"<rule>":{"was":{what "changed" would say},"observation","verdictSince","policy","sources":{"<name>":
 * "<16 hex>"}}}, written whole behind each round in the chain in which something changed. So what changed while no
 * vouchd ran is noticed by the next one. Where the file is lost nothing is known of before, and the first look is no
 * change. A crash between chain and file has the change noticed, and said, once more. */
#pragma once

#include "agent/attribute.h"
#include "agent/home.h"
#include "agent/look.h"

#define DRIFT_ROWS_LARGEST (64U << 10) /* bytes of the rows that were, in one result */
#define DRIFT_SOURCES_MOST 64          /* of a rule, whose digests are remembered */
#define DRIFT_LARGEST (16U << 20)      /* bytes of current.json */

struct drift;
/* Both borrowed. */
struct drift *drift_open(const struct policy_stack *stack, const struct home *home);
void drift_free(struct drift *drift);
DEFINE_CLEANUP(struct drift, drift_free)

/* Another stack takes the place of the one that it was opened with (also borrowed): what is known of the rules that
 * stay stays. */
void drift_take(struct drift *drift, const struct policy_stack *stack);

/* A look that began at this instant (milliseconds since the epoch) gave this rule's result. before: the text of its
 * result until then; NULL: there was none since drift_open(). */
void drift_look(struct drift *drift, size_t index, const json_t *result, const char *before, int64_t began_ms);
/* What changed and was not attributed yet; count 0: nothing. The array is the caller's, what it points at is not. */
struct attribute_ask *drift_asks(struct drift *drift, int64_t now_ms, size_t *ret_count);
/* Sets "changed" in the results of the rules that have it; results: of all rules, sorted by rule. */
void drift_mark(struct drift *drift, const json_t *results);
/* A history entry (agent/history.h) for each change, once a round of these results is in the chain under this number.
 * New reference. */
json_t *drift_entries(const struct drift *drift, const json_t *results, int64_t sequence, const char *trigger);
/* The round is in the chain, and the entries in the history: no change is left. False: current.json was not written. */
MUST_CHECK bool drift_sealed(struct drift *drift, const json_t *results, struct err *err);

struct drift_times {
	int64_t since;     /* the verdict is what it is */
	int64_t looked_ms; /* the last look at what is in the chain: where the next change's window begins */
};
/* False: it was never looked at. */
bool drift_times(const struct drift *drift, size_t index, struct drift_times *ret_times);
