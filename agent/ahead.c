#include "agent/ahead.h"

#include "sources/gather.h"

struct rule_ahead {
	bool is_awaited; /* it reads what waits for others, or hangs together with one that does */
	bool is_put_off; /* and is due */
	bool is_reading; /* what it reads is being read, or was: then it is due */
	bool by_change;
};

struct ahead {
	sd_event *event;
	const struct host *host;
	const struct policy_stack *stack;
	struct rule_ahead *rules;
	struct gather *gather;   /* under way */
	struct sources *sources; /* of the gather, or read and not looked at yet */
	void (*done)(void *context);
	void *context;
};

static bool check_waits(const struct check *check) {
	for (const char *const *pattern = check->patterns; pattern && *pattern; pattern++)
		if (fetch_is_awaited(*pattern))
			return true;
	return false;
}

static bool rule_waits(const struct rule *rule) {
	if (rule->when && check_waits(rule->when->check))
		return true;
	for (size_t i = 0; i < rule->view_count; i++)
		if (check_waits(rule->views[i].check))
			return true;
	return false;
}

/* A rule and the one whose passing it needs are looked at together. */
static void tie_controls(struct ahead *ahead) {
	const struct policy_stack *stack = ahead->stack;
	for (size_t i = 0; i < stack->rule_count; i++)
		for (size_t n = 0; stack->rules[i]->needs_control && n < stack->rule_count; n++)
			if (!strcmp(stack->rules[n]->id, stack->rules[i]->needs_control) &&
			    (ahead->rules[i].is_awaited || ahead->rules[n].is_awaited))
				ahead->rules[i].is_awaited = ahead->rules[n].is_awaited = true;
}

struct ahead *ahead_new(sd_event *event, const struct host *host, const struct policy_stack *stack,
			void (*done)(void *context), void *context) {
	struct ahead *ahead = xcalloc(1, sizeof *ahead);
	*ahead = (struct ahead){.event = event,
				.host = host,
				.stack = stack,
				.rules = xcalloc(stack->rule_count + 1, sizeof *ahead->rules),
				.done = done,
				.context = context};
	for (size_t i = 0; i < stack->rule_count; i++)
		ahead->rules[i].is_awaited = !host->root && rule_waits(stack->rules[i]);
	tie_controls(ahead);
	tie_controls(ahead); /* another rule may need the same one */
	return ahead;
}

void ahead_free(struct ahead *ahead) {
	if (!ahead)
		return;
	gather_free(ahead->gather);
	sources_free(ahead->sources);
	free(ahead->rules);
	free(ahead);
}

static bool is_ready(const struct ahead *ahead, size_t rule) {
	return ahead->rules[rule].is_reading && ahead->sources && !ahead->gather;
}

enum ahead_state ahead_of(const struct ahead *ahead, size_t rule) {
	if (is_ready(ahead, rule))
		return AHEAD_READY;
	return ahead->rules[rule].is_reading || ahead->rules[rule].is_put_off ? AHEAD_WAIT : AHEAD_NONE;
}

bool ahead_lets(struct ahead *ahead, size_t rule, bool by_change) {
	struct rule_ahead *at = &ahead->rules[rule];
	if (!at->is_awaited || is_ready(ahead, rule))
		return true;
	at->by_change = at->is_put_off ? at->by_change && by_change : by_change;
	at->is_put_off = true;
	return false;
}

bool ahead_was_change(const struct ahead *ahead, size_t rule) { return ahead->rules[rule].by_change; }

static void gathered(void *context) {
	struct ahead *ahead = context;
	gather_free(ahead->gather);
	ahead->gather = NULL;
	ahead->done(ahead->context);
}

static void add_rule(const struct rule *rule, struct asker *askers, size_t *count) {
	for (size_t i = 0; i < rule->view_count; i++)
		askers[(*count)++] = (struct asker){rule->views[i].check, rule->views[i].params};
	if (rule->when)
		askers[(*count)++] = (struct asker){rule->when->check, rule->when->params};
}

void ahead_start(struct ahead *ahead) {
	const struct policy_stack *stack = ahead->stack;
	size_t count = 0;
	if (ahead->sources)
		return;
	struct asker *askers = xcalloc(stack->rule_count * (POLICY_VIEWS_MOST + 1) + 1, sizeof *askers);
	for (size_t i = 0; i < stack->rule_count; i++) {
		struct rule_ahead *at = &ahead->rules[i];
		if (!at->is_put_off)
			continue;
		add_rule(stack->rules[i], askers, &count);
		at->is_reading = true;
		at->is_put_off = false;
	}
	if (count > 0) {
		ahead->sources = sources_new();
		ahead->gather = gather_start(ahead->event, ahead->host, askers, count, ahead->sources, gathered, ahead);
	}
	free(askers);
}

bool ahead_is_reading(const struct ahead *ahead) { return ahead->gather != NULL; }

const struct sources *ahead_sources(const struct ahead *ahead) { return ahead->gather ? NULL : ahead->sources; }

void ahead_taken(struct ahead *ahead) {
	if (ahead->gather || !ahead->sources)
		return;
	sources_free(ahead->sources);
	ahead->sources = NULL;
	for (size_t i = 0; i < ahead->stack->rule_count; i++)
		ahead->rules[i].is_reading = false;
}
