/* `expect`: a small matcher language over rows, compiled and type-checked when the policy is loaded.
 *
 *   field: value                        equality, for every row
 *   field: {in: [..]}, {not: M}, {matches: RE}, {contains: V}, {at_most: V}, {at_least: V}, {exists: true}, {equals: V}
 *   every: {..fields..}                 the same, said aloud; at least one row
 *   some: {..}   none: {..}             a row matches all of it; no row does (may pass on zero rows)
 *   count: {where: {..}, at_most: 3}    the number of rows (that match) under an integer matcher (may pass on zero
 * rows) all: [E..]  any: [E..]  not: E      compose
 *
 * Several members of one mapping must all hold. matches is PCRE2, anchored at both ends, with match and depth limits.
 * contains: a member of a strings field, or a substring of a string. "$name" stands for a parameter's value, anywhere a
 * value stands. In a rule with several views a field is written view.field, and a value of that form is the field of
 * that view's only row. A field that a row lacks matches only {exists: false} and not-forms of what would need it to be
 * there: {not: {equals: x}} holds for a missing field. */
#pragma once

#include "core/check.h"
#include "core/yaml.h"

struct expect;

/* A look's outcome under its name in the rule ("" for the only one). */
struct view_seen {
	const char *name;
	const struct check *check;
	bool ok; /* false: err */
	struct err err;
	json_t *rows; /* borrowed; NULL unless ok */
};

struct expect_scope {     /* what field names may mean */
	const char *name; /* view name, "" for the only one */
	const struct check *check;
};

/* Compile. params: the rule's parameters by name with values already typed (an object); "$x" of one that is not there
 * is an error at its line and column. The caller expect_free()s. */
MUST_CHECK bool expect_compile(const struct yaml *node, const struct expect_scope *scopes, size_t scope_count,
			       const json_t *params, const char *where, struct expect **ret_expect, struct err *err);
void expect_free(struct expect *expect);
DEFINE_CLEANUP(struct expect, expect_free)

enum expect_outcome { EXPECT_HOLDS, EXPECT_FAILS, EXPECT_CANNOT_SAY };

/* Judge rows. Pure. *reason (empty before) gets one sentence for people: the first thing that does not hold, or why
 * nothing can be said (zero rows, a pattern over its limits). Values of volatile fields are not written into it, nor of
 * secret ones. */
enum expect_outcome expect_judge(const struct expect *expect, const struct view_seen *views, size_t view_count,
				 struct buf *reason);
/* What is expected, with parameters filled in, as JSON for evidence. New reference. */
json_t *expect_json(const struct expect *expect);

/* A scalar or sequence of a policy as a typed JSON value ("90d" for a duration gives 7776000). New reference. Shared
 * with the parameters of rules and checks. A bare `no` where a string is due gets a hint that quotes are needed. */
MUST_CHECK bool value_from_yaml(const struct yaml *node, enum value_type type, const char *where, json_t **ret_value,
				struct err *err);
