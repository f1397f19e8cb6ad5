#include "sources/watch.h"

#include "core/text.h"
#include "sources/reach.h"
#include "sources/watch_notices.h"
#include "sources/watch_paths.h"
#include "sources/watch_units.h"

#define SOON_US 20000 /* many names begin to be watched at once */
#define FRUITLESS_US                                                                                                   \
	300000 /* between two readings of which the first found nothing: who tells may do so for being read */
#define POLLED "file:/proc/sys/"
#define RANDOM "file:/proc/sys/kernel/random/" /* another at each look */

static const struct kind *const kinds[] = {&kind_mounts, &kind_notify_nft, &kind_notify_audit, &kind_watch, NULL};

enum how { BY_NOBODY, BY_PATH, BY_UNIT, BY_NOTICE, BY_POLL };

struct watched {
	char *name;
	struct hash digest; /* of what it was when it was last read */
	enum how how;
	bool is_unread;    /* to be read again and compared */
	bool is_told;      /* that it is not watched */
	bool is_unwatched; /* not told yet */
	char *why;         /* it is not */
};

/* A question to a hand. */
struct call {
	struct watch *watch;
	char *name;
	void (*done)(void *part, struct answer *answer, const struct err *err);
	void *part;
	struct call *next, *previous;
};

struct watch {
	struct watch_options options;
	struct watch_ears ears;
	sd_event *event;
	struct watched *all; /* sorted by name */
	size_t count;
	struct reach *reach; /* only while something is asked */
	struct call *calls;
	struct watch_paths *paths;
	struct watch_units *units;
	struct watch_notices *notices;
	sd_event_source *soon, *poll, *mounts;
	struct sources *read; /* again, while fetch is there */
	struct fetch *fetch;
	bool is_reading, is_soon;
	bool is_held;           /* somebody else reads, and says what he saw when he is done */
	uint64_t not_before_us; /* CLOCK_MONOTONIC: nothing is read again */
};

struct hash seen_digest(const struct source *source) {
	const struct source_meta *meta = &source->meta;
	CLEANUP(free_ptr)
	char *rest = xasprintf("%d %d %o %u %u %u", source->err.code, meta->known, meta->mode, meta->uid, meta->gid,
			       meta->nlink);
	const void *const parts[] = {rest, source->sha256.bytes};
	const size_t lens[] = {strlen(rest), source->err.code == ERR_NONE ? HASH_LEN : 0};
	return hash_of_parts(parts, lens, ARRAY_LEN(parts));
}

static int by_name(const void *name, const void *watched) {
	return strcmp(name, ((const struct watched *)watched)->name);
}

static struct watched *find(const struct watch *watch, const char *name) {
	return watch->count ? bsearch(name, watch->all, watch->count, sizeof *watch->all, by_name) : NULL;
}

static void do_within(struct watch *watch, uint64_t us) {
	watch->is_soon = true;
	sd_event_source_set_time_relative(watch->soon, us);
	sd_event_source_set_enabled(watch->soon, SD_EVENT_ONESHOT);
}

static void do_soon(struct watch *watch) {
	if (!watch->is_soon)
		do_within(watch, SOON_US);
}

/* What the parts tell. */

static void on_changed(void *context, const char *name) {
	struct watch *watch = context;
	if (find(watch, name))
		watch->options.changed(watch->options.context, name);
}

/* Once more for the mounts: the ways to everything lead over them. */
static void on_doubted(void *context, const char *name) {
	struct watch *watch = context;
	struct watched *watched = find(watch, name);
	int is_on = SD_EVENT_OFF;
	if (!strcmp(name, WATCH_MOUNTS))
		sd_event_source_get_enabled(watch->mounts, &is_on);
	if (!strcmp(name, WATCH_MOUNTS) && is_on == SD_EVENT_OFF)
		sd_event_source_set_enabled(watch->mounts, SD_EVENT_ONESHOT);
	if (!watched)
		return;
	watched->is_unread = true;
	do_soon(watch);
}

