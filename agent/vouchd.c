#include "agent/vouchd.h"

#include <malloc.h>

#include "agent/changes.h"
#include "agent/lists.h"
#include "agent/memory.h"
#include "agent/schedule.h"
#include "core/file.h"
#include "core/statement.h"
#include "core/text.h"
#include "core/times.h"
#include "core/waiver.h"

struct vouchd {
	struct vouchd_options options;
	sd_event *event;
	sd_event_source *timer, *soon; /* for the next round by schedule, and because of changes; off during a look */
	struct changes *changes;
	struct watch *watch; /* NULL: nothing is watched */
	struct lists *lists; /* likewise */
	struct news *news;
	json_t *memory;    /* of earlier looks; owned */
	struct look *look; /* under way, or done and freed before the next */
	uint64_t began;    /* that look; boot time, microseconds */
	uint64_t first;    /* likewise: the first look, from which the schedule counts */
	/* By rule, in the stack's order: the current result as text, which is a tenth of what it is as a value (NULL
	 * before the first look), when the look began that gave it, and whether the look under way is about it. */
	char **current;
	uint64_t *looked_at;
	bool *due;
	int64_t *waiver_moves; /* by rule: when a waiver of it begins or ends next; INT64_MAX: never */
	bool is_scheduled;     /* the schedule asked for it, not a change alone */
};

static uint64_t every_us(const struct rule *rule) {
	return (uint64_t)(rule->every < VOUCHD_EVERY_LEAST_S ? VOUCHD_EVERY_LEAST_S : rule->every) * 1000000;
}

