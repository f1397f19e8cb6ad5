/* Policies: what loads, and what is refused where. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <unistd.h>

#include "core/file.h"
#include "core/policy.h"
#include "tests/fake_checks.h"
#include "tests/unit/scratch.h"

static struct catalogue *catalogue;

#define HEAD "policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules:\n"
#define ID "- id: log.keep\n"
#define REST "  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: effect\n  every: 1h\n  why: W\n  fix: F\n"
#define LOOK "  check: sysctl\n  with: {key: k}\n  expect: {running: \"0\"}\n"

static struct policy_stack *loaded(const char *text) {
	struct err err = {0};
	struct policy_stack *stack = NULL;
	if (!policy_stack_parse("p.yaml", text, strlen(text), catalogue, fake_checks, &stack, &err))
		fail_msg("%u:%u: %s\n%s", err.line, err.column, err.why, text);
	return stack;
}

static void refused(const char *text, unsigned line, unsigned column, const char *part) {
	struct err err = {0};
	struct policy_stack *stack = NULL;
	if (policy_stack_parse("p.yaml", text, strlen(text), catalogue, fake_checks, &stack, &err))
		fail_msg("loaded: %s", text);
	assert_null(stack);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_string_equal(err.where, "p.yaml");
	if (err.line != line || err.column != column || !strstr(err.why, part))
		fail_msg("%u:%u: %s\n%s", err.line, err.column, err.why, text);
}

static void rule_is_read_whole(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = loaded(
		"policy:\n  id: linux-baseline\n  version: 1.0.0\n  framework: \"iso27001:2022\"\n  title: Base\n"
		"  owner: O\n  review_by: 2027-06-30\n"
		"rules:\n"
		"- id: log.journal.retention_actual\n  title: The journal reaches back\n  controls: [A.8.15, A.8.10]\n "
		" key: true\n"
		"  severity: critical\n  kind: design\n  every: 1h\n  valid: 4h\n"
		"  params: {min: {type: duration, default: 90d, doc: retention}, where: {type: string, default: /x, "
		"doc: path}}\n"
		"  min_host_age: $min\n  show: true\n"
		"  when: {check: sysctl, with: {key: $where}, expect: {running: \"1\"}}\n"
		"  check: file\n  with: {path: $where, patterns: [$where, b], depth: 3}\n"
		"  expect: {age: {at_least: $min}}\n"
		"  why: >\n    One sentence\n    for the auditor.\n  fix: For the administrator.\n");
	const struct rule *rule = policy_rule_find(stack, "log.journal.retention_actual");
	assert_non_null(rule);
	assert_int_equal(rule->line, 9);
	assert_int_equal(rule->control_count, 2);
	assert_string_equal(rule->controls[0], "A.8.15");
	assert_true(rule->key && rule->show);
	assert_string_equal(severity_name(rule->severity), "critical");
	assert_string_equal(kind_name(rule->kind), "design");
	assert_int_equal(rule->every, 3600);
	assert_int_equal(rule->valid, 4 * 3600);
	assert_int_equal(rule->min_host_age, 90 * 86400);
	assert_string_equal(rule->why, "One sentence for the auditor.");
	assert_int_equal(json_integer_value(json_object_get(rule->params, "min")), 90 * 86400);
	assert_string_equal(param_string(rule->views[0].params, "path", ""), "/x");
	assert_string_equal(param_strings_at(rule->views[0].params, "patterns", 0), "/x");
	assert_int_equal(param_int(rule->views[0].params, "depth", 0), 3);
	assert_true(param_bool(rule->views[0].params, "show", false));
	assert_string_equal(param_string(rule->when->params, "key", ""), "/x");
	assert_string_equal(rule->policy->review_by, "2027-06-30");
	assert_string_equal(rule->policy->path, "p.yaml");
	assert_int_equal(stack->policies[0]->bytes.len > 500, 1);
}

static void validity_is_three_looks_and_at_least_an_hour(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *hours = loaded(HEAD ID REST LOOK);
	assert_int_equal(hours->rules[0]->valid, 3 * 3600);
	CLEANUP(policy_stack_free_p)
	struct policy_stack *minutes = loaded(HEAD ID "  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: "
						      "effect\n  every: 5m\n  why: W\n  fix: F\n" LOOK);
	assert_int_equal(minutes->rules[0]->valid, 3600);
	refused(HEAD ID REST "  valid: 30m\n" LOOK, 11, 10, "at least 1h");
	refused(HEAD ID REST "  valid: 367d\n" LOOK, 11, 10, "at most 366d");
	refused(HEAD ID "  every: 123d\n  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: effect\n  why: W\n"
			"  fix: F\n" LOOK,
		4, 10, "at most 122d");
	refused(HEAD ID "  valid: 90m\n  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: effect\n  every: "
			"2h\n  why: W\n"
			"  fix: F\n" LOOK,
		4, 10, "shorter than every (2h)");
	refused(HEAD ID "  every: 0\n  title: T\n  controls: [A.8.15]\n  severity: high\n  kind: effect\n  why: W\n  "
			"fix: F\n" LOOK,
		4, 10, "at least 1s");
}

static void control_without_its_letter_is_explained(void **state) {
#define CONTROLS(list)                                                                                                 \
	HEAD ID "  controls: " list                                                                                    \
		"\n  title: T\n  severity: high\n  kind: effect\n  every: 1h\n  why: W\n  fix: F\n" LOOK
	refused(CONTROLS("[8.10]"), 4, 14, "write \"A.8.10\": YAML reads 8.10 as the number 8.1");
	refused(CONTROLS("[A.8.1, 8.9]"), 4, 21, "write \"A.8.9\": YAML reads 8.9 as the number 8.9");
	refused(CONTROLS("[\"8.10\"]"), 4, 14, "write \"A.8.10\"");
	refused(CONTROLS("[A.8.35]"), 4, 14, "there is no control \"A.8.35\" in iso27001:2022");
	refused(CONTROLS("[A.12.4.1]"), 4, 14, "of the 2013 edition; in that of 2022 it went into A.8.15");
	refused(CONTROLS("[cl.10.2]"), 4, 14, "there is no control");
	refused(CONTROLS("[]"), 4, 13, "at least one");
	refused(CONTROLS("A.8.1"), 4, 13, "has to be a sequence");
	refused(CONTROLS("[A.8.1, A.8.1]"), 4, 21, "stands here twice");
	refused(CONTROLS("[[A.8.1]]"), 4, 14, "has to be a scalar");
}

static void id_never_carries_a_control_number(void **state) {
	static const char *const bad[] = {"a.8.15.x", "log.8.15", "a8.15", "x.a8-15.y", "log_8_1"};
	static const char *const good[] = {"tls.1_2", "net.ipv6.off", "os.debian.12", "a.18.1", "fips-140-3", "x.9.9"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(free_ptr) char *text = xasprintf("%s- id: %s\n%s", HEAD, bad[i], REST LOOK);
		refused(text, 3, 7, "carries a control's number");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP(free_ptr) char *text = xasprintf("%s- id: %s\n%s", HEAD, good[i], REST LOOK);
		CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(text);
		assert_non_null(policy_rule_find(stack, good[i]));
	}
	refused(HEAD "- id: Log.Keep\n" REST LOOK, 3, 7, "small letters");
	refused(HEAD "- id: ../etc\n" REST LOOK, 3, 7, "small letters");
	refused(HEAD "- id: a/b\n" REST LOOK, 3, 7, "small letters");
}

static void unknown_names_are_refused_where_they_stand(void **state) {
	refused(HEAD ID REST LOOK "  colour: red\n", 14, 3, "a rule has no field \"colour\"");
	refused(HEAD ID REST "  check: nothing\n  expect: {a: 1}\n", 11, 10, "no check \"nothing\"");
	refused(HEAD ID REST "  check: sysctl\n  with: {key: k, depth: 1}\n  expect: {running: a}\n", 12, 18,
		"the check sysctl has no parameter \"depth\"");
	refused(HEAD ID REST "  check: sysctl\n  with: {key: k}\n  expect: {speed: a}\n", 13, 12,
		"has no field \"speed\"");
	refused(HEAD ID REST "  check: sysctl\n  with: {key: $k}\n  expect: {running: a}\n", 12, 15,
		"no parameter \"k\"");
	refused(HEAD ID REST LOOK "  when: {check: sysctl, expect: {running: a}, colour: red}\n", 14, 47,
		"when has no field \"colour\"");
	refused(HEAD ID REST LOOK "  needs_control: log.other\n", 3, 3, "names no rule: \"log.other\"");
	refused("policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T, colour: red}\nrules: []\n", 1,
		71, "policy has no field \"colour\"");
	refused("policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules: []\nsets: {}\n", 3, 1,
		"no field \"sets\"");
}

static void wrong_types_are_refused_where_they_stand(void **state) {
	refused(HEAD ID REST "  check: sysctl\n  with: {key: 1}\n  expect: {running: a}\n", 12, 15, "write \"1\"");
	refused(HEAD ID REST "  check: sysctl\n  with: {key: k}\n  expect: {running: no}\n", 13, 21, "write \"no\"");
	refused(HEAD ID REST "  check: file\n  with: {path: /x, depth: deep}\n  expect: {uid: 0}\n", 12, 27,
		"a whole number");
	refused(HEAD ID REST "  check: file\n  with: {path: /x, patterns: a}\n  expect: {uid: 0}\n", 12, 30,
		"has to be a sequence");
	refused(HEAD ID REST "  check: file\n  with: {path: /x, show: true}\n  expect: {uid: 0}\n", 12, 20,
		"show is a field of the rule");
	refused(HEAD ID REST LOOK "  key: yes\n", 14, 8, "true or false");
	refused(HEAD ID REST LOOK "  min_host_age: 90\n", 14, 17, "a duration");
	refused(HEAD ID REST LOOK "  params: {a: {type: number, default: 1, doc: d}}\n", 14, 22, "no type \"number\"");
	refused(HEAD ID REST LOOK "  params: {a: {type: int, default: x, doc: d}}\n", 14, 36, "a whole number");
	refused(HEAD ID REST LOOK "  params: {A: {type: int, default: 1, doc: d}}\n", 14, 12, "small letters");
	refused(HEAD "- just text\n", 3, 3, "has to be a mapping");
	refused("policy: {id: p, version: 1.0, framework: \"iso27001:2022\", title: T}\nrules: [{}]\n", 1, 26,
		"write \"1.0\"");
	refused("policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T, review_by: "
		"2027-02-30}\nrules: [{}]\n",
		1, 82, "review_by");
	refused("- a\n", 1, 1, "has to be a mapping");
	refused(HEAD "- id: [a\n", 4, 1, "");
}

static void choices_are_named_when_none_was_made(void **state) {
	refused(HEAD ID "  severity: crit\n  title: T\n  controls: [A.8.15]\n  kind: effect\n  every: 1h\n  why: W\n  "
			"fix: F\n" LOOK,
		4, 13, "one of critical, high, medium, low");
	refused(HEAD ID "  kind: fact\n  title: T\n  controls: [A.8.15]\n  severity: low\n  every: 1h\n  why: W\n  "
			"fix: F\n" LOOK,
		4, 9, "one of effect, design, inventory");
	refused("policy: {id: p, version: 1.0.0, framework: \"iso27001:2013\", title: T}\nrules: [{}]\n", 1, 44,
		"has to be \"iso27001:2022\"");
}

static void every_required_field_is_missed(void **state) {
	static const char *const lines[] = {"- id: log.keep\n  title: T\n",
					    "  controls: [A.8.15]\n",
					    "  severity: high\n",
					    "  kind: effect\n",
					    "  every: 1h\n",
					    "  why: W\n",
					    "  fix: F\n",
					    "  check: sysctl\n",
					    "  with: {key: k}\n",
					    "  expect: {running: a}\n"};
	static const char *const missed[] = {"id",  "controls", "severity", "kind", "every",
					     "why", "fix",      "check",    "key",  "expect"};
	for (size_t without = 1; without < ARRAY_LEN(lines); without++) {
		CLEANUP(buf_done) struct buf text = {0};
		buf_adds(&text, HEAD);
		for (size_t i = 0; i < ARRAY_LEN(lines); i++)
			buf_adds(&text, i == without ? "" : lines[i]);
		struct err err = {0};
		struct policy_stack *stack = NULL;
		CLEANUP(free_ptr) char *name = xasprintf("\"%s\"", missed[without]);
		assert_false(policy_stack_parse("p", text.data, text.len, catalogue, fake_checks, &stack, &err));
		if (!strstr(err.why, name))
			fail_msg("without %s: %s", missed[without], err.why);
	}
	refused(HEAD "- title: T\n" REST LOOK, 4, 3, "stands here twice");
	refused(HEAD "- severity: high\n", 3, 3, "a rule needs a field \"id\"");
	refused(HEAD, 2, 7, "has to be a sequence");
	refused("policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules: []\n", 2, 8,
		"without rules");
	refused("rules: []\n", 1, 1, "needs a field \"policy\"");
}

static void texts_are_one_line_under_a_cap(void **state) {
	refused(HEAD ID REST LOOK "  needs_control: \"\"\n", 14, 18, "is empty");
	refused(HEAD "- id: log.keep\n  title: \"a\\tb\"\n  severity: high\n  controls: [A.8.15]\n", 4, 10, "one line");
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, HEAD "- id: ");
	for (size_t i = 0; i < POLICY_ID_LONGEST; i++)
		buf_adds(&text, "x");
	CLEANUP(free_ptr) char *most = xasprintf("%s\n%s", text.data, REST LOOK);
	CLEANUP(free_ptr) char *over = xasprintf("%sx\n%s", text.data, REST LOOK);
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(most);
	assert_int_equal(strlen(stack->rules[0]->id), POLICY_ID_LONGEST);
	refused(over, 3, 7, "longer than");
}

static void needed_control_stands_by_itself(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack =
		loaded(HEAD ID REST LOOK "  needs_control: log.other\n- id: log.other\n" REST LOOK);
	assert_string_equal(policy_rule_find(stack, "log.keep")->needs_control, "log.other");
	refused(HEAD ID REST LOOK "  needs_control: log.keep\n", 3, 3, "needs one itself");
}

static void views_have_names_and_are_compared(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = loaded(
		HEAD ID REST
		"  checks:\n    disk: {check: sysctl, with: {key: a}}\n    served: {check: sysctl, with: {key: b}}\n"
		"  expect: {served.running: {equals: disk.running}}\n");
	assert_int_equal(stack->rules[0]->view_count, 2);
	assert_string_equal(stack->rules[0]->views[1].name, "served");
	refused(HEAD ID REST
		"  checks: {a: {check: sysctl, with: {key: a}}}\n  check: sysctl\n  expect: {a.running: a}\n",
		11, 11, "either");
	refused(HEAD ID REST "  checks: {a: {check: viewer}}\n  expect: {a.view: a}\n", 11, 15,
		"cannot be one of several");
	refused(HEAD ID REST "  checks: {A: {check: viewer}}\n  expect: {a.view: a}\n", 11, 12, "small letters");
	refused(HEAD ID REST "  checks: {}\n  expect: {a.view: a}\n", 11, 11, "1 to 8");
	refused(HEAD ID REST "  expect: {running: a}\n", 3, 3, "\"check\" or \"checks\"");
}

/* {not: ..} would hold of a text that was never shown. */
static void what_is_not_shown_cannot_be_judged(void **state) {
	const char expect[] = "  check: file\n  with: {path: /x}\n  expect: {owner: {not: root}}\n";
	CLEANUP(free_ptr) char *without = xasprintf("%s%s", HEAD ID REST, expect);
	CLEANUP(free_ptr) char *with = xasprintf("%s  show: true\n", without);
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(with);
	assert_int_equal(stack->rule_count, 1);
	refused(without, 13, 12, "only in a rule with \"show: true\"");
}

