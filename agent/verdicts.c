#include "agent/verdicts.h"

#include <inttypes.h>

#include "agent/notice.h"
#include "agent/notice_ids.h"
#include "core/mem.h"
#include "core/result.h"

#define CONTROLS_MOST 16

/* What kind of news a verdict is; the last row stands for all that are not there. */
static const struct row {
	const char *verdict, *id;
	enum notice priority;
} rows[] = {
	{"fail", NOTICE_FAILING, NOTICE_WARNING},     {"pass", NOTICE_RECOVERED, NOTICE_NOTICE},
	{"unknown", NOTICE_UNJUDGED, NOTICE_WARNING}, {"error", NOTICE_UNJUDGED, NOTICE_WARNING},
	{NULL, NOTICE_OTHER, NOTICE_NOTICE},
};

static struct row row_of(const char *verdict, bool is_waived) {
	const struct row *row = rows;
	while (row->verdict && strcmp(row->verdict, verdict) != 0)
		row++;
	return is_waived ? (struct row){verdict, NOTICE_WAIVED, NOTICE_NOTICE} : *row;
}

static void notice_one(const char *program, const struct news_verdict *verdict, const json_t *result,
		       const struct rule *rule, int64_t sequence) {
	struct notice_field fields[7 + CONTROLS_MOST];
	CLEANUP(buf_done) struct buf controls = {0}; /* the catalog shows one value of a field that comes again */
	size_t count = 0;
	char number[24];
	const char *reason = json_string_value(json_object_get(result, "reason"));
	const char *waiver = json_string_value(json_object_get(json_object_get(result, "waiver"), "id"));
	const struct row row = row_of(verdict->now, waiver != NULL);
	snprintf(number, sizeof number, "%" PRId64, sequence);
	fields[count++] = (struct notice_field){"VOUCH_RULE", verdict->rule};
	fields[count++] = (struct notice_field){"VOUCH_VERDICT", verdict->now};
	fields[count++] = (struct notice_field){"VOUCH_WAS", verdict->before};
	fields[count++] = (struct notice_field){"VOUCH_SEVERITY", severity_name(rule->severity)};
	fields[count++] = (struct notice_field){"VOUCH_SEQUENCE", number};
	fields[count++] = (struct notice_field){"VOUCH_WAIVER", waiver};
	for (size_t i = 0; i < rule->control_count && i < CONTROLS_MOST; i++) {
		fields[count++] = (struct notice_field){"VOUCH_CONTROL", rule->controls[i]};
		buf_addf(&controls, "%s%s", i ? ", " : "", rule->controls[i]);
	}
	fields[count++] = (struct notice_field){"VOUCH_CONTROLS", buf_str(&controls)};
	notice_about(program, row.priority, row.id, fields, count, "%s is %s (was %s)%s%s%s%s", verdict->rule,
		     verdict->now, verdict->before, waiver ? ", waived by " : "", waiver ? waiver : "",
		     reason && *reason ? ": " : "", reason ? result_brief(reason) : "");
}

void verdicts_notice(const char *program, const struct news *news, const struct round *round,
		     const struct policy_stack *stack, int64_t sequence) {
	const size_t count = news_verdict_count(news);
	for (size_t i = 0; i < count && i < VERDICTS_MOST; i++) {
		const struct news_verdict *verdict = news_verdict_at(news, i);
		const struct rule *rule = policy_rule_find(stack, verdict->rule);
		if (rule)
			notice_one(program, verdict, round_result(round, verdict->rule), rule, sequence);
	}
	if (count > VERDICTS_MOST)
		notice(program, NOTICE_WARNING, "%zu more rules are otherwise than before", count - VERDICTS_MOST);
}
