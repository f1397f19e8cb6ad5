#include "agent/look.h"

#include <errno.h>

#include "agent/identity.h"
#include "core/times.h"
#include "core/waiver.h"
#include "sources/gather.h"

struct look {
	const struct policy_stack *stack;
	bool *selected; /* by rule: a result is wanted */
	bool *needed;   /* by rule: looked at and judged, for itself or as another's needs_control */
	struct asker *askers;
	size_t asker_count;
	struct sources *fetched;
	struct gather *gather;
	int64_t started_at;
	void (*done)(void *context, struct round *round);
	void *context;
};

/* What judging keeps while it goes over the rules. */
struct judging {
	const struct look *look;
	int64_t now, host_age;
	json_t **results;       /* by rule; NULL: not judged yet */
	enum verdict *verdicts; /* by rule, once judged */
	struct names **read;    /* by rule, once judged */
	bool *saw;              /* by rule, once judged */
	bool *under_way;        /* by rule: guards against needs_control in a circle */
};

static bool is_selected(const struct rule *rule, const char *const *only) {
	if (!only)
		return true;
	for (; *only; only++)
		if (!strcmp(rule->id, *only) || rule_supports(rule, *only))
			return true;
	return false;
}

static size_t rule_index(const struct policy_stack *stack, const char *id) {
	size_t index = 0;
	while (index < stack->rule_count && strcmp(stack->rules[index]->id, id) != 0)
		index++;
	return index;
}

static void need(struct look *look, size_t index) {
	while (index < look->stack->rule_count && !look->needed[index]) {
		look->needed[index] = true;
		if (!look->stack->rules[index]->needs_control)
			return;
		index = rule_index(look->stack, look->stack->rules[index]->needs_control);
	}
}

static void add_asker(struct look *look, const struct check *check, const json_t *params) {
	look->askers = xreallocarray(look->askers, look->asker_count + 1, sizeof *look->askers);
	look->askers[look->asker_count++] = (struct asker){.check = check, .params = params};
}

static void select_rules(struct look *look, const char *const *only) {
	size_t count = look->stack->rule_count;
	look->selected = xcalloc(count + 1, sizeof *look->selected);
	look->needed = xcalloc(count + 1, sizeof *look->needed);
	for (size_t i = 0; i < count; i++) {
		look->selected[i] = is_selected(look->stack->rules[i], only);
		if (look->selected[i])
			need(look, i);
	}
}

static void collect_askers(struct look *look) {
	add_asker(look, &identity_check, NULL);
	for (size_t i = 0; i < look->stack->rule_count; i++) {
		const struct rule *rule = look->stack->rules[i];
		if (!look->needed[i] || rule->disabled)
			continue;
		for (size_t v = 0; v < rule->view_count && !rule->unset; v++)
			add_asker(look, rule->views[v].check, rule->views[v].params);
		if (rule->when)
			add_asker(look, rule->when->check, rule->when->params);
	}
}

/* What the rule sees; of one that is disabled, or not set (where that counts), only why it does not look. */
static struct view_seen see(const struct rule *rule, const struct view *view, const struct sources *fetched) {
	struct view_seen seen = {.name = view->name, .check = view->check};
	struct observation observation = {0};
	if (rule->disabled) {
		seen.ok = err_set(&seen.err, ERR_UNAPPROVED, rule->id, "%s", rule->disabled);
		return seen;
	}
	if (rule->unset && view != rule->when) {
		seen.ok =
			err_set(&seen.err, ERR_UNAPPROVED, rule->unset, "this parameter is not set: say what is yours");
		return seen;
	}
	seen.ok = view->check->run(view->params, fetched, &observation, &seen.err);
	seen.rows = seen.ok ? observation.rows : NULL;
	return seen;
}

/* The names that a rule's views ask for, now that everything was read. */
static struct names *rule_names(const struct rule *rule, const struct sources *fetched) {
	struct names *names = names_new();
	for (size_t i = 0; i < rule->view_count && !rule->unset && !rule->disabled; i++)
		rule->views[i].check->sources(rule->views[i].params, fetched, names);
	if (rule->when && !rule->disabled)
		rule->when->check->sources(rule->when->params, fetched, names);
	return names;
}

static void judge_index(struct judging *judging, size_t index);

/* Whether the rule that this one needs passed; judges it first where it was not yet. */
static bool has_control_passed(struct judging *judging, const struct rule *rule) {
	const struct policy_stack *stack = judging->look->stack;
	size_t index = rule->needs_control ? rule_index(stack, rule->needs_control) : stack->rule_count;
	if (index == stack->rule_count)
		return false;
	judge_index(judging, index);
	return judging->results[index] && judging->verdicts[index] == VERDICT_PASS;
}

static void judge_rule(struct judging *judging, size_t index, const struct rule *rule) {
	const struct sources *fetched = judging->look->fetched;
	struct view_seen *views = xcalloc(rule->view_count + 1, sizeof *views);
	struct names *names = judging->read[index] = rule_names(rule, fetched);
	struct view_seen when = {0};
	bool control_passed = has_control_passed(judging, rule);
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] = see(rule, &rule->views[i], fetched);
	for (size_t i = 0; i < rule->view_count; i++)
		judging->saw[index] |= views[i].ok;
	if (rule->when)
		when = see(rule, rule->when, fetched);
	struct judgement judgement = judge(rule, views, rule->when ? &when : NULL, judging->host_age, control_passed);
	judging->verdicts[index] = judgement.verdict;
	judging->results[index] = result_json(rule, &judgement, views, rule->view_count, fetched, names, judging->now);
	const struct waiver *waiver = waiver_find(judging->look->stack, rule, views, judgement.verdict, judging->now);
	if (waiver)
		json_object_set_new(judging->results[index], "waiver", waiver_json(waiver));
	free(judgement.reason);
	for (size_t i = 0; i < rule->view_count; i++)
		json_decref(views[i].rows);
	json_decref(when.rows);
	free(views);
}

