/* A policy from bytes; and, if it loads, each of its rules judged over a few rows, and its waivers tried on them:
 * nothing but a fail is waived, and not when it has ended. Its outline has the same rules. */
#include "core/judge.h"
#include "core/overlay_text.h"
#include "core/policy_outline.h"
#include "core/waiver.h"
#include "core/waiver_text.h"
#include "tests/fake_checks.h"

static struct control controls[] = {{.id = (char *)"A.8.9", .title = (char *)"Configuration management"},
				    {.id = (char *)"A.8.10", .title = (char *)"Information deletion"},
				    {.id = (char *)"A.8.15", .title = (char *)"Logging"}};
static struct control_move moves[] = {{.from = (char *)"A.12.4.1",
				       .from_title = (char *)"Event logging",
				       .to = (char *)"A.8.15",
				       .relation = (char *)"merged"}};
static const struct catalogue tiny = {.framework = (char *)"iso27001:2022",
				      .controls = controls,
				      .control_count = 3,
				      .moves = moves,
				      .move_count = 1};

static const char rows_text[] =
	"[{\"path\":\"/a\",\"mode\":\"0640\",\"uid\":0,\"owner\":\"root\",\"size\":1,\"age\":86400,\"changed\":"
	"\"2026-01-01T00:00:00Z\",\"tags\":[\"a\",\"b\"],\"sticky\":true,\"key\":\"k\",\"running\":\"1\"},"
	"{\"path\":7,\"mode\":\"rw\",\"uid\":null,\"persistent\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}]";

static void judge_rule(const struct rule *rule, json_t *rows) {
	struct view_seen views[POLICY_VIEWS_MOST] = {0};
	struct view_seen when = {.name = "", .ok = true, .rows = rows};
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] = (struct view_seen){
			.name = rule->views[i].name, .check = rule->views[i].check, .ok = true, .rows = rows};
	struct judgement judgement = judge(rule, views, &when, 5, false);
	CLEANUP(json_decref_p) json_t *reason = json_string(judgement.reason);
	if (!reason || !*judgement.reason)
		abort(); /* every verdict has a reason, in UTF-8 */
	judgement_done(&judgement);
}

static void waive_rule(const struct policy_stack *stack, const struct waiver *waiver, const json_t *rows) {
	const struct rule *rule = policy_rule_find(stack, waiver->rule);
	struct view_seen views[POLICY_VIEWS_MOST] = {0};
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] = (struct view_seen){
			.name = rule->views[i].name, .check = rule->views[i].check, .ok = true, .rows = (json_t *)rows};
	for (enum verdict verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (waiver_applies(waiver, rule, views, verdict, waiver->from, NULL) && verdict != VERDICT_FAIL)
			abort();
	if (waiver_applies(waiver, rule, views, VERDICT_FAIL, waiver->expires, NULL))
		abort();
}

/* What a result says of a waiver is in the policy's text, for whoever reads that alone. */
static void find_waivers(const struct policy_stack *stack, const char *data, size_t size) {
	CLEANUP(yaml_tree_free_p) struct yaml *text = NULL;
	struct err err;
	if (!yaml_read(data, size, "fuzz", &text, &err))
		abort();
	for (size_t i = 0; i < stack->waiver_count; i++) {
		CLEANUP(json_decref_p) json_t *said = waiver_json(stack->waivers[i]);
		if (!waiver_is_of(text, stack->waivers[i]->rule, said, NULL))
			abort();
	}
	CLEANUP(json_decref_p) json_t *changes = overlay_text_changes(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(policy_outline_free_p) struct policy_outline *outline = NULL;
	const bool is_read = policy_outline_read((const char *)data, size, "fuzz", &outline, &err);
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	if (!policy_stack_parse("fuzz", (const char *)data, size, &tiny, fake_checks, &stack, &err)) {
		if (err.code == ERR_NONE || !err.why[0])
			abort();
		return 0;
	}
	if (!is_read || outline->rule_count != stack->rule_count)
		abort();
	CLEANUP(json_decref_p) json_t *rows = json_loads(rows_text, 0, NULL);
	CLEANUP(json_decref_p) json_t *none = json_array();
	for (size_t i = 0; i < stack->rule_count; i++) {
		judge_rule(stack->rules[i], rows);
		judge_rule(stack->rules[i], none);
	}
	for (size_t i = 0; i < stack->waiver_count; i++) {
		waive_rule(stack, stack->waivers[i], rows);
		waive_rule(stack, stack->waivers[i], none);
	}
	find_waivers(stack, (const char *)data, size);
	return 0;
}
