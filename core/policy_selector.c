#include "core/policy_selector.h"

#include <fnmatch.h>

#include "core/policy_rule.h"

enum list { NAMES, GROUPS, ENVIRONMENTS, OS, LISTS };
static const char *const list_names[LISTS + 1] = {"names", "groups", "environments", "os", NULL};

struct words {
	char **items;
	size_t count;
};
struct policy_selector {
	struct words lists[LISTS];
};

/* ---- the host ---- */

struct policy_host *policy_host_copy(const struct policy_host *host) {
	if (!host)
		return NULL;
	struct policy_host *copy = xcalloc(1, sizeof *copy);
	char **groups = xcalloc(host->group_count + 1, sizeof *groups);
	for (size_t i = 0; i < host->group_count; i++)
		groups[i] = xstrdup(host->groups[i]);
	*copy = (struct policy_host){xstrdup(host->name), xstrdup(host->environment), xstrdup(host->os),
				     (const char *const *)groups, host->group_count};
	return copy;
}

void policy_host_free(struct policy_host *host) {
	if (!host)
		return;
	for (size_t i = 0; i < host->group_count; i++)
		free((char *)host->groups[i]);
	free((char **)host->groups);
	free((char *)host->name);
	free((char *)host->environment);
	free((char *)host->os);
	free(host);
}

/* ---- reading ---- */

void policy_selector_free(struct policy_selector *selector) {
	if (!selector)
		return;
	for (size_t l = 0; l < LISTS; l++) {
		for (size_t i = 0; i < selector->lists[l].count; i++)
			free(selector->lists[l].items[i]);
		free(selector->lists[l].items);
	}
	free(selector);
}

static bool read_words(const struct yaml *node, const char *where, const char *name, struct words *words,
		       struct err *err) {
	if (!yaml_is(node, YAML_SEQUENCE, where, name, err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, where, node, "%s is empty: no host would match", name);
	if (node->count > POLICY_SELECTOR_WORDS_MOST)
		return yaml_fault(err, where, node, "%s holds more than %d words", name, POLICY_SELECTOR_WORDS_MOST);
	words->items = xcalloc(node->count, sizeof *words->items);
	for (size_t i = 0; i < node->count; i++) {
		if (!policy_text_read(node->items[i], where, name, POLICY_SELECTOR_WORD_LONGEST, &words->items[i], err))
			return false;
		words->count++;
	}
	return true;
}

bool policy_selector_read(const struct yaml *node, const char *where, struct policy_selector **ret_selector,
			  struct err *err) {
	CLEANUP(policy_selector_free_p) struct policy_selector *selector = xcalloc(1, sizeof *selector);
	if (!yaml_has_only(node, list_names, where, "hosts", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, where, node, "hosts is empty: leave it out where all hosts are meant");
	for (size_t l = 0; l < LISTS; l++) {
		const struct yaml *list = yaml_get(node, list_names[l]);
		if (list && !read_words(list, where, list_names[l], &selector->lists[l], err))
			return false;
	}
	*ret_selector = selector;
	selector = NULL;
	return true;
}

/* ---- matching ---- */

static bool has_word(const struct words *words, const char *text) {
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->items[i], text))
			return true;
	return false;
}

static bool has_name(const struct words *words, const char *name) {
	for (size_t i = 0; i < words->count; i++)
		if (fnmatch(words->items[i], name, FNM_CASEFOLD) == 0)
			return true;
	return false;
}

static bool has_group(const struct words *words, const struct policy_host *host) {
	for (size_t i = 0; i < host->group_count; i++)
		if (has_word(words, host->groups[i]))
			return true;
	return false;
}

static bool has_os(const struct words *words, const char *os) {
	CLEANUP(free_ptr) char *id = xstrndup(os, strcspn(os, " "));
	return has_word(words, os) || has_word(words, id);
}

static bool has_host(const struct words *words, enum list list, const struct policy_host *host) {
	switch (list) {
	case NAMES:
		return has_name(words, host->name);
	case GROUPS:
		return has_group(words, host);
	case ENVIRONMENTS:
		return has_word(words, host->environment);
	default:
		return has_os(words, host->os);
	}
}

static void add_words(const struct words *words, const char *between, struct buf *text) {
	for (size_t i = 0; i < words->count; i++)
		buf_addf(text, "%s%s", i ? between : "", words->items[i]);
}

static char *why_not(const struct words *words, enum list list, const struct policy_host *host) {
	struct buf text = {0};
	const char *is = list == NAMES ? host->name : list == ENVIRONMENTS ? host->environment : host->os;
	if (list == GROUPS)
		buf_adds(&text, host->group_count ? "it is in none of the groups " : "it is in no group, not in ");
	else
		buf_addf(&text, "its %s is %s, not ",
			 list == NAMES ? "name"
			 : list == OS  ? "system"
				       : "environment",
			 *is ? is : "not set");
	add_words(words, " or ", &text);
	return buf_take(&text);
}

bool policy_selector_matches(const struct policy_selector *selector, const struct policy_host *host, char **ret_why) {
	for (enum list l = 0; selector && host && l < LISTS; l++) {
		const struct words *words = &selector->lists[l];
		if (!words->count || has_host(words, l, host))
			continue;
		if (ret_why)
			*ret_why = why_not(words, l, host);
		return false;
	}
	return true;
}

bool policy_selector_may_match(const struct policy_selector *selector, const struct policy_host *host) {
	for (enum list l = 0; selector && l < LISTS; l++)
		if (l != GROUPS && selector->lists[l].count && !has_host(&selector->lists[l], l, host))
			return false;
	return true;
}

const char *policy_selector_lacks(const struct policy_selector *selector, const struct policy_host *host) {
	if (!selector || !host)
		return NULL;
	if (selector->lists[NAMES].count && !*host->name)
		return "name";
	return selector->lists[OS].count && !*host->os ? "os" : NULL;
}

void policy_selector_describe(const struct policy_selector *selector, struct buf *text) {
	const char *between = "";
	for (size_t l = 0; l < LISTS; l++) {
		if (!selector->lists[l].count)
			continue;
		buf_addf(text, "%s%s ", between, list_names[l]);
		add_words(&selector->lists[l], ", ", text);
		between = "; ";
	}
}