static bool load_two(const char *one, const char *two, struct policy_stack **ret_stack, struct err *err) {
	char folder[] = "/tmp/vouch-policy-XXXXXX";
	assert_non_null(mkdtemp(folder));
	CLEANUP(free_ptr) char *a = file_join(folder, "a.yaml");
	CLEANUP(free_ptr) char *b = file_join(folder, "b.yaml");
	assert_true(file_write(a, one, strlen(one), 0600, err));
	assert_true(file_write(b, two, strlen(two), 0600, err));
	bool read = policy_stack_load((const char *const[]){a, b}, 2, catalogue, fake_checks, ret_stack, err);
	unlink(a);
	unlink(b);
	rmdir(folder);
	return read;
}

#define SECOND "policy: {id: q, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules:\n\n\n"

static void files_make_one_stack_sorted_by_id(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	assert_true(load_two(HEAD ID REST LOOK, SECOND "- id: a.first\n" REST LOOK, &stack, &err));
	assert_int_equal(stack->rule_count, 2);
	assert_string_equal(stack->rules[0]->id, "a.first");
	assert_string_equal(stack->rules[0]->policy->id, "q");
	struct hash sha256 = hash_of(HEAD ID REST LOOK, strlen(HEAD ID REST LOOK));
	assert_true(hash_equal(&stack->rules[1]->policy->sha256, &sha256));
	assert_null(policy_rule_find(stack, "b"));
}