/* When the wall clock gets to where a waiver of the rule begins or ends, in boot time as far as can be said now. */
static uint64_t waiver_due_at(const struct vouchd *vouchd, size_t index) {
	uint64_t now;
	if (vouchd->waiver_moves[index] == INT64_MAX || sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return UINT64_MAX;
	int64_t left = vouchd->waiver_moves[index] - times_now();
	return left > 0 ? now + (uint64_t)left * 1000000 : 0;
}

static uint64_t due_at(const struct vouchd *vouchd, size_t index) {
	if (!vouchd->current[index])
		return 0;
	uint64_t scheduled =
		schedule_next(vouchd->first, vouchd->looked_at[index], every_us(vouchd->options.stack->rules[index]));
	uint64_t waived = waiver_due_at(vouchd, index);
	return waived < scheduled ? waived : scheduled;
}

/* A rule that is due brings along the one that it needs. */
static void mark_due(struct vouchd *vouchd, size_t index) {
	const struct policy_stack *stack = vouchd->options.stack;
	while (index < stack->rule_count && !vouchd->due[index]) {
		const char *needed = stack->rules[index]->needs_control;
		vouchd->due[index] = true;
		for (index = 0; needed && index < stack->rule_count; index++)
			if (!strcmp(stack->rules[index]->id, needed))
				break;
		if (!needed)
			return;
	}
}

/* With a rule that has changed come those whose passing hangs on its own. */
static void mark_changed(struct vouchd *vouchd, size_t index) {
	const struct policy_stack *stack = vouchd->options.stack;
	mark_due(vouchd, index);
	for (size_t i = 0; i < stack->rule_count; i++)
		if (stack->rules[i]->needs_control && !strcmp(stack->rules[i]->needs_control, stack->rules[index]->id))
			mark_due(vouchd, i);
}

static void find_changed(struct vouchd *vouchd, uint64_t now) {
	size_t count = vouchd->options.stack->rule_count;
	bool *changed = xcalloc(count + 1, sizeof *changed);
	changes_take(vouchd->changes, now, changed);
	for (size_t i = 0; i < count; i++)
		if (changed[i])
			mark_changed(vouchd, i);
	free(changed);
}

/* Ids of the rules that are due, NULL behind the last; the array is the caller's, the ids are not. */
static const char **due_rules(struct vouchd *vouchd, uint64_t now) {
	const struct policy_stack *stack = vouchd->options.stack;
	const char **ids = xcalloc(stack->rule_count + 1, sizeof *ids);
	size_t count = 0;
	memset(vouchd->due, 0, stack->rule_count * sizeof *vouchd->due);
	vouchd->is_scheduled = false;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (due_at(vouchd, i) <= now + SCHEDULE_SLACK_US) {
			vouchd->is_scheduled = true;
			mark_due(vouchd, i);
		}
	if (changes_due(vouchd->changes, now) <= now)
		find_changed(vouchd, now);
	for (size_t i = 0; i < stack->rule_count; i++)
		if (vouchd->due[i]) {
			changes_begin(vouchd->changes, i);
			ids[count++] = stack->rules[i]->id;
		}
	return ids;
}

static void set_timer(struct vouchd *vouchd, sd_event_source *timer, uint64_t at) {
	if (sd_event_source_set_time(timer, at) < 0 ||
	    sd_event_source_set_enabled(timer, at == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT) < 0)
		sd_event_exit(vouchd->event, 1);
}

/* The timers for the next round; a loop that cannot have them ends. */
static void wait_for_next(struct vouchd *vouchd) {
	uint64_t next = UINT64_MAX, now;
	for (size_t i = 0; i < vouchd->options.stack->rule_count; i++)
		if (due_at(vouchd, i) < next)
			next = due_at(vouchd, i);
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		sd_event_exit(vouchd->event, 1);
	set_timer(vouchd, vouchd->timer, next);
	set_timer(vouchd, vouchd->soon, changes_due(vouchd->changes, now));
}

static void on_changed(void *context, const char *name) {
	struct vouchd *vouchd = context;
	uint64_t now;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return;
	if (changes_mark(vouchd->changes, name, now)) {
		CLEANUP(free_ptr)
		char *text = xasprintf("%s changes again and again: what reads it is looked at once a minute", name);
		text_replace_controls(text);
		vouchd->options.say(text);
	}
	news_changed(vouchd->news, name);
	if (!vouchd->look)
		wait_for_next(vouchd);
}

static void on_list(void *context, const char *path) {
	struct vouchd *vouchd = context;
	uint64_t now;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return;
	changes_mark_all(vouchd->changes, now);
	news_changed(vouchd->news, path);
	if (!vouchd->look)
		wait_for_next(vouchd);
}

static void on_say(void *context, const char *text) { ((struct vouchd *)context)->options.say(text); }

/* What the rules read now is watched from now on. */
static void watch_read(struct vouchd *vouchd, struct round *round) {
	size_t count;
	for (size_t i = 0; i < round->rule_count; i++) {
		if (!round->looked[i])
			continue;
		changes_read(vouchd->changes, i, round->read[i]);
		round->read[i] = NULL;
	}
	if (!vouchd->watch)
		return;
	const char **names = changes_names(vouchd->changes, &count);
	watch_set(vouchd->watch, names, count, round->seen, round->seen_count);
	free(names);
}

/* The rule is looked at again when what a waiver does to it changes. */
static void keep_waiver(struct vouchd *vouchd, size_t index, const json_t *result) {
	const struct policy_stack *stack = vouchd->options.stack;
	const char *text = json_string_value(json_object_get(result, "collectedAt"));
	int64_t collected;
	vouchd->waiver_moves[index] =
		text && times_parse(text, &collected) ? waiver_next(stack, stack->rules[index], collected) : INT64_MAX;
}

/* A result that has no text makes no statement either: seal() says why. */
static void keep(struct vouchd *vouchd, size_t index, const json_t *result) {
	struct buf text = {0};
	struct err ignored;
	free(vouchd->current[index]);
	vouchd->current[index] = json_canonical(result, &text, &ignored) ? buf_take(&text) : xstrdup("");
	vouchd->looked_at[index] = vouchd->began;
	keep_waiver(vouchd, index, result);
	buf_done(&text);
}

/* New reference; what cannot be read back is null, which seal() refuses. */
static json_t *kept(const struct vouchd *vouchd, size_t index) {
	const char *text = vouchd->current[index];
	json_t *result;
	struct err ignored;
	return json_read(text, strlen(text), STATEMENT_BODY_LARGEST, "result", &result, &ignored) ? result
												  : json_null();
}

static void tell(struct vouchd *vouchd, size_t index, const json_t *result) {
	json_t *before = vouchd->current[index] ? kept(vouchd, index) : NULL;
	const char *verdict = json_string_value(json_object_get(result, "verdict"));
	if (verdict)
		news_verdict(vouchd->news, vouchd->options.stack->rules[index]->id,
			     json_string_value(json_object_get(before, "verdict")), verdict);
	json_decref(before);
}

/* Keep the results of the rules that were looked at, and give the round the current results of all. */
static void complete(struct vouchd *vouchd, struct round *round) {
	const struct policy_stack *stack = vouchd->options.stack;
	size_t taken = 0;
	json_t *all = json_array();
	for (size_t i = 0; i < stack->rule_count; i++) {
		if (round->looked[i]) {
			json_t *result = json_array_get(round->results, taken++);
			tell(vouchd, i, result);
			keep(vouchd, i, result);
			json_array_append(all, result);
		} else if (vouchd->current[i]) {
			json_array_append_new(all, kept(vouchd, i));
		}
	}
	json_decref(round->results);
	round->results = all;
}

static const char *trigger(const struct vouchd *vouchd, const struct round *round) {
	if (vouchd->options.once)
		return "manual";
	if (strcmp(round->boot_id, vouchd->options.sealer->chain->boot_id) != 0)
		return "boot";
	return vouchd->is_scheduled ? "schedule" : "change";
}

/* Without the file the first look after a restart is one that remembers nothing. */
static void keep_memory(struct vouchd *vouchd, const struct round *round) {
	struct err err;
	char text[640];
	if (!memory_take(vouchd->memory, vouchd->options.stack, round, vouchd->options.sealer->home->memory, &err))
		vouchd->options.say(err_text(&err, text, sizeof text));
}

static void looked(void *context, struct round *round) {
	struct vouchd *vouchd = context;
	enum sealed sealed = SEALED_KEPT;
	struct err err;
	look_free(vouchd->look);
	vouchd->look = NULL;
	complete(vouchd, round);
	const char *why = trigger(vouchd, round);
	bool ok = seal(vouchd->options.sealer, vouchd->options.stack, round, why, &sealed, &err);
	vouchd->options.report(round, vouchd->news, why, sealed, ok ? NULL : &err);
	if (ok && sealed == SEALED_KEPT)
		keep_memory(vouchd, round);
	watch_read(vouchd, round);
	round_free(round);
	malloc_trim(0); /* what was read is gone: between rounds the memory is the host's */
	if (vouchd->options.once)
		sd_event_exit(vouchd->event, ok && sealed == SEALED_KEPT ? 0 : 1);
	else
		wait_for_next(vouchd);
}

static int begin(sd_event_source *source, uint64_t time, void *context) {
	struct vouchd *vouchd = context;
	int error = sd_event_now(vouchd->event, CLOCK_BOOTTIME, &vouchd->began);
	if (error >= 0)
		error = sd_event_source_set_enabled(vouchd->timer, SD_EVENT_OFF);
	if (error >= 0)
		error = sd_event_source_set_enabled(vouchd->soon, SD_EVENT_OFF);
	if (error < 0)
		return error;
	if (!vouchd->first)
		vouchd->first = vouchd->began;
	const char **ids = due_rules(vouchd, vouchd->began);
	struct look_options options = {.stack = vouchd->options.stack, .host = vouchd->options.host, .only = ids};
	news_begin(vouchd->news);
	if (ids[0] && vouchd->watch)
		watch_hold(vouchd->watch);
	if (ids[0])
		vouchd->look = look_start(vouchd->event, &options, looked, vouchd);
	else
		wait_for_next(vouchd);
	free(ids);
	return 0;
}

/* Without that the evidence follows on schedule. */
static void watch_lists(struct vouchd *vouchd) {
	const struct vouchd_options *options = &vouchd->options;
	struct err err;
	char text[640];
	if (options->lists && !options->once && !options->host.root &&
	    !lists_watch(vouchd->event, options->lists, on_list, vouchd, &vouchd->lists, &err))
		options->say(err_text(&err, text, sizeof text));
}

bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd, struct err *err) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = xcalloc(1, sizeof *vouchd);
	size_t count = options->stack->rule_count;
	vouchd->options = *options;
	vouchd->memory = memory_read(options->sealer->home->memory);
	vouchd->options.host.previous = vouchd->memory;
	vouchd->event = sd_event_ref(event);
	vouchd->current = xcalloc(count + 1, sizeof(char *));
	vouchd->looked_at = xcalloc(count + 1, sizeof *vouchd->looked_at);
	vouchd->due = xcalloc(count + 1, sizeof *vouchd->due);
	vouchd->waiver_moves = xcalloc(count + 1, sizeof *vouchd->waiver_moves);
	vouchd->changes = changes_new(count);
	vouchd->news = news_new();
	int error = sd_event_add_time(event, &vouchd->timer, CLOCK_BOOTTIME, 0, 0, begin, vouchd);
	if (error >= 0)
		error = sd_event_add_time(event, &vouchd->soon, CLOCK_BOOTTIME, 0, 1000, begin, vouchd);
	if (error >= 0)
		error = sd_event_source_set_enabled(vouchd->soon, SD_EVENT_OFF);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "timer", "make");
	const struct watch_options watch = {
		.host = options->host, .changed = on_changed, .say = on_say, .context = vouchd};
	if (!options->once && !options->host.root)
		vouchd->watch = watch_new(event, &watch);
	watch_lists(vouchd);
	*ret_vouchd = vouchd;
	vouchd = NULL;
	return true;
}

void vouchd_free(struct vouchd *vouchd) {
	if (!vouchd)
		return;
	look_free(vouchd->look);
	watch_free(vouchd->watch);
	lists_free(vouchd->lists);
	news_free(vouchd->news);
	json_decref(vouchd->memory);
	changes_free(vouchd->changes);
	sd_event_source_disable_unref(vouchd->timer);
	sd_event_source_disable_unref(vouchd->soon);
	sd_event_unref(vouchd->event);
	for (size_t i = 0; i < vouchd->options.stack->rule_count; i++)
		free(vouchd->current[i]);
	free(vouchd->current);
	free(vouchd->looked_at);
	free(vouchd->due);
	free(vouchd->waiver_moves);
	free(vouchd);
}
