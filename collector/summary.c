#include "collector/summary.h"

#define THEME "Technological"

struct build {
	struct summary *summary;
	struct rollup_control *tallies; /* of the host that is being read */
	char host[STORE_HOST_ID];
	bool is_reporting;
	unsigned with_results;
	int64_t now;
};

enum rule_state summary_rule_state(const struct store_result *result, int64_t now) {
	const struct rollup_result rollup = {result->verdict, result->collected, result->expires, result->received,
					     result->waived_until};
	const enum rule_state state = rollup_rule(&rollup, now);
	return result->is_revoked && state != RULE_GAP ? RULE_UNKNOWN : state;
}

bool summary_has_control(const char *controls, const char *id, bool *ret_is_first) {
	const size_t len = strlen(id);
	for (const char *at = controls; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, id, len) != 0 || (at[len] != ',' && at[len] != '\0'))
			continue;
		if (ret_is_first)
			*ret_is_first = at == controls;
		return true;
	}
	return false;
}

static void end_host(struct build *build) {
	if (!build->host[0])
		return;
	for (size_t i = 0; i < build->summary->count; i++) {
		build->summary->controls[i].hosts[rollup_state(&build->tallies[i])]++;
		build->summary->controls[i].has_key |= build->tallies[i].key_rules > 0;
	}
	memset(build->tallies, 0, build->summary->count * sizeof *build->tallies);
	build->summary->reporting += build->is_reporting;
	build->is_reporting = false;
	build->with_results++;
}

static bool add_result(void *context, const struct store_result *result) {
	struct build *build = context;
	if (strcmp(build->host, result->host) != 0) {
		end_host(build);
		snprintf(build->host, sizeof build->host, "%s", result->host);
	}
	enum rule_state state = summary_rule_state(result, build->now);
	build->is_reporting |= state != RULE_GAP;
	for (size_t i = 0; i < build->summary->count; i++) {
		bool is_first;
		if (summary_has_control(result->controls, build->summary->controls[i].control->id, &is_first))
			rollup_add(&build->tallies[i], state, !strcmp(result->kind, "effect"), result->key && is_first);
	}
	return true;
}

static void count_host(void *context, const struct store_host *host) {
	unsigned *count = context;
	(*count)++;
}

bool summary_is_of_hosts(const struct control *control) { return !strcmp(control->theme, THEME); }

static void list_controls(const struct catalogue *catalogue, struct summary *summary) {
	summary->controls = xcalloc(catalogue->control_count, sizeof *summary->controls);
	for (size_t i = 0; i < catalogue->control_count; i++)
		if (summary_is_of_hosts(&catalogue->controls[i]))
			summary->controls[summary->count++].control = &catalogue->controls[i];
}

static void add_those_without_results(struct summary *summary, unsigned count) {
	for (size_t i = 0; i < summary->count; i++) {
		struct summary_control *control = &summary->controls[i];
		control->hosts[control->has_key ? CONTROL_UNKNOWN : CONTROL_NOTEVALUATED] += count;
	}
}

bool summary_make(const struct collector *collector, int64_t now, struct summary *ret_summary, struct err *err) {
	CLEANUP(summary_done) struct summary summary = {0};
	const struct store_filter all = {0};
	list_controls(collector->catalogue, &summary);
	CLEANUP(free_ptr) struct rollup_control *tallies = xcalloc(summary.count + 1, sizeof *tallies);
	struct build build = {.summary = &summary, .tallies = tallies, .now = now};
	if (!store_hosts(collector->store, count_host, &summary.in_scope, err) ||
	    !store_results(collector->store, &all, add_result, &build, err))
		return false;
	end_host(&build);
	add_those_without_results(&summary, summary.in_scope - build.with_results);
	summary.silent = summary.in_scope - summary.reporting;
	*ret_summary = summary;
	summary = (struct summary){0};
	return true;
}

void summary_done(struct summary *summary) { free(summary->controls); }