static void rule_that_stands_twice_is_refused_at_the_second(void **state) {
	struct err err = {0};
	struct policy_stack *stack = NULL;
	assert_false(load_two(HEAD ID REST LOOK, SECOND ID REST LOOK, &stack, &err));
	assert_null(stack);
	assert_non_null(strstr(err.where, "b.yaml"));
	assert_int_equal(err.line, 5);
	assert_non_null(strstr(err.why, "log.keep"));
	assert_false(load_two(SECOND ID REST LOOK, HEAD ID REST LOOK, &stack, &err));
	assert_non_null(strstr(err.where, "b.yaml"));
	assert_int_equal(err.line, 3);
	refused(HEAD ID REST LOOK ID REST LOOK, 14, 3, "line 3, already");
	assert_false(load_two(HEAD ID REST LOOK, HEAD "- id: other\n" REST LOOK, &stack, &err));
	assert_non_null(strstr(err.why, "the policy \"p\""));
}

static void views_and_texts_stop_at_their_caps(void **state) {
	CLEANUP(buf_done) struct buf views = {0};
	CLEANUP(buf_done) struct buf title = {0};
	for (size_t i = 0; i < POLICY_VIEWS_MOST; i++)
		buf_addf(&views, "    v%zu: {check: sysctl, with: {key: k}}\n", i);
	CLEANUP(free_ptr)
	char *most = xasprintf("%s  checks:\n%s  expect: {v0.running: a}\n", HEAD ID REST, buf_str(&views));
	CLEANUP(free_ptr)
	char *over = xasprintf("%s  checks:\n%s    more: {check: sysctl, with: {key: k}}\n  expect: {v0.running: a}\n",
			       HEAD ID REST, buf_str(&views));
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(most);
	assert_int_equal(stack->rules[0]->view_count, POLICY_VIEWS_MOST);
	refused(over, 12, 5, "1 to 8");
	for (size_t i = 0; i < POLICY_TEXT_LONGEST; i++)
		buf_adds(&title, "t");
	CLEANUP(free_ptr)
	char *head =
		xasprintf("policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: %s", buf_str(&title));
	CLEANUP(free_ptr) char *fits = xasprintf("%s}\nrules:\n%s", head, ID REST LOOK);
	CLEANUP(free_ptr) char *long_title = xasprintf("%st}\nrules:\n%s", head, ID REST LOOK);
	CLEANUP(policy_stack_free_p) struct policy_stack *titled = loaded(fits);
	assert_int_equal(strlen(titled->policies[0]->title), POLICY_TEXT_LONGEST);
	refused(long_title, 1, 68, "longer than 1000 bytes");
}

