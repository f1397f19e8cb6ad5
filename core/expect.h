/* `expect`: a small matcher language over rows, compiled and type-checked when the policy is loaded.
 *
 *   field: value                  equality, for every row
 *   field: {in: [..]}, {not: M}, {matches: RE}, {contains: V}, {at_most: V}, {at_least: V}, {exists: true}, {known:
 * true}, {equals: V} every: {..fields..}           the same, said aloud; at least one row some: {..}   none: {..} a row
 * matches all of it; no row does (may pass on zero rows) count: {where: {..}, at_most: 3}    the number of rows (that
 * match) under an integer matcher (may pass on zero rows) all: [E..]  any: [E..]  not: E      compose; within every,
 * some, none and where they compose fields of one row
 *
 * Several members of one mapping must all hold. matches is PCRE2, anchored at both ends, with match and depth limits.
 * contains: a member of a strings field, or a substring of a string. at_most of a mode or of strings: nothing that the
 * limit lacks; at_least: all that it has. "$name" stands for a parameter's value, anywhere a value stands. In a rule
 * with several views a field is written view.field, and a bare value of that form is the field of that view's only row;
 * what stands under one every, some, none or where is of one view. A field that a row lacks matches only {exists:
 * false} and not-forms of what would need it to be there: {not: {equals: x}} holds for a missing field. Of {known:
 * true} nothing can be said there.
 *
 * Where something cannot be said (zero rows, a pattern over its limits, a value that is not of its field's type, a view
 * without its one row) the logic is three-valued: any holds if one part does, whatever the others; all and every fail
 * if one part does; else what cannot be said stays so, also under not. */
#pragma once

#include "core/match.h"

struct expect;

/* Compile. "$x" of a parameter that is not there is an error at its line and column. context is borrowed until return,
 * its checks for as long as the expectation lives. The caller expect_free()s. */
MUST_CHECK bool expect_compile(const struct yaml *node, const struct match_context *context, struct expect **ret_expect,
			       struct err *err);
void expect_free(struct expect *expect);
DEFINE_CLEANUP(struct expect, expect_free)

/* Judge rows. views: in the order of the context's scopes, all of them looked at with success. *reason (empty before)
 * gets one sentence for people when it does not hold: the first thing that does not, or why nothing can be said. Values
 * of volatile and of secret fields and times are not written into it. Pure, but not for two threads at once over the
 * same expectation. */
enum expect_outcome expect_judge(const struct expect *expect, const struct view_seen *views, struct buf *reason);
/* What is expected, in words: `running "0"`. Appends. */
void expect_describe(const struct expect *expect, struct buf *text);
/* What is expected, with parameters filled in, as JSON for evidence. New reference to a shared value: not to be
 * changed. */
json_t *expect_json(const struct expect *expect);
