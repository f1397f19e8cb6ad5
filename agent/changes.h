/* changes: which rules are to be looked at because what they read has changed, and when. It has no clock of its own:
 * every time is CLOCK_BOOTTIME in microseconds, and given.
 *
 * A change marks every rule that read the name. A burst is waited out (CHANGES_QUIET_US after its last change, at most
 * CHANGES_LONGEST_US after its first) and is then one round. So that a source that changes all the time neither fills
 * the spool nor keeps others waiting, each rule has a budget: CHANGES_BUDGET rounds, and one more with each full
 * CHANGES_REFILL_US of the clock. A rule over it keeps its mark and is looked at when the next is given, at the same
 * instant for all: what a source came to in the end is always seen. */
#pragma once

#include "core/check.h"

#define CHANGES_QUIET_US UINT64_C(100000)
#define CHANGES_LONGEST_US UINT64_C(500000)
#define CHANGES_BUDGET 5
#define CHANGES_REFILL_US UINT64_C(60000000)

struct changes;
struct changes *changes_new(size_t rule_count);
void changes_free(struct changes *changes);
DEFINE_CLEANUP(struct changes, changes_free)
/* What a rule read in its last look; taken over. */
void changes_read(struct changes *changes, size_t rule, struct names *names);
/* All names that rules have read, sorted bytewise, each once. The array is the caller's; the texts live until the next
 * changes_read(). */
const char **changes_names(const struct changes *changes, size_t *ret_count);
/* This name may have changed. True when it is to be said that a rule's budget is used up by it: once, until the rule
 * has its whole budget again. */
bool changes_mark(struct changes *changes, const char *name, uint64_t now);
/* The same, but not for the rules that have seen what it is now: seen[rule]. *ret_is_marked: there are others. */
bool changes_mark_unseen(struct changes *changes, const char *name, uint64_t now, const bool *seen,
			 bool *ret_is_marked);
/* Anything that rules have read may have changed, and what may be read at all. */
void changes_mark_all(struct changes *changes, uint64_t now);
/* When a round is to begin because of changes; UINT64_MAX: there are none. */
uint64_t changes_due(struct changes *changes, uint64_t now);
/* The rules whose round that is: sets due[rule] for each, and leaves the others as they are. It costs them a part of
 * their budgets. */
void changes_take(struct changes *changes, uint64_t now, bool *due);
/* A look at this rule begins: what was marked is seen by it, what is marked from now on may not be. */
void changes_begin(struct changes *changes, size_t rule);