static void rules_stop_at_their_cap(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	struct policy_stack *none = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, HEAD);
	for (size_t i = 0; i < POLICY_RULES_MOST; i++)
		buf_addf(&text, "- id: r%zu\n%s", i, REST LOOK);
	assert_true(policy_stack_parse("p", text.data, text.len, catalogue, fake_checks, &stack, &err));
	buf_adds(&text, "- id: more\n" REST LOOK);
	assert_false(policy_stack_parse("p", text.data, text.len, catalogue, fake_checks, &none, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void file_that_is_not_there_is_named(void **state) {
	struct err err = {0};
	struct policy_stack *stack = NULL;
	const char *const paths[] = {"/nonexistent/p.yaml"};
	assert_false(policy_stack_load(paths, 1, catalogue, fake_checks, &stack, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_string_equal(err.where, paths[0]);
}

/* What the page shows is true of the checks that there are. */
static void example_of_the_page_loads(void **state) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf page = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	assert_true(file_read(SOURCE_DIR "/docs/POLICY.md", 1U << 20, &page, &err));
	const char *from = strstr(buf_str(&page), "```yaml\n");
	assert_non_null(from);
	from += strlen("```yaml\n");
	const char *to = strstr(from, "```");
	assert_non_null(to);
	if (!policy_stack_parse("docs/POLICY.md", from, (size_t)(to - from), catalogue, checks_all, &stack, &err))
		fail_msg("%u:%u: %s", err.line, err.column, err.why);
	assert_int_equal(stack->rule_count, 2);
}

/* The worked policy on top of the baseline: rules, parameters and types are those that there are. */
static void what_is_yours_on_the_page_can_be_set(void **state) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf page = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	CLEANUP(scratch_free) char *folder = scratch_new();
	assert_true(file_read(SOURCE_DIR "/docs/POLICY.md", 1U << 20, &page, &err));
	const char *section = strstr(buf_str(&page), "## What is yours\n");
	assert_non_null(section);
	const char *from = strstr(section, "```yaml\n") + strlen("```yaml\n"), *to = strstr(from, "```");
	CLEANUP(free_ptr) char *text = xstrndup(from, (size_t)(to - from));
	scratch_put(folder, "ours.yaml", text);
	CLEANUP(free_ptr) char *ours = file_join(folder, "ours.yaml");
	const char *const paths[] = {SOURCE_DIR "/policies/linux-baseline", ours};
	if (!policy_stack_load(paths, 2, catalogue, checks_all, &stack, &err))
		fail_msg("%s:%u:%u: %s", err.where, err.line, err.column, err.why);
}

/* The same of the overlay and the waiver that the page shows: the last two examples before "What is yours". */
static void what_lies_on_top_on_the_page_loads(void **state) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf page = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	CLEANUP(scratch_free) char *folder = scratch_new();
	assert_true(file_read(SOURCE_DIR "/docs/POLICY.md", 1U << 20, &page, &err));
	static const char *const marks[] = {"id: organisation,", "id: exceptions,"};
	char *paths[3] = {xstrdup(SOURCE_DIR "/policies/linux-baseline")};
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *from = strstr(buf_str(&page), marks[i]);
		assert_non_null(from);
		while (strncmp(from, "policy:", 7) != 0)
			from--;
		CLEANUP(free_ptr) char *text = xstrndup(from, (size_t)(strstr(from, "```") - from));
		CLEANUP(free_ptr) char *name = xasprintf("%zu.yaml", i);
		scratch_put(folder, name, text);
		paths[i + 1] = file_join(folder, name);
	}
	if (!policy_stack_load((const char *const *)paths, 3, catalogue, checks_all, &stack, &err))
		fail_msg("%s:%u:%u: %s", err.where, err.line, err.column, err.why);
	assert_int_equal(stack->waiver_count, 1);
	for (size_t i = 0; i < 3; i++)
		free(paths[i]);
}

