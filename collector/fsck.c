/* vouch-collector fsck. */
#include "collector/fsck.h"

#include <getopt.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "collector/anchor.h"
#include "collector/collector.h"
#include "collector/store_compare.h"
#include "collector/verbs.h"
#include "core/file.h"
#include "core/text.h"

#define SAY_LONGEST 1024

void fsck_problem(struct fsck *fsck, const char *format, ...) {
	char text[SAY_LONGEST], line[SAY_LONGEST + 16];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	snprintf(line, sizeof line, "WRONG: %s", text);
	text_replace_controls(line);
	fsck->say(line);
	fsck->problems++;
}

bool fsck_anchors(struct fsck *fsck, struct err *err) {
	uint64_t *sizes = NULL;
	size_t count;
	if (!anchor_sizes(fsck->anchors, &sizes, &count, err))
		return false;
	CLEANUP(free_ptr) uint64_t *owned = sizes;
	for (size_t i = 0; i < count; i++) {
		CLEANUP(free_ptr) char *folder = anchor_path(fsck->anchors, owned[i]);
		CLEANUP(buf_done) struct buf note = {0};
		CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
		CLEANUP(tile_tree_free_p) struct tile_tree *tree = NULL;
		struct hash root;
		struct err why;
		if (!log_files_checkpoint(folder, fsck->verifier, &note, &checkpoint, &why) ||
		    checkpoint.size != owned[i] || checkpoint.size > fsck->checkpoint.size) {
			fsck_problem(fsck, "anchors: %llu is no checkpoint of this log", (unsigned long long)owned[i]);
			continue;
		}
		tree = tile_tree_new(checkpoint.size, log_files_tile, fsck->log);
		if (!merkle_root_from(checkpoint.size, tile_tree_hash, tree, &root, &why) ||
		    !hash_equal(&root, &checkpoint.root))
			fsck_problem(fsck, "anchors: the log is not the one of %llu entries that was anchored",
				     (unsigned long long)owned[i]);
	}
	CLEANUP(free_ptr) char *line = xasprintf("anchors: %zu", count);
	fsck->say(line);
	return true;
}

static void say_difference(void *context, const char *table, int64_t rows) {
	fsck_problem(context, "index: %s: %lld rows are other than the evidence gives: vouch-collector rebuild", table,
		     (long long)rows);
}

/* What is left of an erased result is not all that the history was made of. */
bool fsck_index(struct fsck *fsck, struct err *err) {
	struct err why;
	if (!store_compare(fsck->store, fsck->index, !fsck->has_erased, say_difference, fsck, &why))
		fsck_problem(fsck, "index: %s", why.why);
	fsck->say(fsck->has_erased ? "index: compared, but for the history, of which something was erased"
				   : "index: compared");
	return true;
}

static void fsck_done(struct fsck *fsck) {
	free(fsck->log);
	free(fsck->anchors);
	free(fsck->index);
	store_free(fsck->store);
	note_verifier_free(fsck->verifier);
	checkpoint_done(&fsck->checkpoint);
}

/* The checkpoint behind the evidence: beside a running collector the log is never shorter than what is kept. */
static bool open_all(const char *folder, struct fsck *fsck, struct err *err) {
	CLEANUP(free_ptr) char *vkey_path = file_join(folder, "log.vkey");
	CLEANUP(buf_done) struct buf vkey = {0}, note = {0};
	fsck->log = file_join(folder, "log");
	fsck->anchors = file_join(folder, "anchors");
	fsck->index = file_join(folder, "index.db");
	if (!collector_store(folder, "", &fsck->store, err) || !file_read(vkey_path, NOTE_LARGEST, &vkey, err))
		return false;
	CLEANUP(free_ptr) char *line = xstrndup(buf_str(&vkey), strcspn(buf_str(&vkey), "\n"));
	return note_verifier_read(line, &fsck->verifier, err) &&
	       log_files_checkpoint(fsck->log, fsck->verifier, &note, &fsck->checkpoint, err);
}

static bool run_fsck(const struct verb_call *call, struct err *err) {
	static const struct option none[] = {{0}};
	static const fsck_part parts[] = {fsck_log, fsck_evidence, fsck_index, fsck_anchors};
	const char *folder;
	CLEANUP(fsck_done) struct fsck fsck = {.say = call->say};
	if (!collector_options(call, none, NULL, NULL, 1, &folder, err))
		return false;
	umask(077);
	if (!open_all(folder, &fsck, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!parts[i](&fsck, err))
			return false;
	return fsck.problems == 0 || err_set(err, ERR_REFUSED, folder, "%llu things are not as they must be",
					     (unsigned long long)fsck.problems);
}

const struct verb collector_fsck = {
	"fsck",
	"DIR",
	"Check all that is kept: roots from the entries, every signature, body and state, every anchor.",
	"",
	run_fsck,
};
