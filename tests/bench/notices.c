/* What a watch is told, for stories: notices HELPERS NAME... ("" for HELPERS: none) looks at these names, watches them,
 * and prints "watched" once it does, and each name that may have changed. Ends with its input. */
#include <fcntl.h>
#include <unistd.h>

#include "cli/named.h"
#include "sources/watch.h"

static void on_change(void *context, const char *name) {
	printf("changed %s\n", name);
	fflush(stdout);
}

static void on_words(void *context, const char *text) { fprintf(stderr, "%s\n", text); }

static int on_input(sd_event_source *source, int fd, uint32_t events, void *context) {
	char bytes[64];
	return read(fd, bytes, sizeof bytes) > 0 ? 0 : sd_event_exit(sd_event_source_get_event(source), 0);
}

/* Names in order, and what each was. */
struct looked {
	const char **names;
	struct seen *seen;
	size_t count;
};

static bool look(const struct host *host, char **names, struct sources *set, struct looked *ret_looked,
		 struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	for (; *names; names++)
		json_array_append_new(list, json_string(*names));
	if (!named_read(host, list, set, err))
		return false;
	CLEANUP(free_ptr) struct source **sorted = named_sorted(set);
	size_t count = sources_count(set);
	*ret_looked = (struct looked){.names = xcalloc(count + 1, sizeof(char *)),
				      .seen = xcalloc(count + 1, sizeof(struct seen)),
				      .count = count};
	for (size_t i = 0; i < count; i++) {
		ret_looked->names[i] = sorted[i]->name;
		ret_looked->seen[i] = (struct seen){.name = sorted[i]->name, .digest = seen_digest(sorted[i])};
	}
	return true;
}

int main(int argc, char **argv) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	sd_event *event = NULL;
	struct looked looked;
	struct err err;
	if (argc < 3 || sd_event_new(&event) < 0 ||
	    sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL) < 0)
		return 2;
	struct watch_options options = {
		.host = {.helpers = *argv[1] ? argv[1] : NULL}, .changed = on_change, .say = on_words};
	if (!look(&options.host, argv + 2, set, &looked, &err)) {
		fprintf(stderr, "%s: %s\n", err.where, err.why);
		return 2;
	}
	struct watch *watch = watch_new(event, &options);
	watch_set(watch, looked.names, looked.count, looked.seen, looked.count);
	bool was_settled = false;
	while (sd_event_get_state(event) != SD_EVENT_FINISHED && sd_event_run(event, 1000000) >= 0) {
		if (was_settled || !watch_is_settled(watch))
			continue;
		was_settled = true;
		puts("watched");
		fflush(stdout);
	}
	watch_free(watch);
	sd_event_unref(event);
	free(looked.names);
	free(looked.seen);
	return 0;
}
