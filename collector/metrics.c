#include "collector/metrics.h"

#include "collector/store_approvals.h"
#include "collector/summary.h"

#define WAIVERS_MOST 500
#define FAILING_MOST 10000 /* series of vouch_host_rule_failing */
#define VERDICTS 6

static const char *const verdicts[VERDICTS] = {"pass", "fail", "unknown", "error", "notapplicable", "notchecked"};

/* A label's value: backslash, quote and line feed are escaped, other control characters replaced. */
static void add_label(struct buf *text, const char *name, const char *value, const char *before) {
	buf_addf(text, "%s%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_addf(text, "\\%c", *value);
		else if (*value == '\n')
			buf_adds(text, "\\n");
		else
			buf_add(text, (unsigned char)*value < 0x20 || *value == 0x7f ? "?" : value, 1);
	}
	buf_adds(text, "\"");
}

static void add_head(struct buf *text, const char *name, const char *type, const char *help) {
	buf_addf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_one(struct buf *text, const char *name, const char *label, const char *value, int64_t number) {
	buf_addf(text, "%s{", name);
	add_label(text, label, value, "");
	buf_addf(text, "} %lld\n", (long long)number);
}

static void add_two(struct buf *text, const char *name, const char *label, const char *value, const char *label2,
		    const char *value2, int64_t number) {
	buf_addf(text, "%s{", name);
	add_label(text, label, value, "");
	add_label(text, label2, value2, ",");
	buf_addf(text, "} %lld\n", (long long)number);
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

struct host_label {
	char id[STORE_HOST_ID];
	char *label;
	uint64_t verdicts[VERDICTS];
};

struct rule_count {
	char *rule;
	uint64_t verdicts[VERDICTS];
};

struct numbers {
	struct host_label *hosts; /* sorted by id */
	size_t host_count, host_room;
	struct rule_count *rules; /* sorted by name */
	size_t rule_count, rule_room;
	struct buf info, collected, received, certificate, breaks, findings, failing;
	size_t failing_count;
	int64_t now;
};

static void numbers_done(struct numbers *numbers) {
	for (size_t i = 0; i < numbers->host_count; i++)
		free(numbers->hosts[i].label);
	for (size_t i = 0; i < numbers->rule_count; i++)
		free(numbers->rules[i].rule);
	free(numbers->hosts);
	free(numbers->rules);
	struct buf *const texts[] = {&numbers->info,   &numbers->collected, &numbers->received, &numbers->certificate,
				     &numbers->breaks, &numbers->findings,  &numbers->failing};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		buf_done(texts[i]);
}

/* A name that no other host has, and that cannot be taken for another's id. */
static bool is_good_label(const struct store_host *host) {
	return host->name[0] && !host->is_name_shared && strlen(host->name) != STORE_HOST_ID - 1;
}

static void add_host(void *context, const struct store_host *host) {
	struct numbers *n = context;
	if (n->host_count == n->host_room) {
		n->host_room = n->host_room ? 2 * n->host_room : 16;
		n->hosts = xreallocarray(n->hosts, n->host_room, sizeof *n->hosts);
	}
	struct host_label *label = &n->hosts[n->host_count++];
	*label = (struct host_label){0};
	snprintf(label->id, sizeof label->id, "%s", host->id);
	label->label = xstrdup(is_good_label(host) ? host->name : host->id);
	buf_adds(&n->info, "vouch_host_info{");
	add_label(&n->info, "host", label->label, "");
	add_label(&n->info, "id", host->id, ",");
	add_label(&n->info, "env", host->environment, ",");
	add_label(&n->info, "group", host->group, ",");
	add_label(&n->info, "os", host->os, ",");
	buf_adds(&n->info, "} 1\n");
	add_one(&n->collected, "vouch_host_last_collected_timestamp_seconds", "host", label->label, host->collected);
	add_one(&n->received, "vouch_host_last_received_timestamp_seconds", "host", label->label, host->received);
	add_one(&n->certificate, "vouch_host_certificate_expiry_timestamp_seconds", "host", label->label,
		host->certificate_expires);
	add_one(&n->breaks, "vouch_host_chain_breaks_total", "host", label->label, host->breaks);
}

static int compare_host(const void *id, const void *label) {
	return strcmp(id, ((const struct host_label *)label)->id);
}

static int compare_rule(const void *a, const void *b) {
	return strcmp(((const struct rule_count *)a)->rule, ((const struct rule_count *)b)->rule);
}

/* Results come sorted by host, so rules repeat in the same order; the position after the last hit is the likely one. */
static struct rule_count *rule_of(struct numbers *n, const char *rule) {
	for (size_t i = 0; i < n->rule_count; i++)
		if (!strcmp(n->rules[i].rule, rule))
			return &n->rules[i];
	if (n->rule_count == n->rule_room) {
		n->rule_room = n->rule_room ? 2 * n->rule_room : 64;
		n->rules = xreallocarray(n->rules, n->rule_room, sizeof *n->rules);
	}
	struct rule_count *count = &n->rules[n->rule_count++];
	*count = (struct rule_count){.rule = xstrdup(rule)};
	return count;
}

static void add_findings(void *context, const char *id, const char *kind, int64_t count) {
	struct numbers *n = context;
	const struct host_label *host = bsearch(id, n->hosts, n->host_count, sizeof *n->hosts, compare_host);
	if (host)
		add_two(&n->findings, "vouch_host_findings", "host", host->label, "kind", kind, count);
}

static void add_failing(struct numbers *n, const char *host, const struct store_result *result) {
	if (n->failing_count++ >= FAILING_MOST)
		return;
	buf_adds(&n->failing, "vouch_host_rule_failing{");
	add_label(&n->failing, "host", host, "");
	add_label(&n->failing, "rule", result->rule, ",");
	add_label(&n->failing, "severity", result->severity, ",");
	buf_adds(&n->failing, "} 1\n");
}

static bool add_result(void *context, const struct store_result *result) {
	struct numbers *n = context;
	struct host_label *host = bsearch(result->host, n->hosts, n->host_count, sizeof *n->hosts, compare_host);
	if (!host)
		return true;
	struct rule_count *rule = rule_of(n, result->rule);
	for (size_t i = 0; i < VERDICTS; i++) {
		bool is_this = !strcmp(verdicts[i], result->verdict);
		host->verdicts[i] += is_this;
		rule->verdicts[i] += is_this;
	}
	if (summary_rule_state(result, n->now) == RULE_FAIL)
		add_failing(n, host->label, result);
	return true;
}

static void add_block(struct buf *text, const char *name, const char *type, const char *help, const struct buf *lines) {
	if (lines->len == 0)
		return;
	add_head(text, name, type, help);
	buf_add(text, lines->data, lines->len);
}

static void write_hosts(struct buf *text, const struct numbers *n) {
	add_block(text, "vouch_host_info", "gauge", "A host that enrolled.", &n->info);
	add_block(text, "vouch_host_last_collected_timestamp_seconds", "gauge", "End of its last round, by its clock.",
		  &n->collected);
	add_block(text, "vouch_host_last_received_timestamp_seconds", "gauge", "When its last statement came.",
		  &n->received);
	add_block(text, "vouch_host_certificate_expiry_timestamp_seconds", "gauge", "End of its client certificate.",
		  &n->certificate);
	add_block(text, "vouch_host_chain_breaks_total", "counter", "Gaps and forks in its chain.", &n->breaks);
	add_block(text, "vouch_host_findings", "gauge", "What was found about a host, by kind.", &n->findings);
	if (n->host_count > 0)
		add_head(text, "vouch_host_results", "gauge", "Latest results of a host, by verdict as it was judged.");
	for (size_t i = 0; i < n->host_count; i++)
		for (size_t v = 0; v < VERDICTS; v++)
			add_two(text, "vouch_host_results", "host", n->hosts[i].label, "verdict", verdicts[v],
				(int64_t)n->hosts[i].verdicts[v]);
	if (n->rule_count > 0)
		add_head(text, "vouch_rule_hosts", "gauge", "Hosts by the latest verdict of a rule.");
	for (size_t i = 0; i < n->rule_count; i++)
		for (size_t v = 0; v < VERDICTS; v++)
			add_two(text, "vouch_rule_hosts", "rule", n->rules[i].rule, "verdict", verdicts[v],
				(int64_t)n->rules[i].verdicts[v]);
	add_block(text, "vouch_host_rule_failing", "gauge", "Rules that fail now, unwaived.", &n->failing);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static void write_summary(struct buf *text, const struct summary *summary) {
	add_head(text, "vouch_hosts", "gauge", "Hosts in scope: reporting, or silent.");
	add_one(text, "vouch_hosts", "state", "reporting", summary->reporting);
	add_one(text, "vouch_hosts", "state", "silent", summary->silent);
	add_head(text, "vouch_control_hosts", "gauge", "Hosts by the state of a control.");
	for (size_t i = 0; i < summary->count; i++)
		for (unsigned state = 0; state < CONTROL_STATES; state++)
			add_two(text, "vouch_control_hosts", "control", summary->controls[i].control->id, "state",
				control_state_key((enum control_state)state), summary->controls[i].hosts[state]);
}

static void write_ingest(struct buf *text, const struct collector *collector) {
	const struct receive_tally *tally = &collector->tally;
	const char *const name = "vouch_collector_ingest_duration_seconds";
	uint64_t below = 0;
	add_head(text, "vouch_collector_statements_total", "counter", "Statements that came, by outcome.");
	add_one(text, "vouch_collector_statements_total", "outcome", "logged", (int64_t)tally->logged);
	add_one(text, "vouch_collector_statements_total", "outcome", "known", (int64_t)tally->known);
	add_one(text, "vouch_collector_statements_total", "outcome", "refused", (int64_t)tally->refused);
	add_one(text, "vouch_collector_statements_total", "outcome", "retry", (int64_t)tally->retry);
	add_head(text, name, "histogram", "Time for a request with statements, until all is durable.");
	for (size_t i = 0; i < COLLECTOR_BUCKETS; i++) {
		below += collector->ingest.buckets[i];
		buf_addf(text, "%s_bucket{le=\"%g\"} %llu\n", name, collector_bounds[i], (unsigned long long)below);
	}
	buf_addf(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
		 (unsigned long long)collector->ingest.count, name, collector->ingest.sum, name,
		 (unsigned long long)collector->ingest.count);
}

static void write_log(struct buf *text, const struct log *log) {
	add_head(text, "vouch_log_entries", "gauge", "Entries in the log.");
	buf_addf(text, "vouch_log_entries %llu\n", (unsigned long long)log_size(log));
	add_head(text, "vouch_log_checkpoint_timestamp_seconds", "gauge",
		 "When this process signed the checkpoint, or read it at its start.");
	buf_addf(text, "vouch_log_checkpoint_timestamp_seconds %lld\n", (long long)log_signed_at(log));
}

static void add_waiver(void *context, const char *waiver, int64_t until) {
	add_one(context, "vouch_waiver_expiry_timestamp_seconds", "waiver", waiver, until);
}

void metrics_answer(struct visit *visit) {
	CLEANUP(buf_done) struct buf waivers = {0};
	CLEANUP(numbers_done) struct numbers numbers = {.now = visit->now};
	CLEANUP(summary_done) struct summary summary = {0};
	CLEANUP(buf_done) struct buf text = {0};
	const struct store_filter all = {0};
	struct err err;
	if (!store_hosts(visit->collector->store, add_host, &numbers, &err) ||
	    !store_finding_counts(visit->collector->store, NULL, add_findings, &numbers, &err) ||
	    !store_results(visit->collector->store, &all, add_result, &numbers, &err) ||
	    !store_waivers(visit->collector->store, WAIVERS_MOST, add_waiver, &waivers, &err) ||
	    !summary_make(visit->collector, visit->now, &summary, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	if (numbers.rule_count > 0)
		qsort(numbers.rules, numbers.rule_count, sizeof *numbers.rules, compare_rule);
	write_hosts(&text, &numbers);
	write_summary(&text, &summary);
	add_block(&text, "vouch_waiver_expiry_timestamp_seconds", "gauge",
		  "When an exception ends that a result has now; of one on several hosts the earliest.", &waivers);
	write_ingest(&text, visit->collector);
	write_log(&text, visit->collector->log);
	http_reply(visit->request, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.len);
}
