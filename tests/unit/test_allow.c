/* The list that vouch paths prints: wide enough for what a round asks for, and no wider than it has to be. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>

#include "agent/look.h"
#include "agent/stack.h"
#include "broker/paths.h"
#include "cli/allow.h"

static struct stack *baseline(void) {
	struct stack *stack = NULL;
	struct err err = {0};
	if (!stack_load(SOURCE_DIR, NULL, 0, &stack, &err))
		fail_msg("%s", err.why);
	return stack;
}

static struct paths *list_of(const struct policy_stack *stack) {
	struct paths *paths = NULL;
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	allow_text(stack, &text);
	if (!paths_parse("list", text.data, text.len, &paths, &err))
		fail_msg("line %u: %s", err.line, err.why);
	return paths;
}

static bool permits(const struct paths *paths, const char *name) {
	struct err err = {0};
	int error = 0;
	return paths_permit(paths, name, &error, &err);
}

/* Whether a helper is asked for this name. */
static bool is_for_helpers(const char *name) {
	CLEANUP(names_free_p) struct names *asked = names_new();
	fetch_patterns(name, asked);
	return names_count(asked) > 0 && !strcmp(names_at(asked, 0), name);
}

static void the_baseline_opens_no_secrets(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = baseline();
	CLEANUP(paths_free_p) struct paths *paths = list_of(stack->policies);
	const char *const secrets[] = {"/etc/shadow",
				       "/etc/shadow-",
				       "/etc/gshadow",
				       "/etc/ssh/ssh_host_rsa_key",
				       "/etc/ssl/private/a",
				       "/etc/ssl/private.key",
				       "/etc/pki/tls/private/",
				       "/root/a",
				       "/home/a/b",
				       "/proc/1/environ",
				       "/proc/kcore",
				       "/proc/1/mem",
				       "/etc/sudoers",
				       "/var/lib/vouch/a",
				       "/var/lib/a",
				       "/run/credentials/a",
				       "/etc/krb5.keytab",
				       "/dev/mem",
				       "/boot/a",
				       "/proc/sys/net/ipv4/tcp_fastopen_key",
				       "/etc/letsencrypt/a",
				       "/usr/a",
				       "/tmp/a",
				       "/sys/class/block/nvme0n1/device/device/resource0",
				       "/etc/unbound/unbound_control.key",
				       "/etc/rsyslog/client.pem",
				       "/etc/rsyslog.d/client.key",
				       "/var/log/auth.log"};
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("file:%s", secrets[i]);
		if (permits(paths, name))
			fail_msg("%s is let through", name);
	}
	const char *const others[] = {"dir:/root",      "dir:/home",        "dir:/home/a",
				      "tree:/root",     "tree:/",           "tree:/home",
				      "stat:/root/a",   "stat:/home/a",     "dir:/",
				      "tree:/etc",      "dir:/tmp",         "link:/root/a",
				      "statvfs:/../..", "luks:/etc/shadow", "dir:/sys/class/block/sda/device"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (permits(paths, others[i]))
			fail_msg("%s is let through", others[i]);
}

static void no_pattern_stands_for_everything(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = baseline();
	CLEANUP(names_free_p) struct names *patterns = allow_patterns(stack->policies);
	assert_in_range(names_count(patterns), 100, 1000);
	for (size_t i = 0; i < names_count(patterns); i++) {
		const char *pattern = names_at(patterns, i), *path = strchr(pattern, ':') + 1;
		assert_string_not_equal(pattern, "*");
		/* How full a file system is is no secret. */
		if ((!strcmp(path, "*") || !strcmp(path, "/*")) && strcmp(pattern, "statvfs:/*") != 0)
			fail_msg("%s", pattern);
	}
}

static void assert_covers(const struct policy_stack *stack, const char *root, const char *const *only) {
	CLEANUP(paths_free_p) struct paths *paths = list_of(stack);
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct err err = {0};
	size_t count = 0;
	if (!look_read(&(struct look_options){.stack = stack, .host = {.root = root}, .only = only}, set, &err))
		fail_msg("%s", err.why);
	for (size_t i = 0; i < sources_count(set); i++) {
		const char *name = sources_at(set, i)->name;
		if (!is_for_helpers(name))
			continue;
		count++;
		if (!permits(paths, name))
			fail_msg("%s is asked for and not listed (%s)", name, root ? root : "this host");
	}
	assert_in_range(count, 100, SOURCES_MOST);
}

/* All rules but those that read every file of every package, under a name that is the same on every host: that takes
 * minutes on a busy disk. The caller frees the array alone. */
static const char **all_but_the_files_of_packages(const struct policy_stack *stack) {
	const char **only = xcalloc(stack->rule_count + 1, sizeof *only);
	size_t count = 0;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (strcmp(stack->rules[i]->views[0].check->name, "package_files") != 0)
			only[count++] = stack->rules[i]->id;
	assert_int_equal(count, stack->rule_count - 1);
	return only;
}

static void what_a_round_on_this_host_asks_for_is_listed(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = baseline();
	const char **only = all_but_the_files_of_packages(stack->policies);
	assert_covers(stack->policies, NULL, only);
	free(only);
}

static void what_rounds_on_other_hosts_ask_for_is_listed(void **state) {
	static const char *const hosts[] = {"good", "bad"};
	CLEANUP(stack_free_p) struct stack *stack = baseline();
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		CLEANUP(free_ptr) char *root = xasprintf(TESTS_DIR "/hosts/%s", hosts[i]);
		assert_covers(stack->policies, root, NULL);
	}
}

static void usual_links_lead_where_distributions_let_them(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = baseline();
	CLEANUP(paths_free_p) struct paths *paths = list_of(stack->policies);
	const char *const good[][2] = {
		{"file:/etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"},
		{"file:/etc/os-release", "/usr/lib/os-release"},
		{"link:/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin"},
		{"link:/sys/dev/block/8:1", "/sys/devices/pci0000:00/0000:00:05.0/virtio2/block/vda/vda1"},
		{"file:/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.conf"},
		{"file:/lib/modules/6.1.0/modules.dep", "/usr/lib/modules/6.1.0/modules.dep"},
		{"file:/proc/net/ip_tables_names", "/proc/123/net/ip_tables_names"},
		{"stat:/var/run/nscd/socket", "/run/nscd/socket"}};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!paths_may_lead(paths, good[i][0], good[i][1]))
			fail_msg("%s does not lead to %s", good[i][0], good[i][1]);
	const char *const secrets[] = {"/etc/shadow", "/root/a", "/home/a/b", "/etc/ssl/private/a", "/proc/1/environ"};
	CLEANUP(names_free_p) struct names *patterns = allow_patterns(stack->policies);
	for (size_t i = 0; i < names_count(patterns); i++)
		for (size_t k = 0; k < ARRAY_LEN(secrets) && !strncmp(names_at(patterns, i), "file:", 5); k++)
			if (paths_may_lead(paths, names_at(patterns, i), secrets[k]))
				fail_msg("%s leads to %s", names_at(patterns, i), secrets[k]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_baseline_opens_no_secrets),
		cmocka_unit_test(no_pattern_stands_for_everything),
		cmocka_unit_test(what_a_round_on_this_host_asks_for_is_listed),
		cmocka_unit_test(what_rounds_on_other_hosts_ask_for_is_listed),
		cmocka_unit_test(usual_links_lead_where_distributions_let_them),
	};
	return cmocka_run_group_tests_name("allow", tests, NULL, NULL);
}
