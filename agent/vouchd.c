#include "agent/vouchd.h"

#include <malloc.h>

#include "agent/drift.h"
#include "agent/due.h"
#include "agent/history.h"
#include "agent/late.h"
#include "agent/lists.h"
#include "agent/memory.h"
#include "agent/status.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

struct vouchd {
	struct vouchd_options options;
	sd_event *event;
	sd_event_source *timer, *soon; /* for the next round by schedule, and because of changes; off during a look */
	struct changes *changes;
	struct watch *watch; /* NULL: nothing is watched */
	const bool *seen_by; /* within watch_set(): the rules that have just read; else NULL */
	struct lists *lists; /* likewise */
	struct news *news;
	json_t *memory;          /* of earlier looks; owned */
	struct look *look;       /* under way, or done and freed before the next */
	uint64_t began;          /* that look; boot time, microseconds */
	int64_t began_ms;        /* the same by the wall clock, milliseconds */
	uint64_t first;          /* likewise: the first look, from which the schedule counts */
	struct current *current; /* by rule, in the stack's order */
	bool is_scheduled;       /* the schedule asked for it, not a change alone */
	bool is_taken;           /* the stack is a new one: all rules are due */
	bool is_reload_wanted;
	struct ahead *ahead;
	struct drift *drift;
	/* What was looked at and waits for who changed it; all NULL while nothing does. */
	struct round *round;
	struct attribute *attribute;
	struct attribute_ask *asks;
	size_t ask_count;
	struct late *late;
};

static bool is_busy(const struct vouchd *vouchd) { return vouchd->look || vouchd->round; }

static int64_t wall_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct due due_of(const struct vouchd *vouchd) {
	return (struct due){.event = vouchd->event,
			    .stack = vouchd->options.stack,
			    .current = vouchd->current,
			    .changes = vouchd->changes,
			    .ahead = vouchd->ahead,
			    .first = vouchd->first};
}

/* Ids of the rules that are due, NULL behind the last; the array is the caller's, the ids are not. */
static const char **due_rules(struct vouchd *vouchd, uint64_t now) {
	const struct policy_stack *stack = vouchd->options.stack;
	const char **ids = xcalloc(stack->rule_count + 1, sizeof *ids);
	size_t count = 0;
	const struct due due = due_of(vouchd);
	due_find(&due, now, vouchd->is_taken, !vouchd->options.once);
	vouchd->is_taken = false;
	vouchd->is_scheduled = false;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (vouchd->current[i].due) {
			vouchd->is_scheduled |= vouchd->current[i].by_schedule;
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
	const struct due due = due_of(vouchd);
	uint64_t next = vouchd->is_taken ? 0 : due_next(&due), now;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		sd_event_exit(vouchd->event, 1);
	set_timer(vouchd, vouchd->timer, next);
	set_timer(vouchd, vouchd->soon, changes_due(vouchd->changes, now));
}

static void on_changed(void *context, const char *name) {
	struct vouchd *vouchd = context;
	uint64_t now;
	bool is_marked;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return;
	if (changes_mark_unseen(vouchd->changes, name, now, vouchd->seen_by, &is_marked)) {
		CLEANUP(free_ptr)
		char *text = xasprintf("%s changes again and again: what reads it is looked at once a minute", name);
		text_replace_controls(text);
		vouchd->options.say(vouchd->options.context, text);
	}
	if (!is_marked)
		return;
	news_changed(vouchd->news, name);
	if (!is_busy(vouchd))
		wait_for_next(vouchd);
}

static void on_list(void *context, const char *path) {
	struct vouchd *vouchd = context;
	uint64_t now;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return;
	changes_mark_all(vouchd->changes, now);
	news_changed(vouchd->news, path);
	if (!is_busy(vouchd))
		wait_for_next(vouchd);
}

static void on_say(void *context, const char *text) {
	struct vouchd *vouchd = context;
	vouchd->options.say(vouchd->options.context, text);
}

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
	vouchd->seen_by = round->looked;
	watch_set(vouchd->watch, names, count, round->seen, round->seen_count);
	vouchd->seen_by = NULL;
	free(names);
}

/* text: what it was before; NULL: nothing is known. */
static void tell(struct vouchd *vouchd, size_t index, const char *text, const json_t *result) {
	CLEANUP(json_decref_p) json_t *before = text ? current_read(text) : NULL;
	const char *verdict = json_string_value(json_object_get(result, "verdict"));
	if (verdict)
		news_verdict(vouchd->news, vouchd->options.stack->rules[index]->id,
			     json_string_value(json_object_get(before, "verdict")), verdict);
}

