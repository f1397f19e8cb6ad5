/* Roll-up, once, for every view: what a result is worth now, and what the results of a host make of a control. Pure
 * functions of what is kept and of the instant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLLUP_CLOCK_SLACK 300 /* seconds that a host's clock may be ahead of ours */

/* Of (host, rule), now. The first five are worst first; the others are counted apart. */
enum rule_state {
	RULE_FAIL,
	RULE_ERROR,
	RULE_UNKNOWN,
	RULE_GAP, /* it stood until it expired, and nobody has looked since */
	RULE_PASS,
	RULE_WAIVED,
	RULE_NOTAPPLICABLE,
	RULE_NOTCHECKED,
};
#define RULE_STATES 8

struct rollup_result {
	const char *verdict;        /* as in evidence; one that is not known is unknown */
	int64_t collected, expires; /* by the host's clock */
	int64_t received;           /* by ours */
	int64_t waived_until;       /* 0: no waiver */
};

/* A result stands until expiresAt, and no longer than receivedAt + valid, whatever its clock says; then it is a gap.
 * One whose clock was ahead of ours when it came says nothing while it stands: unknown. A fail is waived until the
 * waiver expires. */
enum rule_state rollup_rule(const struct rollup_result *result, int64_t now);
const char *rule_state_name(enum rule_state state); /* "fail", ..., "notchecked" */

/* Of (host, control), now. */
enum control_state {
	CONTROL_FAILING,
	CONTROL_UNKNOWN,
	CONTROL_OPERATING,
	CONTROL_DESIGNED,
	CONTROL_NOTEVALUATED,
};
#define CONTROL_STATES 5

/* What a host's results say about one control; {0} to begin. */
struct rollup_control {
	unsigned key_rules;                                            /* that decide this control */
	unsigned failing, cannot, passing, passing_effect, notchecked; /* key rules, by state */
	bool is_any_failing;                                           /* any rule, key or not */
};

/* is_deciding: the rule is a key rule and the control is its first. */
void rollup_add(struct rollup_control *control, enum rule_state state, bool is_effect, bool is_deciding);
/* failing: a key rule fails, unwaived. unknown: none fails, one cannot say (unknown, error, gap). operating: all that
 * remain pass, one of them by effect. designed: they pass, none by effect, or one is not checked. not evaluated:
 * nothing decides, because there is no key rule, all of them are waived or not applicable, or none was checked at all.
 * Without key rules: failing if any rule fails, else not evaluated. */
enum control_state rollup_state(const struct rollup_control *control);
const char *control_state_name(enum control_state state); /* "failing", "unknown", ..., "not evaluated" */
/* The same as members of JSON and labels: "notevaluated". */
const char *control_state_key(enum control_state state);
