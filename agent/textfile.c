#include "agent/textfile.h"

#include <inttypes.h>

#include "core/text.h"

static const char *const verdicts[] = {"pass", "fail", "unknown", "error", "notapplicable", "notchecked"};

static const char *text_of(const json_t *result, const char *member) {
	const char *text = json_string_value(json_object_get(result, member));
	return text ? text : "";
}

/* A value between quotes: ids of rules and versions have nothing to escape, a stranger's text might. */
static void add_label(struct buf *text, const char *name, const char *value) {
	buf_addf(text, "%s=\"", name);
	for (; *value; value++)
		if (*value == '"' || *value == '\\')
			buf_addf(text, "\\%c", *value);
		else if (*value == '\n')
			buf_adds(text, "\\n");
		else
			buf_add(text, value, 1);
	buf_adds(text, "\"");
}

static void add_head(struct buf *text, const char *name, const char *type, const char *help) {
	buf_addf(text, "# HELP vouch_agent_%s %s\n# TYPE vouch_agent_%s %s\n", name, help, name, type);
}

static void add_number(struct buf *text, const char *name, const char *help, int64_t value) {
	add_head(text, name, "gauge", help);
	buf_addf(text, "vouch_agent_%s %" PRId64 "\n", name, value);
}

/* What never was has no instant: the metric is left out, and absent() finds it. */
static void add_instant(struct buf *text, const char *name, const char *help, int64_t at) {
	if (at > 0)
		add_number(text, name, help, at);
}

static void add_results(struct buf *text, const json_t *results) {
	size_t counts[ARRAY_LEN(verdicts)] = {0}, waived = 0, i;
	const json_t *result;
	json_array_foreach(results, i, result) {
		for (size_t v = 0; v < ARRAY_LEN(verdicts); v++)
			counts[v] += !strcmp(text_of(result, "verdict"), verdicts[v]);
		waived += json_object_get(result, "waiver") != NULL;
	}
	add_head(text, "results", "gauge", "Rules by the verdict of their current result.");
	for (size_t v = 0; v < ARRAY_LEN(verdicts); v++)
		buf_addf(text, "vouch_agent_results{verdict=\"%s\"} %zu\n", verdicts[v], counts[v]);
	add_number(text, "waived_rules", "Rules that fail and are waived.", (int64_t)waived);
}

static const char *severity_of(const struct policy_stack *stack, const char *rule) {
	for (size_t i = 0; i < stack->rule_count; i++)
		if (!strcmp(stack->rules[i]->id, rule))
			return severity_name(stack->rules[i]->severity);
	return "";
}

/* Only those that nobody waived: who is woken by it can do something. */
static void add_failing(struct buf *text, const struct policy_stack *stack, const json_t *results) {
	size_t count = 0, i;
	const json_t *result;
	add_head(text, "rule_failing", "gauge", "A rule that fails and is not waived; at most 100 are named.");
	json_array_foreach(results, i, result) {
		if (strcmp(text_of(result, "verdict"), "fail") != 0 || json_object_get(result, "waiver") ||
		    count++ >= TEXTFILE_FAILING_MOST)
			continue;
		buf_adds(text, "vouch_agent_rule_failing{");
		add_label(text, "rule", text_of(result, "rule"));
		buf_adds(text, ",");
		add_label(text, "severity", severity_of(stack, text_of(result, "rule")));
		buf_adds(text, "} 1\n");
	}
	add_number(text, "rule_failing_truncated", "Rules that fail beyond those that are named.",
		   count > TEXTFILE_FAILING_MOST ? (int64_t)(count - TEXTFILE_FAILING_MOST) : 0);
}

static void add_spool(struct buf *text, const struct textfile *textfile) {
	add_number(text, "spool_bytes", "What the spool holds.", textfile->spool_bytes);
	add_number(text, "spool_statements", "Statements in the spool.", (int64_t)textfile->spool_statements);
	add_number(text, "spool_limit_bytes", "The most that the spool may hold.", textfile->spool_limit);
	add_instant(text, "spool_oldest_timestamp_seconds", "When the oldest statement in the queue was sealed.",
		    textfile->spool_oldest_at);
}

void textfile_results(const struct policy_stack *stack, const json_t *results, struct buf *text) {
	add_results(text, results);
	add_failing(text, stack, results);
}

void textfile_text(const struct textfile *textfile, struct buf *text) {
	add_head(text, "info", "gauge", "What runs; always 1.");
	buf_adds(text, "vouch_agent_info{");
	add_label(text, "version", VOUCH_VERSION);
	buf_adds(text, "} 1\n");
	buf_adds(text, textfile->results);
	add_instant(text, "last_round_timestamp_seconds", "When the last round ended.", textfile->round_at);
	add_number(text, "last_round_sealed", "Whether that round is in the chain.", textfile->is_sealed);
	add_number(text, "chain_sequence", "Number of the last statement.", textfile->sequence);
	add_instant(text, "last_acknowledged_timestamp_seconds",
		    "When the collector last acknowledged a statement with a receipt.", textfile->acknowledged_at);
	add_spool(text, textfile);
	add_instant(text, "certificate_expiry_timestamp_seconds", "When the transport certificate ends.",
		    textfile->certificate_ends_at);
	add_number(text, "reload_failed", "Whether the configuration's files are not what counts.",
		   textfile->is_reload_failed);
	add_number(text, "clock_jumps", "Times that the clock was set or the host slept, since the start.",
		   textfile->clock_jumps);
}