static void judge_index(struct judging *judging, size_t index) {
	if (judging->results[index] || judging->under_way[index])
		return;
	judging->under_way[index] = true;
	judge_rule(judging, index, judging->look->stack->rules[index]);
}

static json_t *judge_all(const struct look *look, int64_t now, struct round *round) {
	size_t count = look->stack->rule_count;
	struct judging judging = {.look = look, .now = now, .host_age = identity_host_age(look->fetched, now)};
	json_t *results = json_array();
	judging.results = xcalloc(count + 1, sizeof(json_t *));
	judging.read = xcalloc(count + 1, sizeof(struct names *));
	judging.verdicts = xcalloc(count + 1, sizeof *judging.verdicts);
	judging.saw = round->saw;
	judging.under_way = xcalloc(count + 1, sizeof *judging.under_way);
	for (size_t i = 0; i < count; i++) {
		if (!look->selected[i])
			continue;
		judge_index(&judging, i);
		round->looked[i] = true;
		round->read[i] = judging.read[i];
		judging.read[i] = NULL;
		json_array_append(results, judging.results[i]);
	}
	for (size_t i = 0; i < count; i++) {
		json_decref(judging.results[i]);
		names_free(judging.read[i]);
	}
	free(judging.results);
	free(judging.read);
	free(judging.verdicts);
	free(judging.under_way);
	return results;
}

static int by_name(const void *a, const void *b) {
	return strcmp(((const struct seen *)a)->name, ((const struct seen *)b)->name);
}

static struct seen *seen_of(const struct sources *fetched) {
	size_t count = sources_count(fetched);
	struct seen *seen = xcalloc(count + 1, sizeof *seen);
	for (size_t i = 0; i < count; i++) {
		const struct source *source = sources_at(fetched, i);
		seen[i] = (struct seen){.name = xstrdup(source->name), .digest = seen_digest(source)};
	}
	qsort(seen, count, sizeof *seen, by_name);
	return seen;
}

static void gathered(void *context) {
	struct look *look = context;
	struct round *round = xcalloc(1, sizeof *round);
	round->started_at = look->started_at;
	round->rule_count = look->stack->rule_count;
	round->looked = xcalloc(round->rule_count + 1, sizeof *round->looked);
	round->saw = xcalloc(round->rule_count + 1, sizeof *round->saw);
	round->read = xcalloc(round->rule_count + 1, sizeof(struct names *));
	round->seen = seen_of(look->fetched);
	round->seen_count = sources_count(look->fetched);
	round->host_id = identity_host_id(look->fetched);
	round->host_name = identity_host_name(look->fetched);
	round->host_os = identity_os(look->fetched);
	round->boot_id = identity_boot_id(look->fetched);
	round->results = judge_all(look, times_now(), round);
	round->finished_at = times_now();
	look->done(look->context, round); /* which may free look */
}

struct look *look_start(sd_event *event, const struct look_options *options,
			void (*done)(void *context, struct round *round), void *context) {
	struct look *look = xcalloc(1, sizeof *look);
	look->stack = options->stack;
	look->done = done;
	look->context = context;
	look->started_at = times_now();
	look->fetched = sources_new();
	select_rules(look, options->only);
	collect_askers(look);
	look->gather =
		gather_start(event, &options->host, look->askers, look->asker_count, look->fetched, gathered, look);
	return look;
}

void look_free(struct look *look) {
	if (!look)
		return;
	gather_free(look->gather);
	sources_free(look->fetched);
	free(look->askers);
	free(look->selected);
	free(look->needed);
	free(look);
}

struct waiting {
	sd_event *event;
	struct round *round;
};

static void arrived(void *context, struct round *round) {
	struct waiting *waiting = context;
	waiting->round = round;
	sd_event_exit(waiting->event, 0);
}

bool look_now(const struct look_options *options, struct round **ret_round, struct err *err) {
	struct waiting waiting = {0};
	int error = sd_event_new(&waiting.event);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "event loop", "make");
	struct look *look = look_start(waiting.event, options, arrived, &waiting);
	error = sd_event_loop(waiting.event);
	look_free(look);
	sd_event_unref(waiting.event);
	if (error < 0 || !waiting.round) {
		round_free(waiting.round);
		return err_errno(err, error < 0 ? -error : ECANCELED, ERR_IO, "event loop", "run");
	}
	*ret_round = waiting.round;
	return true;
}

bool look_read(const struct look_options *options, struct sources *into, struct err *err) {
	struct look look = {.stack = options->stack};
	select_rules(&look, options->only);
	collect_askers(&look);
	bool is_done = gather_now(&options->host, look.askers, look.asker_count, into, err);
	free(look.askers);
	free(look.selected);
	free(look.needed);
	return is_done;
}

const json_t *round_result(const struct round *round, const char *rule) {
	size_t i;
	json_t *result;
	json_array_foreach(round->results, i, result) {
		const char *id = json_string_value(json_object_get(result, "rule"));
		if (id && !strcmp(id, rule))
			return result;
	}
	return NULL;
}

void round_free(struct round *round) {
	if (!round)
		return;
	json_decref(round->results);
	for (size_t i = 0; i < round->rule_count; i++)
		names_free(round->read[i]);
	for (size_t i = 0; i < round->seen_count; i++)
		free(round->seen[i].name);
	free(round->read);
	free(round->seen);
	free(round->looked);
	free(round->saw);
	free(round->host_id);
	free(round->host_name);
	free(round->host_os);
	free(round->boot_id);
	free(round);
}
