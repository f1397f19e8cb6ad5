/* Policies: rules as YAML, loaded strictly. An unknown field, a wrong type, an unknown control, check, parameter or
 * field, a bare 8.10, a duplicate id: an error at file:line:column, and no policy. docs/POLICY.md is the language's
 * page. */
#pragma once

#include "core/catalogue.h"
#include "core/expect.h"

#define POLICY_RULES_MOST 4096

enum kind { KIND_EFFECT, KIND_DESIGN, KIND_INVENTORY };
enum severity { SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_MEDIUM, SEVERITY_LOW };

/* One look of a rule. */
struct view {
	char *name; /* "" for the only one; the key under `checks:` otherwise */
	const struct check *check;
	json_t *params; /* of the check, typed, "$x" filled in; owned */
};

struct rule {
	char *id, *title, *why, *fix;
	char **controls; /* "A.8.15", ...; the first is the one that `key` decides */
	size_t control_count;
	bool key, show;
	enum severity severity;
	enum kind kind;
	int64_t every, valid; /* seconds */
	int64_t min_host_age; /* seconds; 0: none */
	char *needs_control;  /* id of a rule, or NULL */
	json_t *params;       /* {name: value}, effective */
	json_t *param_docs;   /* {name: {"type","doc"}} */
	struct view *views;
	size_t view_count;
	struct expect *expect;
	struct view *when; /* NULL: always */
	struct expect *when_expect;
	const struct policy *policy; /* the one it came from */
	unsigned line;
};

struct policy {
	char *path, *id, *version, *framework, *title, *owner, *review_by; /* review_by "2027-06-30" or NULL */
	struct buf bytes;                                                  /* the file as it was read */
	struct hash sha256;
};

/* What a host runs: one or more policies, all rules sorted by id. Overlays come on top later. */
struct policy_stack {
	struct policy **policies;
	size_t policy_count;
	struct rule **rules;
	size_t rule_count;
};

MUST_CHECK bool policy_stack_load(const char *const paths[], size_t count, const struct catalogue *catalogue,
				  const struct check *const *checks, struct policy_stack **ret_stack, struct err *err);
/* The same from bytes: for fuzzing, and for policies that travelled. */
MUST_CHECK bool policy_stack_parse(const char *path, const char *data, size_t len, const struct catalogue *catalogue,
				   const struct check *const *checks, struct policy_stack **ret_stack, struct err *err);
void policy_stack_free(struct policy_stack *stack);
DEFINE_CLEANUP(struct policy_stack, policy_stack_free)
const struct rule *policy_rule_find(const struct policy_stack *stack, const char *id);

const char *kind_name(enum kind kind);             /* "effect" */
const char *severity_name(enum severity severity); /* "critical" */