static void on_unwatched(void *context, const char *name, const char *why) {
	struct watch *watch = context;
	struct watched *watched = find(watch, name);
	if (!watched || watched->is_told || watched->is_unwatched)
		return;
	watched->is_unwatched = true;
	free(watched->why);
	watched->why = xstrdup(why);
	do_soon(watch);
}

static void call_free(struct call *call) {
	*(call->previous ? &call->previous->next : &call->watch->calls) = call->next;
	if (call->next)
		call->next->previous = call->previous;
	free(call->name);
	free(call);
}

static void on_answer(void *context, struct answer *answer, const struct err *err) {
	struct call *call = context;
	struct watch *watch = call->watch;
	call->done(call->part, answer, err);
	call_free(call);
	if (!watch->calls)
		do_soon(watch);
}

static void on_ask(void *context, const struct kind *kind, const char *name, int sent,
		   void (*done)(void *part, struct answer *answer, const struct err *err), void *part) {
	struct watch *watch = context;
	struct call *call = xcalloc(1, sizeof *call);
	*call = (struct call){.watch = watch, .name = xstrdup(name), .done = done, .part = part, .next = watch->calls};
	if (watch->calls)
		watch->calls->previous = call;
	watch->calls = call;
	if (!watch->reach)
		watch->reach = reach_new(watch->event, watch->options.host.helpers, kinds);
	reach_ask(watch->reach, kind, call->name, sent, on_answer, call);
}

/* Reading again. */

static void on_read(void *context) {
	struct watch *watch = context;
	bool is_fruitless = true;
	watch->is_reading = false;
	for (size_t i = 0; i < sources_count(watch->read); i++) {
		const struct source *source = sources_at(watch->read, i);
		struct watched *watched = find(watch, source->name);
		struct hash digest = seen_digest(source);
		if (!watched || hash_equal(&digest, &watched->digest))
			continue;
		watched->digest = digest;
		is_fruitless = false;
		watch->options.changed(watch->options.context, watched->name);
	}
	watch->not_before_us = is_fruitless ? time_us() + FRUITLESS_US : 0;
	do_soon(watch); /* the fetch must not be freed from within */
}

static bool has_unread(const struct watch *watch) {
	for (size_t i = 0; i < watch->count; i++)
		if (watch->all[i].is_unread)
			return true;
	return false;
}

/* Not while it is held: then the older of two readings might be the one that is kept. */
static void read_again(struct watch *watch) {
	uint64_t now = time_us();
	if (watch->is_reading || watch->is_held || !has_unread(watch))
		return;
	if (now < watch->not_before_us) {
		do_within(watch, watch->not_before_us - now);
		return;
	}
	CLEANUP(names_free_p) struct names *names = names_new();
	for (size_t i = 0; i < watch->count; i++)
		if (watch->all[i].is_unread) {
			watch->all[i].is_unread = false;
			names_add(names, watch->all[i].name);
		}
	watch->is_reading = true;
	watch->read = sources_new();
	struct host host = watch->options.host;
	host.by_one_hand = true;
	watch->fetch = fetch_new(watch->event, &host, watch->read);
	fetch_start(watch->fetch, names, on_read, watch);
}

/* One line for all that has turned out not to be watched. */
static void say_unwatched(struct watch *watch) {
	const struct watched *first = NULL;
	size_t count = 0;
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *watched = &watch->all[i];
		if (!watched->is_unwatched)
			continue;
		watched->is_unwatched = false;
		watched->is_told = true;
		first = first ? first : watched;
		count++;
	}
	if (!first)
		return;
	CLEANUP(free_ptr) char *more = count > 1 ? xasprintf(" and %zu more", count - 1) : xstrdup("");
	CLEANUP(free_ptr)
	char *text = xasprintf("changes of %s%s are not all noticed at once but on schedule: %s", first->name, more,
			       first->why);
	text_replace_controls(text);
	watch->options.say(watch->options.context, text);
}