static int load_catalogue(void **state) {
	struct err err;
	return catalogue_load(SOURCE_DIR "/policies", &catalogue, &err) ? 0 : -1;
}

#define PARAMS                                                                                                         \
	"  params: {min: {type: duration, default: 90d, doc: how long}, names: {type: strings, default: [], doc: "     \
	"whose}}\n"
#define SET "policy: {id: q, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nset:\n"

static void what_a_later_policy_sets_counts(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	assert_true(load_two(HEAD ID REST PARAMS LOOK, SET "  log.keep:\n    min: 180d\n", &stack, &err));
	const struct rule *rule = stack->rules[0];
	assert_int_equal(json_integer_value(json_object_get(rule->params, "min")), 180 * 86400);
	const char *set = json_string_value(json_object_get(json_object_get(rule->param_docs, "min"), "set"));
	assert_non_null(strstr(set, "b.yaml:4"));
	assert_null(json_object_get(json_object_get(rule->param_docs, "names"), "set"));
}

static void set_refused(const char *set, unsigned line, const char *why) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	CLEANUP(free_ptr) char *text = xasprintf(SET "%s", set);
	if (load_two(HEAD ID REST PARAMS LOOK, text, &stack, &err))
		fail_msg("taken: %s", set);
	assert_non_null(strstr(err.where, "b.yaml"));
	assert_int_equal(err.line, line);
	if (!strstr(err.why, why))
		fail_msg("%s: %s", set, err.why);
}

