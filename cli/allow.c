#include "cli/allow.h"

#include <fnmatch.h>

#include "agent/attribute.h"
#include "agent/identity.h"
#include "sources/fetch.h"

/* Where distributions let links lead, for each pattern that this pattern fits. */
static const struct {
	const char *pattern, *targets;
} links[] = {
	{"file:/etc/resolv.conf",
	 "/run/systemd/resolve/*.conf /usr/lib/systemd/resolv.conf /run/resolvconf/resolv.conf "
	 "/run/NetworkManager/*resolv.conf /run/connman/resolv.conf"},
	{"file:/etc/os-release", "/usr/lib/os-release /usr/lib/os.release.d/*"},
	{"file:/usr/lib/os-release", "/usr/lib/os.release.d/*"},
	{"file:/etc/nsswitch.conf", "/etc/authselect/nsswitch.conf"},
	{"file:/etc/pam.d/*", "/etc/authselect/* /etc/pam.d/*"},
	{"file:/etc/crypto-policies/back-ends/*", "/usr/share/crypto-policies/*"},
	{"link:/etc/localtime", "/usr/share/zoneinfo/*"},
	{"file:/etc/localtime", "/usr/share/zoneinfo/*"},
	{"file:/etc/sysctl.d/*", "/etc/sysctl.conf"},
	{"file:/etc/systemd/system/*", "/usr/lib/systemd/system/*"},
	{"file:/lib/systemd/system/*", "/usr/lib/systemd/system/*"},
	{"file:/usr/lib/systemd/system/*", "/usr/lib/systemd/system/*"},
	{"*:/sys/*", "/sys/*"},
	{"file:/proc/net/*", "/proc/*/net/*"},
	{"link:/dev/*", "/dev/*"},
	{"stat:/dev/*", "/dev/*"},
	{"file:/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instances/*/user-data.txt"},
	{"link:/var/tmp", "/tmp"},
	{"link:/home", "/usr/home /var/home"},
	{"link:/srv", "/var/srv"},
	{"dpkg:verify*", "/usr/* /opt/* /var/*"},
	{"rpmdb:", "/usr/lib/sysimage/rpm/* /usr/share/rpm/* /var/lib/rpm/*"},
};

static void take_check(struct names *into, const struct check *check, const json_t *params) {
	CLEANUP(names_free_p) struct names *patterns = names_new();
	for (size_t i = 0; !check->paths && check->patterns[i]; i++)
		names_add(patterns, check->patterns[i]);
	if (check->paths)
		check->paths(params, patterns);
	for (size_t i = 0; i < names_count(patterns); i++)
		fetch_patterns(names_at(patterns, i), into);
}

static int by_text(const void *left, const void *right) {
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static struct names *sorted(const struct names *names) {
	size_t count = names_count(names);
	struct names *result = names_new();
	const char **texts = xcalloc(count + 1, sizeof *texts);
	for (size_t i = 0; i < count; i++)
		texts[i] = names_at(names, i);
	qsort(texts, count, sizeof *texts, by_text);
	for (size_t i = 0; i < count; i++)
		names_add(result, texts[i]);
	free(texts);
	return result;
}

struct names *allow_patterns(const struct policy_stack *stack) {
	CLEANUP(names_free_p) struct names *all = names_new();
	take_check(all, &identity_check, NULL);
	take_check(all, &attribute_check, NULL);
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		if (rule->disabled)
			continue;
		for (size_t v = 0; v < rule->view_count && !rule->unset; v++)
			take_check(all, rule->views[v].check, rule->views[v].params);
		if (rule->when)
			take_check(all, rule->when->check, rule->when->params);
	}
	return sorted(all);
}

/* A blank would part targets, and a name is not to end its line. */
static void add_line(struct buf *text, const char *pattern) {
	const char *separator = " > ";
	for (const char *at = pattern; *at; at++)
		buf_add(text, (unsigned char)*at <= ' ' ? "?" : at, 1);
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (fnmatch(links[i].pattern, pattern, 0) != 0)
			continue;
		buf_addf(text, "%s%s", separator, links[i].targets);
		separator = " ";
	}
	buf_adds(text, "\n");
}

void allow_text(const struct policy_stack *stack, struct buf *text) {
	CLEANUP(names_free_p) struct names *patterns = allow_patterns(stack);
	buf_adds(text, "# What vouch's helpers may look at for vouchd. Made by vouch paths, for the rules of\n");
	for (size_t i = 0; i < stack->policy_count; i++)
		buf_addf(text, "#   %s %s\n", stack->policies[i]->id, stack->policies[i]->version);
	buf_adds(text, "# Put a # before a line, and nobody looks at that any more: the rules that need it say denied, "
		       "for this\n"
		       "# reason. Patterns are those of the shell, a * stands for slashes too; behind > is where links "
		       "of root's\n"
		       "# may lead. vouch-broker(8) says more. It counts at once; only root may write here.\n\n");
	for (size_t i = 0; i < names_count(patterns); i++)
		add_line(text, names_at(patterns, i));
}
