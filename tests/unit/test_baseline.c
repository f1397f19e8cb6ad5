/* The shipped baseline, over whole hosts (tests/hosts/, fixture roots): one where each of these rules holds, and one
 * that looks as well kept to a careless eye. A rule that no longer tells them apart is broken. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/look.h"

static const char *const rules[] = {
	"acc.shadow.perms",
	"arch.kernel.selfprot",
	"auth.ssh.effective",
	"cfg.kmod.policy",
	"cfg.sshd.running_vs_file",
	"cfg.sysctl.persistent",
	"cfg.sysctl.running",
	"cfg.unit.effective",
	"cfg.unit.needreload",
	"clk.sources.approved",
	"clk.sources.count",
	"ep.os.supported",
	"log.audit.early",
	"log.classes.seen",
	"log.continuity",
	"log.files.protection",
	"log.forward.canary",
	"log.journal.drops",
	"log.journal.persistent",
	"log.journal.retention_actual",
	"log.record.fields",
	"log.rotation",
	"mask.coredump",
	"mon.kernel.taint",
	"net.sysctl",
	"priv.root.direct_login",
	"util.bpf",
	"util.ptrace",
	"vul.cpu",
	"vul.feed.fresh",
	"vul.held",
	"vul.kernel.running",
	"vul.pkg.inventory",
	NULL,
};

struct setting {
	struct catalogue *catalogue;
	struct policy_stack *stack;
};

static int load(void **state) {
	static struct setting setting;
	const char *const paths[] = {SOURCE_DIR "/policies/linux-baseline"};
	struct err err;
	char text[600];
	if (!catalogue_load(SOURCE_DIR "/policies", &setting.catalogue, &err) ||
	    !policy_stack_load(paths, 1, setting.catalogue, checks_all, &setting.stack, &err))
		fail_msg("%s", err_text(&err, text, sizeof text));
	*state = &setting;
	return 0;
}

static int unload(void **state) {
	struct setting *setting = *state;
	policy_stack_free(setting->stack);
	catalogue_free(setting->catalogue);
	return 0;
}

static json_t *look_at(const struct setting *setting, const char *root, const char *const *only) {
	struct look_options options = {.stack = setting->stack, .host = {.root = root}, .only = only};
	CLEANUP(round_free_p) struct round *round = NULL;
	struct err err;
	assert_true(look_now(&options, &round, &err));
	return json_incref(round->results);
}

static const char *text_of(const json_t *result, const char *member) {
	return json_string_value(json_object_get(result, member));
}

static void all_are(const struct setting *setting, const char *root, const char *const *only, const char *verdict) {
	CLEANUP(json_decref_p) json_t *results = look_at(setting, root, only);
	json_t *result;
	size_t i, count = 0;
	while (only[count])
		count++;
	assert_int_equal(json_array_size(results), count);
	json_array_foreach(results, i, result) if (strcmp(text_of(result, "verdict"), verdict) != 0)
		fail_msg("%s: %s: %s", text_of(result, "rule"), text_of(result, "verdict"), text_of(result, "reason"));
}

static void well_kept_host_passes(void **state) { all_are(*state, TESTS_DIR "/hosts/good", rules, "pass"); }

static void host_that_only_looks_well_kept_fails(void **state) {
	all_are(*state, TESTS_DIR "/hosts/bad", rules, "fail");
}

/* Access lists let people in whom no mode shows; what should log is masked, which is no exemption; and a service that
 * is needed only dies and is started again. */
static void host_that_hides_what_it_does_fails(void **state) {
	static const char *const sly[] = {"acc.shadow.perms",
					  "cfg.unit.effective",
					  "cry.keys.perms",
					  "log.files.protection",
					  "log.continuity",
					  "log.journal.persistent",
					  "log.journal.retention_actual",
					  "log.rotation",
					  NULL};
	all_are(*state, TESTS_DIR "/hosts/sly", sly, "fail");
}

/* Where a missing file has a meaning of its own: no /etc/hosts names nothing, no /etc/adjtime and /etc/localtime are
 * UTC (hwclock(8), localtime(5)). */
static bool is_judged_by_absence(const char *rule) {
	return !strcmp(rule, "web.bypass.hosts") || !strcmp(rule, "clk.rtc_utc_tz");
}

static void folder_without_a_host_passes_nothing(void **state) {
	CLEANUP(json_decref_p) json_t *results = look_at(*state, TESTS_DIR "/hosts/empty", NULL);
	json_t *result;
	size_t i;
	assert_true(json_array_size(results) >= ARRAY_LEN(rules) - 1);
	json_array_foreach(results, i, result) if (!strcmp(text_of(result, "verdict"), "pass") &&
						   !is_judged_by_absence(text_of(result, "rule")))
		fail_msg("%s passes where there is nothing", text_of(result, "rule"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_kept_host_passes),
		cmocka_unit_test(host_that_only_looks_well_kept_fails),
		cmocka_unit_test(host_that_hides_what_it_does_fails),
		cmocka_unit_test(folder_without_a_host_passes_nothing),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
