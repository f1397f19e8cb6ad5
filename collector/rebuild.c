/* vouch-collector rebuild: the index, anew. */
#include <getopt.h>
#include <sys/stat.h>

#include "collector/collector.h"
#include "collector/index.h"
#include "collector/verbs.h"

static void say_progress(void *context, int64_t done, int64_t all) {
	const struct verb_call *call = context;
	CLEANUP(free_ptr) char *line = xasprintf("%lld of %lld", (long long)done, (long long)all);
	call->say(line);
}

static bool run_rebuild(const struct verb_call *call, struct err *err) {
	static const struct option none[] = {{0}};
	const char *folder;
	CLEANUP(close_fd) int lock = -1;
	CLEANUP(store_free_p) struct store *store = NULL;
	if (!collector_options(call, none, NULL, NULL, 1, &folder, err))
		return false;
	umask(077);
	return collector_lock(folder, &lock, err) && collector_store(folder, NULL, &store, err) &&
	       store_index_drop(store, err) && index_catch_up(store, say_progress, (void *)call, err);
}

const struct verb collector_rebuild = {
	"rebuild",
	"DIR",
	"Derive the index (index.db) anew from the kept evidence. Not beside a running collector.",
	"",
	run_rebuild,
};
