#include "sources/watch_paths.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/text.h"

#define ANSWER_LARGEST (1U << 20)
#define AGAIN_US 20000 /* after the last event that may have changed the way */
#define BUFFER 16384
#define READS_MOST 16 /* in one turn of the loop */

/* May change a way. */
#define MOVES                                                                                                          \
	(IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW)

/* Where a path hangs: in the folder of this watch an entry (NULL: every one) counts. */
struct hook {
	int wd;
	char *entry;
	bool contents; /* and what is written into them, and their modes and owners */
};

struct path {
	char *name;
	struct watch_paths *paths;
	struct hook *hooks;
	size_t count;
	bool is_hit;    /* by the events that are read just now */
	bool is_moved;  /* the way may be another */
	bool is_asked;  /* a hand looks at the way */
	bool was_armed; /* the last answer was good */
	bool is_gone;   /* dropped while a hand looked: goes with the answer */
};

struct watch_paths {
	const struct watch_ears *ears;
	int inotify, error; /* error: why there is none */
	sd_event_source *io, *again;
	struct path **all; /* each on its own: calls under way point at them */
	size_t count;
	size_t asked; /* calls under way */
};

static void hooks_done(struct hook *hooks, size_t count) {
	for (size_t i = 0; i < count; i++)
		free(hooks[i].entry);
	free(hooks);
}

static void path_free(struct path *path) {
	hooks_done(path->hooks, path->count);
	free(path->name);
	free(path);
}

/* The answer of watch_way.c. */
static bool read_hooks(const struct answer *answer, const char *name, struct hook **ret_hooks, size_t *ret_count,
		       json_t **ret_value, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	json_t *entries, *folders, *item;
	size_t i, count = 0;
	if (!json_read(answer->bytes.data, answer->bytes.len, ANSWER_LARGEST, name, &value, err) ||
	    !json_get_array(value, "entries", name, &entries, err) ||
	    !json_get_array(value, "folders", name, &folders, err))
		return false;
	struct hook *hooks = xcalloc(json_array_size(entries) + json_array_size(folders) + 1, sizeof *hooks);
	json_array_foreach(entries, i, item) {
		const char *entry = json_string_value(json_array_get(item, 1));
		hooks[count++] = (struct hook){.wd = (int)json_integer_value(json_array_get(item, 0)),
					       .entry = xstrdup(entry),
					       .contents = true};
	}
	json_array_foreach(folders, i, item) hooks[count++] = (struct hook){
		.wd = (int)json_integer_value(item), .contents = json_is_true(json_object_get(value, "contents"))};
	*ret_hooks = hooks;
	*ret_count = count;
	*ret_value = json_incref(value);
	return true;
}

static bool same_hooks(const struct path *path, const struct hook *hooks, size_t count) {
	if (path->count != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct hook *a = &path->hooks[i], *b = &hooks[i];
		if (a->wd != b->wd || !a->entry != !b->entry || (a->entry && strcmp(a->entry, b->entry) != 0))
			return false;
	}
	return true;
}

static void ask_moved(struct watch_paths *paths);

/* The way is known. One that is another than before was another for a while: what happened there is unknown. */
static void arm(struct path *path, const struct answer *answer) {
	const struct watch_ears *ears = path->paths->ears;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct hook *hooks;
	size_t count;
	struct err err;
	if (!read_hooks(answer, path->name, &hooks, &count, &value, &err)) {
		ears->unwatched(ears->context, path->name, err.why);
		return;
	}
	bool was_same = same_hooks(path, hooks, count);
	hooks_done(path->hooks, path->count);
	path->hooks = hooks;
	path->count = count;
	if (!path->was_armed)
		ears->doubted(ears->context, path->name);
	else if (!was_same)
		ears->changed(ears->context, path->name);
	path->was_armed = true;
	const char *gap = json_string_value(json_object_get(value, "gap"));
	if (gap)
		ears->unwatched(ears->context, path->name, gap);
}

static void remove_path(struct path *path) {
	struct watch_paths *paths = path->paths;
	for (size_t i = 0; i < paths->count; i++)
		if (paths->all[i] == path)
			paths->all[i] = paths->all[--paths->count];
	path_free(path);
}

static void on_answer(void *context, struct answer *answer, const struct err *err) {
	struct path *path = context;
	struct watch_paths *paths = path->paths;
	const struct watch_ears *ears = paths->ears;
	path->is_asked = false;
	paths->asked--;
	if (path->is_gone) {
		remove_path(path);
	} else if (!err) {
		arm(path, answer);
	} else {
		if (path->was_armed)
			ears->changed(ears->context, path->name);
		path->was_armed = false;
		ears->unwatched(ears->context, path->name, err->why);
	}
	if (answer)
		answer_done(answer);
	ask_moved(paths);
}

static void ask(struct path *path) {
	struct watch_paths *paths = path->paths;
	CLEANUP(free_ptr) char *name = xasprintf("watch:%s", path->name);
	path->is_moved = false;
	path->is_asked = true;
	paths->asked++;
	paths->ears->ask(paths->ears->context, &kind_watch, name, paths->inotify, on_answer, path);
}

/* In a moment, when there are any: a burst of events is over then. */
static void ask_moved(struct watch_paths *paths) {
	for (size_t i = 0; i < paths->count; i++)
		if (paths->all[i]->is_moved && !paths->all[i]->is_asked) {
			sd_event_source_set_time_relative(paths->again, AGAIN_US);
			sd_event_source_set_enabled(paths->again, SD_EVENT_ONESHOT);
			return;
		}
}

