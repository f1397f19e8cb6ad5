/* Matchers: what one field of a row has to be. Part of `expect` (core/expect.h), where the language stands. */
#pragma once

#include "core/value.h"

#define MATCH_PATTERN_LONGEST 4096  /* bytes */
#define MATCH_PATTERN_STEPS 100000  /* PCRE2's match limit */
#define MATCH_PATTERN_DEPTH 10000   /* PCRE2's depth limit */
#define MATCH_PATTERN_HEAP_KIB 8192 /* PCRE2's heap limit */

enum expect_outcome { EXPECT_HOLDS, EXPECT_FAILS, EXPECT_CANNOT_SAY };

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

/* What compiling needs to know of the rule. */
struct match_context {
	const struct expect_scope *scopes;
	size_t scope_count;
	struct value_params params;
	const char *where; /* file, for errors */
	bool show;         /* the rule's: may what a check shows on demand be judged? */
};

/* The field of a key or bare value as a rule writes it: "field", or "view.field" with several views. A personal field
 * of a check with a parameter `show` is there only if the rule says `show: true`: judging it without is an error, for
 * {not: ..} would hold of what was never shown. */
MUST_CHECK bool match_find_field(const struct match_context *context, const struct yaml *name, size_t *ret_view,
				 const struct check_field **ret_field, struct err *err);

struct match;
/* Compile the value of a field: a scalar (equality) or a mapping of operators, which must all hold. name: the field as
 * the rule writes it. skip: a key of the mapping that is not ours, or NULL. */
MUST_CHECK bool match_compile(const struct yaml *node, const struct check_field *field, const char *name,
			      const char *skip, const struct match_context *context, struct match **ret_match,
			      struct err *err);
void match_free(struct match *match);
DEFINE_CLEANUP(struct match, match_free)
/* value: NULL when the row lacks the field. views: in the order of the context's scopes. Not for two threads at once
 * over the same matcher. */
enum expect_outcome match_judge(const struct match *match, const json_t *value, const struct view_seen *views);
/* `running is "1", expected "0"`: why match_judge() gave this outcome, which is not HOLDS. Appends. */
void match_explain(const struct match *match, const json_t *value, const struct view_seen *views,
		   enum expect_outcome outcome, struct buf *reason);
/* Whether a field's values may not get into a reason: they would move the state tree, or tell a secret. */
bool match_is_hidden(const struct check_field *field);
/* `running is "1"`: what was seen, where that is why the matcher holds. Appends. */
void match_tell(const struct match *match, const json_t *value, struct buf *text);
/* What is expected, to follow a name: `"0"`, `at most 90d`, `not one of "a", "b"`. Appends. */
void match_describe(const struct match *match, struct buf *text);
/* The same as JSON, with parameters filled in. New reference. */
json_t *match_json(const struct match *match);
