/* Policies: rules as YAML, loaded strictly. An unknown field, a wrong type, an unknown control, check, parameter or
 * field, a bare 8.10, a duplicate id: an error at file:line:column, and no policy. docs/POLICY.md is the language's
 * page. */
#pragma once

#include "core/catalogue.h"
#include "core/expect.h"

#define POLICY_RULES_MOST 4096 /* in a stack */
#define POLICY_FILES_MOST 256  /* in a folder */
#define POLICY_HEAD_FILE "policy.yaml"
#define POLICY_VIEWS_MOST 8                  /* of a rule */
#define POLICY_TEXT_LONGEST 1000             /* bytes of a title, a why, a fix */
#define POLICY_ID_LONGEST 128                /* bytes of a rule's or a policy's id */
#define POLICY_VALID_SHORTEST 3600           /* seconds */
#define POLICY_VALID_LONGEST (366LL * 86400) /* a result that nobody looked at again is no evidence for ever */

enum kind { KIND_EFFECT, KIND_DESIGN, KIND_INVENTORY };
enum severity { SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_MEDIUM, SEVERITY_LOW };

/* One look of a rule. */
struct view {
	char *name; /* "" for the only one; the key under `checks:` otherwise */
	const struct check *check;
	/* Of the check: typed, "$x" filled in; owned. A check that declares a bool parameter `show` gets the rule's. */
	json_t *params;
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
	char *needs_control;  /* id of a rule, which itself needs none; or NULL */
	char *unset;          /* owned: the first of its needs_params that is set to nothing, or NULL: notchecked */
	json_t *params;       /* {name: value}, effective */
	json_t *param_docs;   /* {name: {"type","doc","set"?: "FILE:LINE" of the policy that set it}} */
	struct view *views;
	size_t view_count;
	struct expect *expect;
	struct view *when; /* NULL: always */
	struct expect *when_expect;
	const struct policy *policy; /* the one it came from */
	char *path;                  /* the file of it that the rule stands in; line and column are of there */
	unsigned line, column;
};

struct policy {
	size_t index;                                                      /* in the stack */
	char *path, *id, *version, *framework, *title, *owner, *review_by; /* review_by "2027-06-30" or NULL */
	struct buf bytes;                                                  /* the file, or the folder as one file */
	struct hash sha256;
	char **approvals; /* lines of core/approval.h for this digest; nothing is verified. Filled by agent/approved.h
			   */
	size_t approval_count;
};

/* What a host runs: one or more policies, all rules sorted by id. Overlays come on top later. */
struct policy_stack {
	struct policy **policies;
	size_t policy_count;
	struct rule **rules;
	size_t rule_count;
};

/* A path is a file, or a folder: its policy.yaml holds the head alone, every other *.yaml a list of rules. A folder is
 * the same policy as the one file of head, "rules:" and these lists, in the order of their names; that is what its
 * digest is of. `set` of any policy gives parameters of rules of the whole stack other values; of two the later
 * policy's counts. */
MUST_CHECK bool policy_stack_load(const char *const paths[], size_t count, const struct catalogue *catalogue,
				  const struct check *const *checks, struct policy_stack **ret_stack, struct err *err);
/* The same from bytes: for fuzzing, and for policies that travelled. */
MUST_CHECK bool policy_stack_parse(const char *path, const char *data, size_t len, const struct catalogue *catalogue,
				   const struct check *const *checks, struct policy_stack **ret_stack, struct err *err);
void policy_stack_free(struct policy_stack *stack);
DEFINE_CLEANUP(struct policy_stack, policy_stack_free)
const struct rule *policy_rule_find(const struct policy_stack *stack, const char *id);
bool rule_supports(const struct rule *rule, const char *control);

const char *kind_name(enum kind kind);             /* "effect" */
const char *severity_name(enum severity severity); /* "critical" */
