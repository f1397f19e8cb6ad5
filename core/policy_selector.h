/* Which hosts a policy or a waiver is for: `hosts: {names: [glob], groups: [..], environments: [..], os: [..]}`. All
 * that are given have to match, each by one of its words. */
#pragma once

#include "core/buf.h"
#include "core/yaml.h"

#define POLICY_SELECTOR_WORDS_MOST 256   /* in one list */
#define POLICY_SELECTOR_WORD_LONGEST 255 /* bytes */

/* The host that policies are read for. Everything is borrowed; "" is what is not known, or not set. */
struct policy_host {
	const char *name, *environment, *os; /* os as statements have it: "debian 12" */
	const char *const *groups;
	size_t group_count;
};
/* A copy of its own; NULL of NULL. */
struct policy_host *policy_host_copy(const struct policy_host *host);
void policy_host_free(struct policy_host *host);

struct policy_selector;
/* Strict: another key, an empty selector, an empty list or word: ERR_SYNTAX at its place. */
MUST_CHECK bool policy_selector_read(const struct yaml *node, const char *where, struct policy_selector **ret_selector,
				     struct err *err);
void policy_selector_free(struct policy_selector *selector);
DEFINE_CLEANUP(struct policy_selector, policy_selector_free)
/* Names are compared as shell patterns and without regard to case; a word of `os` is the system's id ("debian") or id
 * and version ("debian 12"). No selector, or no host (NULL): it matches. *ret_why, if wanted, gets why not: "its
 * environment is test, not prod"; the caller frees. */
bool policy_selector_matches(const struct policy_selector *selector, const struct policy_host *host, char **ret_why);
/* What the selector asks for that is not known of the host ("name", "os"), or NULL: then whether it matches cannot be
 * said. */
const char *policy_selector_lacks(const struct policy_selector *selector, const struct policy_host *host);
/* Likewise, of a host whose groups are not known: they are not asked for. */
bool policy_selector_may_match(const struct policy_selector *selector, const struct policy_host *host);
/* `environments prod, groups web`. Appends. */
void policy_selector_describe(const struct policy_selector *selector, struct buf *text);
