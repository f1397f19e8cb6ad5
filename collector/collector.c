#include "collector/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/agree.h"
#include "collector/anchor.h"
#include "collector/index.h"
#include "core/file.h"
#include "core/text.h"

#define SAY_LONGEST 1024

const double collector_bounds[COLLECTOR_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};

bool collector_lock(const char *folder, int *ret_lock, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "lock");
	CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_REFUSED, path, "another collector runs in this folder");
	*ret_lock = fd;
	fd = -1;
	return true;
}

static bool open_log(struct collector *collector, const char *folder, struct err *err) {
	CLEANUP(free_ptr) char *key = file_join(folder, "log.key");
	CLEANUP(free_ptr) char *log = file_join(folder, "log");
	return key_load(key, &collector->log_key, err) &&
	       log_open(log, collector->config->origin, collector->log_key, &collector->log, err) &&
	       anchor_prepare(folder, log_vkey(collector->log), err);
}

static bool open_outside(struct collector *collector, const char *folder, struct err *err) {
	CLEANUP(free_ptr) char *path = config_path(folder, collector->config->agent_ca);
	return !path || outside_load(path, collector->ca->certificate, &collector->outside, err);
}

/* SQLite would make a new one in silence, and every host would be unknown. */
bool collector_store(const char *folder, const char *index, struct store **ret_store, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "store.db");
	CLEANUP(store_free_p) struct store *store = NULL;
	struct stat status;
	if (stat(path, &status) != 0 || status.st_size == 0)
		return err_set(err, ERR_REFUSED, path, "the store is missing or empty: restore it from a backup");
	if (!store_open_with(path, index, &store, err) || !store_check(store, err))
		return false;
	*ret_store = store;
	store = NULL;
	return true;
}

static void say_progress(void *context, int64_t done, int64_t all) {
	collector_say(context, "store: derived anew %lld of %lld", (long long)done, (long long)all);
}

bool collector_open(const char *folder, const char *data, void (*say)(const char *line),
		    struct collector **ret_collector, struct err *err) {
	CLEANUP(collector_free_p) struct collector *collector = xcalloc(1, sizeof *collector);
	collector->lock = -1;
	collector->say = say;
	collector->anchors = file_join(folder, "anchors");
	collector->folder = xstrdup(folder);
	collector->stamped = -1;
	CLEANUP(free_ptr) char *config = file_join(folder, "collector.yaml");
	if (!config_read(config, &collector->config, err) || !collector_lock(folder, &collector->lock, err) ||
	    !file_sweep(folder, err))
		return false;
	CLEANUP(free_ptr) char *policies = file_join(data ? data : collector->config->data, "policies");
	if (!ca_load(folder, &collector->ca, err) || !open_outside(collector, folder, err) ||
	    !open_log(collector, folder, err) || !collector_store(folder, NULL, &collector->store, err) ||
	    !receive_adopt(collector->store, collector->log, err) ||
	    !index_catch_up(collector->store, say_progress, collector, err) ||
	    !agree(collector->store, collector->log, err) ||
	    !own_line_open(folder, collector->store, collector->log, &collector->own, err) ||
	    !catalogue_load(policies, &collector->catalogue, err))
		return false;
	collector->sessions = sessions_new();
	*ret_collector = collector;
	collector = NULL;
	return true;
}

void collector_free(struct collector *collector) {
	if (!collector)
		return;
	own_line_free(collector->own);
	sessions_free(collector->sessions);
	catalogue_free(collector->catalogue);
	store_free(collector->store);
	log_free(collector->log);
	EVP_PKEY_free(collector->log_key);
	outside_free(collector->outside);
	ca_free(collector->ca);
	config_free(collector->config);
	close_fd(&collector->lock);
	free(collector->anchors);
	free(collector->folder);
	free(collector);
}

void collector_say(const struct collector *collector, const char *format, ...) {
	char line[SAY_LONGEST];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	text_replace_controls(line);
	if (collector->say)
		collector->say(line);
}

void collector_took(struct collector *collector, double seconds) {
	collector->ingest.count++;
	collector->ingest.sum += seconds;
	for (size_t i = 0; i < COLLECTOR_BUCKETS; i++) {
		if (seconds > collector_bounds[i])
			continue;
		collector->ingest.buckets[i]++;
		return;
	}
}
