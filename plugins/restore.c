#include "plugins/restore.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "core/row.h"

#define ID_BYTES 16
#define PIECE 65536

/* A digest as bytes come. */
struct digest {
	struct evp_md_ctx_st *context;
	int64_t size;
};

static bool digest_use(void *context, const char *data, size_t len) {
	struct digest *digest = context;
	hash_more(digest->context, data, len);
	digest->size += (int64_t)len;
	return true;
}

/* What was found of one path's files. */
struct outcome {
	const char *result; /* same, different, failed; NULL: nothing to be said */
	char *why;          /* owned; NULL: nothing */
	bool is_by_digest;  /* all were compared with something that is not the copy itself: a digest, or the live file
			     */
	bool is_by_live;
	int64_t files, bytes;
};

static void outcome_done(struct outcome *outcome) { free(outcome->why); }

static void spoil(struct outcome *outcome, const char *result, const char *path, const char *why) {
	if (outcome->why)
		return;
	outcome->result = result;
	outcome->why = xasprintf("%s: %s", path, why);
}

/* The file of now, where it is the one that was copied: its digest. False: it is another, or cannot be read. */
static bool hash_live(const struct drawn *drawn, struct hash *ret_hash) {
	struct stat before, after;
	CLEANUP(close_fd) int file = open(drawn->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0 || fstat(file, &before) != 0 || !S_ISREG(before.st_mode) || before.st_size != drawn->size ||
	    before.st_mtim.tv_sec * 1000000 + before.st_mtim.tv_nsec / 1000 != drawn->mtime_us)
		return false;
	char piece[PIECE];
	ssize_t got;
	struct evp_md_ctx_st *context = hash_begin();
	while ((got = read(file, piece, sizeof piece)) > 0)
		hash_more(context, piece, (size_t)got);
	*ret_hash = hash_end(context);
	return got == 0 && fstat(file, &after) == 0 && after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
	       after.st_mtim.tv_nsec == before.st_mtim.tv_nsec && after.st_size == before.st_size;
}

static void compare(const struct session *session, const struct wanted *wanted, const struct drawn *drawn,
		    const struct hash *hash, int64_t size, struct outcome *outcome) {
	struct hash live;
	outcome->files++;
	outcome->bytes += size;
	if (size != drawn->size)
		spoil(outcome, "different", drawn->path, "another size than the copy's list says");
	else if (wanted->is_canary && !hash_equal(hash, &session->config.canary_sha256))
		spoil(outcome, "different", drawn->path, "not the digest that was declared");
	else if (!wanted->is_canary && hash_live(drawn, &live)) {
		if (!hash_equal(hash, &live))
			spoil(outcome, "different", drawn->path, "not the file that it is a copy of");
	} else if (!wanted->is_canary) {
		outcome->is_by_live = false;
	}
}

/* A program that fails has not given the file back; one that was not given the time to has not failed. */
static bool restore_file(struct session *session, const struct wanted *wanted, const struct drawn *drawn,
			 struct outcome *outcome, struct err *err) {
	CLEANUP(arguments_done) struct arguments arguments = {0};
	CLEANUP(tool_end_done) struct tool_end end = {0};
	struct digest digest = {.context = hash_begin()};
	const struct tool_reader reader = {digest_use, &digest};
	arguments_add(&arguments, session->tool.path);
	session->program->ask_file(&session->config, wanted->found->id, drawn->path, &arguments);
	bool is_run = tool_run(&session->tool, &arguments, drawn->path, &reader, &end, err);
	struct hash hash = hash_end(digest.context);
	if (!is_run)
		return false;
	if (end.exit == 0) {
		compare(session, wanted, drawn, &hash, digest.size, outcome);
		return true;
	}
	struct err fault;
	(void)session_fault(session, drawn->path, &end, &fault);
	if (fault.code != ERR_UNREADABLE) {
		*err = fault;
		return false;
	}
	spoil(outcome, "failed", drawn->path, fault.why);
	return true;
}

static bool restore_path(struct session *session, const struct wanted *wanted, struct outcome *outcome,
			 struct err *err) {
	*outcome = (struct outcome){.is_by_digest = wanted->is_canary, .is_by_live = !wanted->is_canary};
	if (!wanted->found || (wanted->is_canary && wanted->passed_over > 0)) {
		spoil(outcome, "failed", wanted->path, wanted->found ? "not in the newest copy" : "in no copy");
		return true;
	}
	for (size_t i = 0; i < wanted->drawn_count; i++)
		if (!restore_file(session, wanted, &wanted->drawn[i], outcome, err))
			return false;
	if (!outcome->result && outcome->files > 0)
		outcome->result = "same";
	return true;
}

static int64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool add_path(struct session *session, const struct wanted *wanted, const char *action, json_t *rows,
		     struct err *err) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	int64_t begun = now_ms();
	if (!restore_path(session, wanted, &outcome, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "kind", "restore");
	row_text(row, "path", wanted->path);
	row_time(row, "at", session->now);
	row_text(row, "result", outcome.result);
	row_text(row, "why", outcome.why);
	row_int(row, "files", outcome.files);
	row_int(row, "bytes", outcome.bytes);
	row_int(row, "seconds", (now_ms() - begun + 999) / 1000);
	row_text(row, "action", action);
	if (wanted->found) {
		row_text(row, "id", wanted->found->id);
		row_time(row, "taken", wanted->found->at);
	}
	if (outcome.files > 0)
		row_text(row, "against", wanted->is_canary ? "digest" : outcome.is_by_live ? "live" : "size");
	return true;
}

/* It is in the journal before it begins: whoever sees files being read from the repository finds by whom. */
static void announce(const struct session *session, const char *action) {
	sd_journal_send("MESSAGE=Action %s: read samples of %zu paths back from the backups in %s, to compare them",
			action, session->wanted_count, session->config.repository, "PRIORITY=6", "VOUCH_ACTION=restore",
			"VOUCH_ACTION_ID=%s", action, NULL);
}

bool restore_rows(struct session *session, json_t **ret_rows, struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	unsigned char drawn[ID_BYTES];
	char action[2 * ID_BYTES + 1];
	if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
		return err_set(err, ERR_UNREADABLE, "restore", "no random numbers");
	announce(session, hex_encode(drawn, sizeof drawn, action));
	for (size_t i = 0; i < session->wanted_count; i++)
		if (!add_path(session, &session->wanted[i], action, rows, err))
			return false;
	*ret_rows = json_incref(rows);
	return true;
}