static int on_again(sd_event_source *source, uint64_t time, void *context) {
	struct watch_paths *paths = context;
	for (size_t i = 0; i < paths->count; i++)
		if (paths->all[i]->is_moved && !paths->all[i]->is_asked)
			ask(paths->all[i]);
	return 0;
}

/* Whether the event is one of those that the hook is there for. */
static bool catches(const struct hook *hook, const struct inotify_event *event) {
	if (hook->wd != event->wd)
		return false;
	if (event->mask & IN_IGNORED)
		return true;
	if (hook->entry)
		return event->len > 0 && !strcmp(hook->entry, event->name);
	return hook->contents || event->mask & (IN_CREATE | IN_DELETE | IN_MOVE) || event->len == 0;
}

static void hit(struct path *path, const struct inotify_event *event) {
	path->is_hit = true;
	path->is_moved |= (event->mask & MOVES) != 0;
}

/* A watch that nothing hangs on any more is given back on its first event. */
static void take_event(struct watch_paths *paths, const struct inotify_event *event) {
	bool is_known = false;
	for (size_t p = 0; p < paths->count; p++) {
		struct path *path = paths->all[p];
		bool is_caught = event->mask & IN_Q_OVERFLOW;
		for (size_t i = 0; i < path->count; i++) {
			is_known |= path->hooks[i].wd == event->wd;
			is_caught |= catches(&path->hooks[i], event);
		}
		if (is_caught)
			hit(path, event);
		/* The answer that is under way may name this very watch. */
		else if (path->is_asked && event->mask & MOVES)
			path->is_moved = true;
	}
	if (!is_known && paths->asked == 0 && !(event->mask & (IN_IGNORED | IN_Q_OVERFLOW)))
		inotify_rm_watch(paths->inotify, event->wd);
}

static bool read_events(struct watch_paths *paths) {
	char buffer[BUFFER] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len = read(paths->inotify, buffer, sizeof buffer);
	for (char *at = buffer; len > 0 && at < buffer + len;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
		take_event(paths, event);
		at += sizeof *event + event->len;
	}
	return len > 0;
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct watch_paths *paths = context;
	for (unsigned i = 0; i < READS_MOST && read_events(paths); i++)
		;
	for (size_t i = 0; i < paths->count; i++) {
		struct path *path = paths->all[i];
		if (!path->is_hit)
			continue;
		path->is_hit = false;
		paths->ears->changed(paths->ears->context, path->name);
	}
	ask_moved(paths);
	return 0;
}

struct watch_paths *watch_paths_new(sd_event *event, const struct watch_ears *ears) {
	struct watch_paths *paths = xcalloc(1, sizeof *paths);
	paths->ears = ears;
	paths->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	paths->error = errno;
	if (sd_event_add_time_relative(event, &paths->again, CLOCK_MONOTONIC, 0, 1000, on_again, paths) < 0 ||
	    sd_event_source_set_enabled(paths->again, SD_EVENT_OFF) < 0)
		abort(); /* neither can fail but for want of memory */
	if (paths->inotify >= 0 && sd_event_add_io(event, &paths->io, paths->inotify, EPOLLIN, on_events, paths) < 0)
		abort();
	return paths;
}

void watch_paths_free(struct watch_paths *paths) {
	if (!paths)
		return;
	sd_event_source_disable_unref(paths->io);
	sd_event_source_disable_unref(paths->again);
	for (size_t i = 0; i < paths->count; i++)
		path_free(paths->all[i]);
	free(paths->all);
	close_fd(&paths->inotify);
	free(paths);
}

bool watch_paths_takes(const char *name) {
	static const char *const prefixes[] = {"file:", "dir:", "stat:", "link:", "tree:"};
	if (!strcmp(name, "shadow:"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (!text_starts(name, prefixes[i]))
			continue;
		const char *path = name + strlen(prefixes[i]);
		return path[0] == '/' && !text_starts(path, "/proc/") && !text_starts(path, "/sys/") &&
		       !(text_starts(name, "tree:") && strchr(path, '?'));
	}
	return false;
}

void watch_paths_add(struct watch_paths *paths, const char *name) {
	const struct watch_ears *ears = paths->ears;
	if (paths->inotify < 0 || paths->count == WATCH_PATHS_MOST) {
		ears->unwatched(ears->context, name,
				paths->inotify < 0 ? strerrordesc_np(paths->error) : "too many sources to watch");
		return;
	}
	struct path *path = xcalloc(1, sizeof *path);
	path->name = xstrdup(name);
	path->paths = paths;
	paths->all = xreallocarray(paths->all, paths->count + 1, sizeof(struct path *));
	paths->all[paths->count++] = path;
	ask(path);
}

void watch_paths_drop(struct watch_paths *paths, const char *name) {
	for (size_t i = 0; i < paths->count; i++) {
		struct path *path = paths->all[i];
		if (path->is_gone || strcmp(path->name, name) != 0)
			continue;
		hooks_done(path->hooks, path->count);
		path->hooks = NULL;
		path->count = 0;
		path->is_gone = path->is_asked;
		if (!path->is_asked)
			remove_path(path);
		return;
	}
}

void watch_paths_again(struct watch_paths *paths) {
	for (size_t i = 0; i < paths->count; i++)
		paths->all[i]->is_moved = true;
	ask_moved(paths);
}

void watch_paths_retry(struct watch_paths *paths) {
	for (size_t i = 0; i < paths->count; i++)
		if (!paths->all[i]->was_armed && !paths->all[i]->is_asked)
			ask(paths->all[i]);
}

bool watch_paths_is_settled(const struct watch_paths *paths) {
	for (size_t i = 0; i < paths->count; i++)
		if (paths->all[i]->is_moved)
			return false;
	return paths->asked == 0;
}