static void what_is_set_has_to_be_there_and_of_its_type(void **state) {
	set_refused("  log.kept: {min: 1d}\n", 3, "no rule \"log.kept\"");
	set_refused("  log.keep: {max: 1d}\n", 3, "no parameter \"max\"");
	set_refused("  log.keep:\n    min: soon\n", 4, "min");
	set_refused("  log.keep: 5\n", 3, "a mapping");
	set_refused("  - log.keep\n", 3, "a mapping");
}

static void rule_without_what_only_the_organisation_knows_says_so(void **state) {
	static const char needs[] = HEAD ID REST PARAMS "  needs_params: [names]\n" LOOK;
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *bare = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *filled = NULL;
	assert_true(load_two(needs, SECOND "- id: a.first\n" REST LOOK, &bare, &err));
	assert_string_equal(policy_rule_find(bare, "log.keep")->unset, "names");
	assert_true(load_two(needs, SET "  log.keep: {names: [us]}\n", &filled, &err));
	assert_null(policy_rule_find(filled, "log.keep")->unset);
	refused(HEAD ID REST PARAMS "  needs_params: [min]\n" LOOK, 12, 18, "no parameter \"min\" of type string");
}

static void folder_is_the_policy_that_its_files_make(void **state) {
	static const char head[] = "policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\n";
	struct err err = {0};
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *one = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *again = NULL;
	scratch_put(folder, "policy.yaml", head);
	scratch_put(folder, "b.yaml", ID REST LOOK);
	scratch_put(folder, "a.yaml", "# first\n- id: a.first\n" REST LOOK);
	scratch_put(folder, "README", "no policy");
	assert_true(policy_stack_load((const char *const[]){folder}, 1, catalogue, fake_checks, &stack, &err));
	assert_int_equal(stack->rule_count, 2);
	assert_string_equal(stack->rules[1]->id, "log.keep");
	assert_non_null(strstr(stack->rules[1]->path, "/b.yaml"));
	assert_int_equal(stack->rules[1]->line, 1);
	const struct buf *bytes = &stack->policies[0]->bytes;
	assert_true(policy_stack_parse("p", bytes->data, bytes->len, catalogue, fake_checks, &one, &err));
	assert_true(hash_equal(&one->policies[0]->sha256, &stack->policies[0]->sha256));
	assert_int_equal(one->rule_count, 2);
	scratch_put(folder, "c.yaml", "- id: a.third\n" REST "  chek: file\n");
	assert_false(policy_stack_load((const char *const[]){folder}, 1, catalogue, fake_checks, &again, &err));
	assert_non_null(strstr(err.where, "/c.yaml"));
}

