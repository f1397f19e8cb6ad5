/* Policies: rules as YAML, loaded strictly. An unknown field, a wrong type, an unknown control, check, parameter or
 * field, a bare 8.10, a duplicate id: an error at file:line:column, and no policy. docs/POLICY.md is the language's
 * page. */
#pragma once

#include "core/catalogue.h"
#include "core/expect.h"
#include "core/policy_selector.h"

#define POLICY_RULES_MOST 4096 /* in a stack */
#define POLICY_FILES_MOST 256  /* in a folder */
#define POLICY_HEAD_FILE "policy.yaml"
#define POLICY_VIEWS_MOST 8                  /* of a rule */
#define POLICY_TEXT_LONGEST 1000             /* bytes of a title, a why, a fix */
#define POLICY_ID_LONGEST 128                /* bytes of a rule's or a policy's id */
#define POLICY_DISABLE_LONGEST 500           /* bytes of the reason why a rule is disabled */
#define POLICY_DISABLED_MOST 4096            /* entries of `disable` and `enable` in a stack */
#define POLICY_STACK_MOST 64                 /* policies for one host */
#define POLICY_READ_MOST 256                 /* policies that are read, those that are for other hosts too */
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
	char *disabled;     /* "disabled by POLICY: REASON": notchecked, and nothing is looked at; NULL: it is not */
	char *disabled_at;  /* "FILE:LINE" */
	struct rule *below; /* owned: the rule whose place this one takes (`replace: true`), or NULL */
	bool replaces;      /* says `replace: true` */
};

struct policy {
	size_t index; /* among all that were read, those that are left out too: the later count */
	char *path, *id, *version, *framework, *title, *owner, *review_by; /* review_by "2027-06-30" or NULL */
	struct buf bytes;                                                  /* the file, or the folder as one file */
	struct hash sha256;
	char **approvals; /* lines of core/approval.h for this digest; nothing is verified. Filled by agent/approved.h
			   */
	size_t approval_count;
	struct policy_selector *hosts; /* NULL: all */
	char *left_out;                /* why it is not for this host; NULL: it is */
};

struct waiver; /* core/waiver.h */

/* What a host runs: one or more policies, those on top of others behind them; all rules sorted by id, each once. */
struct policy_stack {
	struct policy **policies; /* that are for this host: at least one */
	size_t policy_count;
	struct rule **rules;
	size_t rule_count;
	struct waiver **waivers; /* of these policies, in their order */
	size_t waiver_count;
	struct policy **left_out; /* that were read and are not for this host: they contribute nothing */
	size_t left_out_count;
	struct policy_host *host; /* a copy of what it was loaded for, or NULL */
};

/* A path is a file, or a folder: its policy.yaml holds the head alone, every other *.yaml a list of rules. A folder is
 * the same policy as the one file of head, "rules:" and these lists, in the order of their names; that is what its
 * digest is of.
 *
 * Of two policies the later is on top: its `set` counts, its `disable` and `enable`, and its rule that says `replace:
 * true`. A policy whose `hosts` do not match the host contributes nothing, but is read like the others: its own text
 * has to be right, and what it names has to be in some policy. A selector that asks for what is not known of the host
 * (its name, its os) is an error. host NULL: all policies are for it. */
MUST_CHECK bool policy_stack_load_for(const struct policy_host *host, const char *const paths[], size_t count,
				      const struct catalogue *catalogue, const struct check *const *checks,
				      struct policy_stack **ret_stack, struct err *err);
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
