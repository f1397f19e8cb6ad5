/* vouch-collector reader add, reader list, reader remove. They may run beside the collector. */
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/session.h"
#include "collector/store.h"
#include "collector/verbs.h"
#include "core/file.h"
#include "core/times.h"

#define READER_LONGEST 64

static const struct option no_options[] = {{0}};

static bool take_none(int option, const char *value, void *context, struct err *err) { return true; }

bool collector_access(const char *folder, struct store **ret_store, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "store.db");
	if (access(path, F_OK) != 0)
		return err_set(err, ERR_ABSENT, path, "there is no collector; make one with vouch-collector init");
	return store_open_access(path, ret_store, err);
}

static bool is_name(const char *name) {
	return name[0] && strlen(name) <= READER_LONGEST &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") == strlen(name);
}

static bool run_reader_add(const struct verb_call *call, struct err *err) {
	const char *operands[2];
	char token[SESSION_TEXT];
	CLEANUP(store_free_p) struct store *store = NULL;
	if (!collector_options(call, no_options, take_none, NULL, 2, operands, err))
		return false;
	if (!is_name(operands[1]))
		return err_set(err, ERR_USAGE, "", "a reader's name has 1 to %d letters, digits and . _ - @",
			       READER_LONGEST);
	if (!collector_access(operands[0], &store, err) || !secret_make(token, err))
		return false;
	struct hash hash = hash_of(token, strlen(token));
	if (!store_reader_add(store, operands[1], &hash, times_now(), err))
		return false;
	buf_addf(call->out, "%s\n", token);
	return true;
}

static void print_reader(void *context, const struct store_reader *reader) {
	char when[TIMES_TEXT];
	buf_addf(context, "%s %s\n", times_format(reader->created, when), reader->name);
}

static bool run_reader_list(const struct verb_call *call, struct err *err) {
	const char *folder;
	CLEANUP(store_free_p) struct store *store = NULL;
	return collector_options(call, no_options, take_none, NULL, 1, &folder, err) &&
	       collector_access(folder, &store, err) && store_readers(store, print_reader, call->out, err);
}

static bool run_reader_remove(const struct verb_call *call, struct err *err) {
	const char *operands[2];
	CLEANUP(store_free_p) struct store *store = NULL;
	return collector_options(call, no_options, take_none, NULL, 2, operands, err) &&
	       collector_access(operands[0], &store, err) && store_reader_remove(store, operands[1], err);
}

const struct verb collector_reader_add = {
	"reader add", "DIR NAME",     "Print, once, the token of a new reader of pages, JSON and metrics.",
	"",           run_reader_add,
};

const struct verb collector_reader_list = {
	"reader list", "DIR", "Print when each reader was added, and its name.", "", run_reader_list,
};

const struct verb collector_reader_remove = {
	"reader remove", "DIR NAME", "Take a reader's access away, open sessions included.", "", run_reader_remove,
};
