#include "sources/gather.h"

#include <errno.h>
#include <fnmatch.h>

struct gather {
	struct asker *askers;
	bool *is_settled; /* of each asker: all that it named is there, so it would name the same again */
	size_t count;
	struct sources *into;
	struct fetch *fetch;
	unsigned passes;       /* begun */
	struct names *refused; /* asked for without a pattern that allows it; somebody else may be allowed */
	struct names *wanted;  /* of this pass; also keeps names alive while they are fetched */
	void (*done)(void *context);
	void *context;
};

static bool is_allowed(const struct check *check, const char *name) {
	for (const char *const *pattern = check->patterns; pattern && *pattern; pattern++)
		if (fnmatch(*pattern, name, 0) == 0)
			return true;
	return false;
}

static void ask(struct gather *gather, size_t index) {
	CLEANUP(names_free_p) struct names *names = names_new();
	const struct asker *asker = &gather->askers[index];
	asker->check->sources(asker->params, gather->into, names);
	gather->is_settled[index] = true;
	for (size_t i = 0; i < names_count(names); i++) {
		const char *name = names_at(names, i);
		if (sources_get(gather->into, name))
			continue;
		gather->is_settled[index] = false;
		names_add(is_allowed(asker->check, name) ? gather->wanted : gather->refused, name);
	}
}

static void refuse(struct gather *gather, const char *name, enum err_code code, const char *why) {
	if (!sources_get(gather->into, name))
		err_set(&sources_add(gather->into, name)->err, code, name, "%s", why);
}

static void finish(struct gather *gather) {
	for (size_t i = 0; i < names_count(gather->wanted); i++)
		refuse(gather, names_at(gather->wanted, i), ERR_UNPROVED, "still asked for after the last pass");
	for (size_t i = 0; i < names_count(gather->refused); i++)
		refuse(gather, names_at(gather->refused, i), ERR_DENIED, "no pattern of the check allows it");
}

/* What is behind the cap is refused here, so that fetch never sees it. */
static void cap(struct gather *gather) {
	size_t room = sources_count(gather->into);
	room = room < SOURCES_MOST ? SOURCES_MOST - room : 0;
	for (size_t i = room; i < names_count(gather->wanted); i++)
		refuse(gather, names_at(gather->wanted, i), ERR_UNREADABLE, "too many sources in one round");
}

static void pass(void *context) {
	struct gather *gather = context;
	names_free(gather->wanted);
	gather->wanted = names_new();
	for (size_t i = 0; i < gather->count; i++)
		if (!gather->is_settled[i])
			ask(gather, i);
	if (names_count(gather->wanted) > 0 && gather->passes++ < CHECK_PASSES) {
		cap(gather);
		fetch_start(gather->fetch, gather->wanted, pass, gather);
		return;
	}
	finish(gather);
	gather->done(gather->context); /* may free the gather */
}

struct gather *gather_start(sd_event *event, const struct host *host, const struct asker *askers, size_t count,
			    struct sources *into, void (*done)(void *context), void *context) {
	struct gather *gather = xcalloc(1, sizeof *gather);
	*gather = (struct gather){.askers = xreallocarray(NULL, count ? count : 1, sizeof *askers),
				  .is_settled = xcalloc(count ? count : 1, sizeof(bool)),
				  .count = count,
				  .into = into,
				  .fetch = fetch_new(event, host, into),
				  .refused = names_new(),
				  .wanted = names_new(),
				  .done = done,
				  .context = context};
	if (count > 0)
		memcpy(gather->askers, askers, count * sizeof *askers);
	/* Nothing to fetch yet: the first pass begins from the loop. */
	fetch_start(gather->fetch, gather->wanted, pass, gather);
	return gather;
}

void gather_free(struct gather *gather) {
	if (!gather)
		return;
	fetch_free(gather->fetch);
	names_free(gather->wanted);
	names_free(gather->refused);
	free(gather->askers);
	free(gather->is_settled);
	free(gather);
}

static void stop(void *context) { *(bool *)context = true; }

bool gather_now(const struct host *host, const struct asker *askers, size_t count, struct sources *into,
		struct err *err) {
	sd_event *event = NULL;
	bool is_done = false;
	int error = sd_event_new(&event);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "event loop", "make");
	struct gather *gather = gather_start(event, host, askers, count, into, stop, &is_done);
	while (!is_done && error >= 0)
		error = sd_event_run(event, UINT64_MAX);
	gather_free(gather);
	sd_event_unref(event);
	return is_done || err_errno(err, -error, ERR_IO, "event loop", "run");
}