static int free_catalogue(void **state) {
	catalogue_free(catalogue);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_is_read_whole),
		cmocka_unit_test(validity_is_three_looks_and_at_least_an_hour),
		cmocka_unit_test(control_without_its_letter_is_explained),
		cmocka_unit_test(id_never_carries_a_control_number),
		cmocka_unit_test(unknown_names_are_refused_where_they_stand),
		cmocka_unit_test(wrong_types_are_refused_where_they_stand),
		cmocka_unit_test(choices_are_named_when_none_was_made),
		cmocka_unit_test(every_required_field_is_missed),
		cmocka_unit_test(texts_are_one_line_under_a_cap),
		cmocka_unit_test(needed_control_stands_by_itself),
		cmocka_unit_test(views_have_names_and_are_compared),
		cmocka_unit_test(what_is_not_shown_cannot_be_judged),
		cmocka_unit_test(files_make_one_stack_sorted_by_id),
		cmocka_unit_test(rule_that_stands_twice_is_refused_at_the_second),
		cmocka_unit_test(what_a_later_policy_sets_counts),
		cmocka_unit_test(what_is_set_has_to_be_there_and_of_its_type),
		cmocka_unit_test(rule_without_what_only_the_organisation_knows_says_so),
		cmocka_unit_test(folder_is_the_policy_that_its_files_make),
		cmocka_unit_test(views_and_texts_stop_at_their_caps),
		cmocka_unit_test(rules_stop_at_their_cap),
		cmocka_unit_test(file_that_is_not_there_is_named),
		cmocka_unit_test(example_of_the_page_loads),
		cmocka_unit_test(what_is_yours_on_the_page_can_be_set),
		cmocka_unit_test(what_lies_on_top_on_the_page_loads),
	};
	return cmocka_run_group_tests(tests, load_catalogue, free_catalogue);
}