/* Keep the results of the rules that were looked at, and give the round the current results of all. */
static void complete(struct vouchd *vouchd, struct round *round) {
	const struct policy_stack *stack = vouchd->options.stack;
	size_t taken = 0;
	json_t *all = json_array();
	for (size_t i = 0; i < stack->rule_count; i++) {
		if (round->looked[i]) {
			json_t *result = json_array_get(round->results, taken++);
			CLEANUP(free_ptr) char *before = current_text(vouchd->current, i);
			tell(vouchd, i, before, result);
			drift_look(vouchd->drift, i, result, before, vouchd->began_ms);
			current_keep(vouchd->current, stack, i, result, vouchd->began);
			json_array_append(all, result);
		} else if (vouchd->current[i].result) {
			json_array_append_new(all, current_value(vouchd->current, i));
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

static void say_err(const struct vouchd *vouchd, const struct err *err) {
	char text[640];
	vouchd->options.say(vouchd->options.context, err_text(err, text, sizeof text));
}

/* Without the file the first look after a restart is one that remembers nothing. */
static void keep_memory(struct vouchd *vouchd, const struct round *round) {
	struct err err;
	if (!memory_take(vouchd->memory, vouchd->options.stack, round, vouchd->options.sealer->home->memory, &err))
		say_err(vouchd, &err);
}

/* What changed is in the chain: it goes into the history first, so that a crash has it there twice rather than never.
 */
static void keep_changes(struct vouchd *vouchd, const struct round *round, const char *why) {
	const struct sealer *sealer = vouchd->options.sealer;
	struct err err;
	bool is_torn = false;
	CLEANUP(json_decref_p)
	json_t *entries = drift_entries(vouchd->drift, round->results, sealer->chain->sequence, why);
	if (!history_add(sealer->home, entries, vouchd->options.history_limit, &is_torn, &err))
		say_err(vouchd, &err);
	if (is_torn)
		vouchd->options.say(vouchd->options.context, "the history's last line had no end: it is taken away");
	if (!drift_sealed(vouchd->drift, round->results, &err))
		say_err(vouchd, &err);
}

static void keep_status(struct vouchd *vouchd, const struct round *round, const char *why, enum sealed sealed,
			const struct err *failed) {
	struct err err;
	if (!status_write(vouchd->options.sealer, vouchd->options.stack, round, vouchd->drift, why, sealed, failed,
			  &err))
		say_err(vouchd, &err);
}

static void seal_round(struct vouchd *vouchd, struct round *round) {
	enum sealed sealed = SEALED_KEPT;
	struct err err;
	const char *why = trigger(vouchd, round);
	drift_mark(vouchd->drift, round->results);
	bool ok = seal(vouchd->options.sealer, vouchd->options.stack, round, why, &sealed, &err);
	vouchd->options.report(vouchd->options.context, round, vouchd->news, why, sealed, ok ? NULL : &err);
	if (ok && sealed == SEALED_KEPT) {
		keep_memory(vouchd, round);
		late_take(vouchd->late, vouchd->asks, vouchd->ask_count, vouchd->options.sealer->chain->sequence,
			  vouchd->options.history_limit);
		keep_changes(vouchd, round, why);
	}
	keep_status(vouchd, round, why, sealed, ok ? NULL : &err);
	json_decref(round->results); /* before what is kept for long, which then takes its place */
	round->results = NULL;
	watch_read(vouchd, round);
	round_free(round);
	malloc_trim(0); /* what was read is gone: between rounds the memory is the host's */
	if (vouchd->options.once) {
		sd_event_exit(vouchd->event, ok && sealed == SEALED_KEPT ? 0 : 1);
		return;
	}
	wait_for_next(vouchd);
	if (vouchd->is_reload_wanted) {
		vouchd->is_reload_wanted = false;
		vouchd->options.reload(vouchd->options.context);
	}
}

static void attributed(void *context) {
	struct vouchd *vouchd = context;
	struct round *round = vouchd->round;
	attribute_free(vouchd->attribute);
	vouchd->attribute = NULL;
	vouchd->round = NULL;
	seal_round(vouchd, round);
	free(vouchd->asks);
	vouchd->asks = NULL;
}

static void looked(void *context, struct round *round) {
	struct vouchd *vouchd = context;
	look_free(vouchd->look);
	vouchd->look = NULL;
	if (vouchd->options.host.ahead) /* else it was read meanwhile, and is due now */
		ahead_taken(vouchd->ahead);
	vouchd->options.host.ahead = NULL;
	ahead_start(vouchd->ahead); /* for what was put off meanwhile */
	complete(vouchd, round);
	vouchd->round = round;
	vouchd->asks = drift_asks(vouchd->drift, wall_ms(), &vouchd->ask_count);
	vouchd->attribute = attribute_start(vouchd->event, &vouchd->options.host, vouchd->asks, vouchd->ask_count,
					    ATTRIBUTE_DEADLINE_US, attributed, vouchd);
	if (!vouchd->attribute)
		attributed(vouchd);
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
	vouchd->began_ms = wall_ms();
	if (!vouchd->first)
		vouchd->first = vouchd->began;
	const char **ids = due_rules(vouchd, vouchd->began);
	vouchd->options.host.ahead = ahead_sources(vouchd->ahead);
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
		options->say(options->context, err_text(&err, text, sizeof text));
}

static void watch_anew(struct vouchd *vouchd) {
	const struct watch_options options = {
		.host = vouchd->options.host, .changed = on_changed, .say = on_say, .context = vouchd};
	watch_free(vouchd->watch);
	vouchd->watch = NULL;
	if (!vouchd->options.once && !vouchd->options.host.root)
		vouchd->watch = watch_new(vouchd->event, &options);
}

static void on_ahead(void *context) {
	struct vouchd *vouchd = context;
	if (!is_busy(vouchd))
		wait_for_next(vouchd);
}

static void read_ahead(struct vouchd *vouchd) {
	ahead_free(vouchd->ahead);
	vouchd->ahead = ahead_new(vouchd->event, &vouchd->options.host, vouchd->options.stack, on_ahead, vouchd);
}

/* All rules are looked at next, so all that is watched is watched anew, by what that look reads. */
void vouchd_take(struct vouchd *vouchd, const struct policy_stack *stack, int64_t history_limit) {
	vouchd->options.history_limit = history_limit;
	vouchd->current = current_take(vouchd->current, vouchd->options.stack, stack);
	vouchd->options.stack = stack;
	drift_take(vouchd->drift, stack);
	vouchd->is_taken = true;
	read_ahead(vouchd);
	changes_free(vouchd->changes);
	vouchd->changes = changes_new(stack->rule_count);
	watch_anew(vouchd);
	standing_forget(&vouchd->options.sealer->standing);
	news_changed(vouchd->news, "configuration");
	wait_for_next(vouchd);
}

void vouchd_reload(struct vouchd *vouchd) {
	if (is_busy(vouchd))
		vouchd->is_reload_wanted = true;
	else
		vouchd->options.reload(vouchd->options.context);
}

static bool is_of_clock(const char *name) {
	static const char *const prefixes[] = {"adjtimex:", "bus:timesync", "cmd:chronyc", "ntp:", "now:"};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts(name, prefixes[i]))
			return true;
	return false;
}

void vouchd_clock_jumped(struct vouchd *vouchd) {
	size_t count;
	uint64_t now;
	if (sd_event_now(vouchd->event, CLOCK_BOOTTIME, &now) < 0)
		return;
	const char **names = changes_names(vouchd->changes, &count);
	for (size_t i = 0; i < count; i++)
		if (is_of_clock(names[i])) {
			changes_mark(vouchd->changes, names[i], now);
			news_changed(vouchd->news, names[i]);
		}
	free(names);
	if (!is_busy(vouchd))
		wait_for_next(vouchd);
}

bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd, struct err *err) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = xcalloc(1, sizeof *vouchd);
	size_t count = options->stack->rule_count;
	vouchd->options = *options;
	vouchd->memory = memory_read(options->sealer->home->memory);
	vouchd->options.host.previous = vouchd->memory;
	vouchd->event = sd_event_ref(event);
	vouchd->current = current_new(count);
	vouchd->changes = changes_new(count);
	vouchd->news = news_new();
	vouchd->drift = drift_open(options->stack, options->sealer->home);
	if (vouchd->options.history_limit < HISTORY_LIMIT_LEAST)
		vouchd->options.history_limit = HISTORY_LIMIT_DEFAULT;
	int error = sd_event_add_time(event, &vouchd->timer, CLOCK_BOOTTIME, 0, 0, begin, vouchd);
	if (error >= 0)
		error = sd_event_add_time(event, &vouchd->soon, CLOCK_BOOTTIME, 0, 1000, begin, vouchd);
	if (error >= 0)
		error = sd_event_source_set_enabled(vouchd->soon, SD_EVENT_OFF);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "timer", "make");
	read_ahead(vouchd);
	const struct late_options late = {.host = vouchd->options.host,
					  .home = options->sealer->home,
					  .after_us = LATE_AFTER_US,
					  .say = on_say,
					  .context = vouchd};
	vouchd->late = late_new(event, &late);
	watch_anew(vouchd);
	watch_lists(vouchd);
	*ret_vouchd = vouchd;
	vouchd = NULL;
	return true;
}

void vouchd_free(struct vouchd *vouchd) {
	if (!vouchd)
		return;
	look_free(vouchd->look);
	ahead_free(vouchd->ahead);
	attribute_free(vouchd->attribute);
	free(vouchd->asks);
	round_free(vouchd->round);
	late_free(vouchd->late);
	drift_free(vouchd->drift);
	watch_free(vouchd->watch);
	lists_free(vouchd->lists);
	news_free(vouchd->news);
	json_decref(vouchd->memory);
	changes_free(vouchd->changes);
	sd_event_source_disable_unref(vouchd->timer);
	sd_event_source_disable_unref(vouchd->soon);
	sd_event_unref(vouchd->event);
	current_free(vouchd->current, vouchd->options.stack->rule_count);
	free(vouchd);
}
