/* The current results of a line, as the leaves that a round's "state" commits to (docs/FORMAT.md 2): what the agent
 * signs, the collector rebuilds and an auditor checks again. */
#pragma once

#include "core/frontier.h"

struct state;
struct state *state_new(void); /* no results: not known yet */
struct state *state_copy(const struct state *state);
void state_free(struct state *state);
DEFINE_CLEANUP(struct state, state_free)

size_t state_size(const struct state *state);
const char *state_rule(const struct state *state, size_t index); /* borrowed; sorted by rule */
bool state_find(const struct state *state, const char *rule, size_t *ret_index);
const struct hash *state_leaf(const struct state *state, size_t index); /* the RFC 6962 leaf hash; borrowed */

/* The results of a round's body, sorted by rule, each with its "blind", or erased (docs/FORMAT.md 2.2). Full: they
 * replace all; else each replaces the one of its rule, which must be there. False: state is what it was; ERR_MALFORMED
 * for a result that makes no leaf, ERR_REFUSED for a rule that is not there. */
MUST_CHECK bool state_take(struct state *state, const json_t *results, bool full, struct err *err);
/* One leaf, as the collector's store has it; rules must come in their order. */
void state_append(struct state *state, const char *rule, const struct hash *leaf);

/* {"root","size"}, the root of no results included. New reference. */
json_t *state_json(const struct state *state);
/* Whether it is what a statement commits to; where not, ERR_REFUSED with both sizes, or that the roots differ. */
MUST_CHECK bool state_is(const struct state *state, const json_t *committed, struct err *err);

/* The result as it is disclosed alone (docs/FORMAT.md 2.1), without "index". New reference. */
MUST_CHECK bool state_disclose(const json_t *result, json_t **ret_disclosed, struct err *err);
/* The nodes for everything but these, ascending indexes. New reference: an array; NULL: they are not ascending indexes
 * of the state. */
json_t *state_nodes(const struct state *state, const uint64_t *shown, size_t count);
