/* The rules of policies that statements name, as far as evidence is judged by them: read from the policies' own bytes
 * in the package, whose digests the statements commit to. No check has to be known for that. */
#pragma once

#include "core/package.h"
#include "verify/manifest.h"

#define RULESETS_MOST 1000      /* different stacks of policies in a package */
#define RULESET_RULES_MOST 4096 /* as POLICY_RULES_MOST */

struct ruleset_rule {
	char *id;
	char **controls;
	size_t control_count;
	int64_t valid;  /* seconds */
	bool is_wanted; /* supports a control that was asked for */
	size_t policy;  /* which of the stack's: the later is on top */
	bool replaces;  /* it takes the place of the rule of its id below */
};

struct ruleset {
	struct hash id;  /* of the policies' digests, in their order */
	char **policies; /* digests, hexadecimal */
	size_t policy_count;
	struct ruleset_rule *rules; /* sorted by id: the order of a state's leaves and of the bits of "looked" */
	size_t count, wanted;
	bool is_bad; /* one of the policies could not be had: why */
	struct err why;
};
bool ruleset_find(const struct ruleset *ruleset, const char *rule, size_t *ret_index);
bool ruleset_has_policy(const struct ruleset *ruleset, const char *hex);

struct rulesets {
	const struct package *package;   /* borrowed */
	const struct manifest *manifest; /* borrowed */
	struct ruleset **items;
	size_t count;
};
void rulesets_done(struct rulesets *rulesets);
/* The rules of a statement's "policies". ERR_ABSENT: the body of one is not in the package; ERR_REFUSED: it has another
 * digest; ERR_SYNTAX and others: it is no policy. The answer is borrowed; a failure is remembered too. */
MUST_CHECK bool rulesets_get(struct rulesets *rulesets, const json_t *policies, const struct ruleset **ret_ruleset,
			     struct err *err);
