#include "agent/vouchd.h"

#include "core/file.h"

struct vouchd {
	struct vouchd_options options;
	sd_event *event;
	sd_event_source *timer;
	struct look *look; /* under way, or done and freed before the next */
	uint64_t began;    /* monotonic, microseconds */
};

int64_t vouchd_every(const struct policy_stack *stack) {
	int64_t every = INT64_MAX;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (stack->rules[i]->every < every)
			every = stack->rules[i]->every;
	return every < VOUCHD_EVERY_LEAST_S || every == INT64_MAX ? VOUCHD_EVERY_LEAST_S : every;
}

static void finish_once(struct vouchd *vouchd, bool kept) { sd_event_exit(vouchd->event, kept ? 0 : 1); }

/* The timer for the next round; a loop that cannot have one ends. */
static void wait_for_next(struct vouchd *vouchd) {
	uint64_t every = (uint64_t)vouchd_every(vouchd->options.stack) * 1000000;
	if (sd_event_source_set_time(vouchd->timer, vouchd->began + every) < 0 ||
	    sd_event_source_set_enabled(vouchd->timer, SD_EVENT_ONESHOT) < 0)
		sd_event_exit(vouchd->event, 1);
}

static const char *trigger(const struct vouchd *vouchd, const struct round *round) {
	if (vouchd->options.once)
		return "manual";
	return strcmp(round->boot_id, vouchd->options.sealer->chain->boot_id) != 0 ? "boot" : "schedule";
}

static void looked(void *context, struct round *finished) {
	struct vouchd *vouchd = context;
	CLEANUP(round_free_p) struct round *round = finished;
	enum sealed sealed = SEALED_KEPT;
	struct err err;
	bool ok = seal(vouchd->options.sealer, vouchd->options.stack, round, trigger(vouchd, round), &sealed, &err);
	vouchd->options.report(round, sealed, ok ? NULL : &err);
	if (vouchd->options.once)
		finish_once(vouchd, ok && sealed == SEALED_KEPT);
	else
		wait_for_next(vouchd);
}

static int begin(sd_event_source *source, uint64_t due, void *context) {
	struct vouchd *vouchd = context;
	struct look_options options = {.stack = vouchd->options.stack, .root = vouchd->options.root};
	look_free(vouchd->look);
	sd_event_now(vouchd->event, CLOCK_BOOTTIME, &vouchd->began);
	vouchd->look = look_start(vouchd->event, &options, looked, vouchd);
	return 0;
}

bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd, struct err *err) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = xcalloc(1, sizeof *vouchd);
	vouchd->options = *options;
	vouchd->event = sd_event_ref(event);
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
	free(vouchd);
}