static int on_soon(sd_event_source *source, uint64_t time, void *context) {
	struct watch *watch = context;
	watch->is_soon = false;
	if (!watch->is_reading) {
		fetch_free(watch->fetch);
		watch->fetch = NULL;
		sources_free(watch->read);
		watch->read = NULL;
	}
	if (watch->calls)
		return 0; /* comes again behind the last of them */
	reach_free(watch->reach);
	watch->reach = NULL;
	say_unwatched(watch);
	read_again(watch);
	return 0;
}

static int on_poll(sd_event_source *source, uint64_t time, void *context) {
	struct watch *watch = context;
	bool has = false;
	for (size_t i = 0; i < watch->count; i++)
		if (watch->all[i].how == BY_POLL)
			has = watch->all[i].is_unread = true;
	if (!has)
		return 0;
	do_soon(watch);
	sd_event_source_set_time_relative(watch->poll, WATCH_POLL_S * UINT64_C(1000000));
	sd_event_source_set_enabled(watch->poll, SD_EVENT_ONESHOT);
	return 0;
}

static int on_mounts(sd_event_source *source, uint64_t time, void *context) {
	struct watch *watch = context;
	watch_paths_again(watch->paths);
	sd_event_source_set_time_relative(watch->mounts, WATCH_MOUNTS_S * UINT64_C(1000000));
	return 0;
}

/* The set of names. */

static enum how how_of(const char *name) {
	if (watch_paths_takes(name))
		return BY_PATH;
	if (watch_units_takes(name))
		return BY_UNIT;
	if (watch_notices_takes(name))
		return BY_NOTICE;
	return text_starts(name, POLLED) && !text_starts(name, RANDOM) ? BY_POLL : BY_NOBODY;
}

static void begin(struct watch *watch, const struct watched *watched) {
	if (watched->how == BY_PATH)
		watch_paths_add(watch->paths, watched->name);
	else if (watched->how == BY_UNIT)
		watch_units_add(watch->units, watched->name);
	else if (watched->how == BY_NOTICE)
		watch_notices_add(watch->notices, watched->name);
}

static void drop(struct watch *watch, struct watched *watched) {
	if (watched->how == BY_PATH)
		watch_paths_drop(watch->paths, watched->name);
	else if (watched->how == BY_UNIT)
		watch_units_drop(watch->units, watched->name);
	else if (watched->how == BY_NOTICE && strcmp(watched->name, WATCH_MOUNTS) != 0)
		watch_notices_drop(watch->notices, watched->name);
	free(watched->name);
	free(watched->why);
}

/* Another reading was quicker than ours. */
static bool is_overtaken(const struct watched *watched, const struct seen *seen) {
	return watched->how != BY_NOBODY && !fetch_is_volatile(watched->name) &&
	       !hash_equal(&watched->digest, &seen->digest);
}

/* What was seen lately is what the next reading is compared with, which then finds nothing new: it is told now. */
static void take_seen(struct watch *watch, const bool *is_new, const struct seen *seen, size_t seen_count) {
	for (size_t i = 0, s = 0; i < watch->count && s < seen_count;) {
		int order = strcmp(watch->all[i].name, seen[s].name);
		bool is_news = order == 0 && !is_new[i] && is_overtaken(&watch->all[i], &seen[s]);
		if (order == 0)
			watch->all[i].digest = seen[s].digest;
		if (is_news)
			watch->options.changed(watch->options.context, watch->all[i].name);
		i += order <= 0;
		s += order >= 0;
	}
}

static void begin_poll(struct watch *watch) {
	int is_on = SD_EVENT_OFF;
	sd_event_source_get_enabled(watch->poll, &is_on);
	if (is_on != SD_EVENT_OFF)
		return;
	sd_event_source_set_time_relative(watch->poll, WATCH_POLL_S * UINT64_C(1000000));
	sd_event_source_set_enabled(watch->poll, SD_EVENT_ONESHOT);
}

