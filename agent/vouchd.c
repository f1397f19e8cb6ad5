#include "agent/vouchd.h"

#include <malloc.h>

#include "core/file.h"

#define SLACK_US 1000000 /* what is due within it is due now */

struct vouchd {
	struct vouchd_options options;
	sd_event *event;
	sd_event_source *timer;
	struct look *look; /* under way, or done and freed before the next */
	uint64_t began;    /* that look; boot time, microseconds */
	/* By rule, in the stack's order: the current result (NULL before the first look), when the look began that gave
	 * it, and whether the look under way is about it. */
	json_t **current;
	uint64_t *looked_at;
	bool *due;
};

static uint64_t every_us(const struct rule *rule) {
	return (uint64_t)(rule->every < VOUCHD_EVERY_LEAST_S ? VOUCHD_EVERY_LEAST_S : rule->every) * 1000000;
}

static uint64_t due_at(const struct vouchd *vouchd, size_t index) {
	return vouchd->current[index] ? vouchd->looked_at[index] + every_us(vouchd->options.stack->rules[index]) : 0;
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

/* Ids of the rules that are due, NULL behind the last; the array is the caller's, the ids are not. */
static const char **due_rules(struct vouchd *vouchd, uint64_t now) {
	const struct policy_stack *stack = vouchd->options.stack;
	const char **ids = xcalloc(stack->rule_count + 1, sizeof *ids);
	size_t count = 0;
	memset(vouchd->due, 0, stack->rule_count * sizeof *vouchd->due);
	for (size_t i = 0; i < stack->rule_count; i++)
		if (due_at(vouchd, i) <= now + SLACK_US)
			mark_due(vouchd, i);
	for (size_t i = 0; i < stack->rule_count; i++)
		if (vouchd->due[i])
			ids[count++] = stack->rules[i]->id;
	return ids;
}

/* The timer for the next round; a loop that cannot have one ends. */
static void wait_for_next(struct vouchd *vouchd) {
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < vouchd->options.stack->rule_count; i++)
		if (due_at(vouchd, i) < next)
			next = due_at(vouchd, i);
	if (sd_event_source_set_time(vouchd->timer, next) < 0 ||
	    sd_event_source_set_enabled(vouchd->timer, SD_EVENT_ONESHOT) < 0)
		sd_event_exit(vouchd->event, 1);
}

/* Keep the results of the rules that were looked at, and give the round the current results of all. */
static void complete(struct vouchd *vouchd, struct round *round) {
	const struct policy_stack *stack = vouchd->options.stack;
	size_t taken = 0;
	json_t *all = json_array();
	for (size_t i = 0; i < stack->rule_count; i++) {
		if (round->looked[i]) {
			json_decref(vouchd->current[i]);
			vouchd->current[i] = json_incref(json_array_get(round->results, taken++));
			vouchd->looked_at[i] = vouchd->began;
		}
		if (vouchd->current[i])
			json_array_append(all, vouchd->current[i]);
	}
	json_decref(round->results);
	round->results = all;
}

static const char *trigger(const struct vouchd *vouchd, const struct round *round) {
	if (vouchd->options.once)
		return "manual";
	return strcmp(round->boot_id, vouchd->options.sealer->chain->boot_id) != 0 ? "boot" : "schedule";
}

static void looked(void *context, struct round *round) {
	struct vouchd *vouchd = context;
	enum sealed sealed = SEALED_KEPT;
	struct err err;
	look_free(vouchd->look);
	vouchd->look = NULL;
	complete(vouchd, round);
	bool ok = seal(vouchd->options.sealer, vouchd->options.stack, round, trigger(vouchd, round), &sealed, &err);
	vouchd->options.report(round, sealed, ok ? NULL : &err);
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
	if (error < 0)
		return error;
	const char **ids = due_rules(vouchd, vouchd->began);
	struct look_options options = {.stack = vouchd->options.stack, .host = vouchd->options.host, .only = ids};
	look_free(vouchd->look);
	vouchd->look = look_start(vouchd->event, &options, looked, vouchd);
	free(ids);
	return 0;
}

bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd, struct err *err) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = xcalloc(1, sizeof *vouchd);
	size_t count = options->stack->rule_count;
	vouchd->options = *options;
	vouchd->event = sd_event_ref(event);
	vouchd->current = xcalloc(count + 1, sizeof(json_t *));
	vouchd->looked_at = xcalloc(count + 1, sizeof *vouchd->looked_at);
	vouchd->due = xcalloc(count + 1, sizeof *vouchd->due);
	int error = sd_event_add_time(event, &vouchd->timer, CLOCK_BOOTTIME, 0, 0, begin, vouchd);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "timer", "make");
	*ret_vouchd = vouchd;
	vouchd = NULL;
	return true;
}

void vouchd_free(struct vouchd *vouchd) {
	if (!vouchd)
		return;
	look_free(vouchd->look);
	sd_event_source_unref(vouchd->timer);
	sd_event_unref(vouchd->event);
	for (size_t i = 0; i < vouchd->options.stack->rule_count; i++)
		json_decref(vouchd->current[i]);
	free(vouchd->current);
	free(vouchd->looked_at);
	free(vouchd->due);
	free(vouchd);
}
