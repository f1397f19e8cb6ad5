#include "agent/late.h"

#include "agent/history.h"

/* A change that waits. */
struct waiting {
	struct attribute_ask ask; /* its own copy */
	char *rule;               /* owned */
	char *why;                /* nobody is named, as the statement has it; owned; NULL: it has none */
	int64_t sequence;
};

struct late {
	struct late_options options;
	sd_event *event;
	sd_event_source *timer;
	struct waiting waiting[LATE_MOST];
	size_t count;
	int64_t limit;
	struct attribute *attribute; /* while they are looked for */
	struct attribute_ask *asks;
	size_t asked;
};

static void say_err(const struct late *late, const struct err *err) {
	char text[640];
	late->options.say(late->options.context, err_text(err, text, sizeof text));
}

static void drop(struct late *late, size_t count) {
	for (size_t i = 0; i < count; i++) {
		names_free((struct names *)(uintptr_t)late->waiting[i].ask.sources);
		json_decref(late->waiting[i].ask.into);
		free(late->waiting[i].rule);
		free(late->waiting[i].why);
	}
	late->count -= count;
	memmove(late->waiting, late->waiting + count, late->count * sizeof *late->waiting);
}

static bool wait_for_more(struct late *late) {
	return sd_event_source_set_time_relative(late->timer, late->options.after_us) >= 0 &&
	       sd_event_source_set_enabled(late->timer, SD_EVENT_ONESHOT) >= 0;
}

/* Somebody, or another reason than the statement's. */
static bool is_news(const struct waiting *waiting) {
	const char *why = json_string_value(json_object_get(waiting->ask.into, "unattributed"));
	return json_object_get(waiting->ask.into, "by") || (why && waiting->why && strcmp(why, waiting->why) != 0);
}

static void found(void *context) {
	struct late *late = context;
	CLEANUP(json_decref_p) json_t *entries = json_array();
	struct err err;
	bool is_torn;
	for (size_t i = 0; i < late->asked; i++) {
		const struct waiting *waiting = &late->waiting[i];
		if (is_news(waiting))
			json_array_append_new(entries,
					      history_late(waiting->rule, waiting->sequence, waiting->ask.into));
	}
	if (!history_add(late->options.home, entries, late->limit, &is_torn, &err))
		say_err(late, &err);
	attribute_free(late->attribute);
	late->attribute = NULL;
	free(late->asks);
	late->asks = NULL;
	drop(late, late->asked);
	if (late->count > 0)
		wait_for_more(late);
}

static int look(sd_event_source *source, uint64_t time, void *context) {
	struct late *late = context;
	if (late->attribute || late->count == 0)
		return 0;
	late->asked = late->count;
	late->asks = xcalloc(late->asked, sizeof *late->asks);
	for (size_t i = 0; i < late->asked; i++)
		late->asks[i] = late->waiting[i].ask;
	late->attribute = attribute_start(late->event, &late->options.host, late->asks, late->asked, LATE_DEADLINE_US,
					  found, late);
	if (!late->attribute)
		found(late);
	return 0;
}

struct late *late_new(sd_event *event, const struct late_options *options) {
	struct late *late = xcalloc(1, sizeof *late);
	late->options = *options;
	late->event = sd_event_ref(event);
	/* Without a timer what comes late is not looked for. */
	if (sd_event_add_time_relative(event, &late->timer, CLOCK_MONOTONIC, options->after_us, 0, look, late) < 0 ||
	    sd_event_source_set_enabled(late->timer, SD_EVENT_OFF) < 0)
		late->timer = sd_event_source_disable_unref(late->timer);
	return late;
}

void late_free(struct late *late) {
	if (!late)
		return;
	attribute_free(late->attribute);
	free(late->asks);
	drop(late, late->count);
	sd_event_source_disable_unref(late->timer);
	sd_event_unref(late->event);
	free(late);
}

static void copy(struct waiting *waiting, const struct attribute_ask *ask, int64_t sequence) {
	const char *why = json_string_value(json_object_get(ask->into, "unattributed"));
	struct names *sources = names_new();
	for (size_t i = 0; i < names_count(ask->sources); i++)
		names_add(sources, names_at(ask->sources, i));
	*waiting = (struct waiting){
		.ask = *ask, .rule = xstrdup(ask->rule), .why = why ? xstrdup(why) : NULL, .sequence = sequence};
	waiting->ask.sources = sources;
	waiting->ask.into = json_object();
	waiting->ask.rule = waiting->rule;
}

void late_take(struct late *late, const struct attribute_ask *asks, size_t count, int64_t sequence, int64_t limit) {
	bool was_empty = late->count == 0;
	late->limit = limit;
	for (size_t i = 0; i < count && late->timer; i++)
		if (asks[i].may_come && late->count < LATE_MOST)
			copy(&late->waiting[late->count++], &asks[i], sequence);
	if (was_empty && late->count > 0 && !wait_for_more(late))
		drop(late, late->count);
}