void watch_set(struct watch *watch, const char *const *names, size_t count, const struct seen *seen,
	       size_t seen_count) {
	struct watched *before = watch->all, *all = xcalloc(count + 1, sizeof *all);
	bool *is_new = xcalloc(count + 1, sizeof *is_new);
	size_t old = 0;
	for (size_t i = 0; i < count; i++) {
		while (old < watch->count && strcmp(before[old].name, names[i]) < 0)
			drop(watch, &before[old++]);
		is_new[i] = old == watch->count || strcmp(before[old].name, names[i]) != 0;
		all[i] = is_new[i] ? (struct watched){.name = xstrdup(names[i]), .how = how_of(names[i])}
				   : before[old++];
	}
	while (old < watch->count)
		drop(watch, &before[old++]);
	free(before);
	watch->all = all;
	watch->count = count;
	watch->is_held = false;
	take_seen(watch, is_new, seen, seen_count);
	watch_paths_retry(watch->paths);
	watch_units_retry(watch->units);
	watch_notices_retry(watch->notices);
	for (size_t i = 0; i < count; i++)
		if (is_new[i])
			begin(watch, &all[i]);
	free(is_new);
	if (count > 0)
		watch_notices_add(watch->notices, WATCH_MOUNTS); /* the ways to everything lead over them */
	begin_poll(watch);
	if (has_unread(watch))
		do_soon(watch);
}

void watch_hold(struct watch *watch) { watch->is_held = true; }

bool watch_is_settled(const struct watch *watch) {
	return !has_unread(watch) && !watch->calls && !watch->is_soon && !watch->is_reading &&
	       watch_paths_is_settled(watch->paths);
}

static void add_timer(struct watch *watch, clockid_t clock, uint64_t accuracy, sd_event_time_handler_t handler,
		      sd_event_source **ret_timer) {
	if (sd_event_add_time(watch->event, ret_timer, clock, 0, accuracy, handler, watch) < 0 ||
	    sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF) < 0)
		abort(); /* neither can fail but for want of memory */
}

struct watch *watch_new(sd_event *event, const struct watch_options *options) {
	struct watch *watch = xcalloc(1, sizeof *watch);
	watch->options = *options;
	watch->event = sd_event_ref(event);
	watch->ears = (struct watch_ears){.context = watch,
					  .changed = on_changed,
					  .doubted = on_doubted,
					  .unwatched = on_unwatched,
					  .ask = on_ask};
	watch->paths = watch_paths_new(event, &watch->ears);
	watch->units = watch_units_new(event, &watch->ears);
	watch->notices = watch_notices_new(event, &watch->ears);
	add_timer(watch, CLOCK_MONOTONIC, 1000, on_soon, &watch->soon);
	add_timer(watch, CLOCK_MONOTONIC, 10 * UINT64_C(1000000), on_poll, &watch->poll);
	add_timer(watch, CLOCK_MONOTONIC, 1000, on_mounts, &watch->mounts);
	return watch;
}

void watch_free(struct watch *watch) {
	if (!watch)
		return;
	reach_free(watch->reach);
	for (struct call *call = watch->calls, *next; call; call = next) {
		next = call->next;
		call_free(call);
	}
	fetch_free(watch->fetch);
	sources_free(watch->read);
	watch_paths_free(watch->paths);
	watch_units_free(watch->units);
	watch_notices_free(watch->notices);
	sd_event_source_disable_unref(watch->soon);
	sd_event_source_disable_unref(watch->poll);
	sd_event_source_disable_unref(watch->mounts);
	for (size_t i = 0; i < watch->count; i++) {
		free(watch->all[i].name);
		free(watch->all[i].why);
	}
	free(watch->all);
	sd_event_unref(watch->event);
	free(watch);
}
