/* Cosignatures for an anchor: asks the witnesses of the log's policy (C2SP tlog-witness, add-checkpoint). */
#include <unistd.h>

#include "collector/anchor.h"
#include "collector/log_files.h"
#include "collector/post.h"
#include "core/add_checkpoint.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"
#include "core/witness_policy.h"

#define SIZE_LARGEST 32
#define TRIES 3            /* a size is learnt from one answer; it may grow before the next question */
#define CLOCK_OFF_MOST 300 /* seconds */

/* One witness that is asked. */
struct asking {
	struct anchor *anchor;
	const struct anchor_point *point;
	const struct note_parts *parts; /* of the anchor's note */
	const struct witness_policy_witness *witness;
	char *about;  /* "witness NAME" */
	char *memory; /* file with the size that it cosigned last */
	char id[9];
};

static void asking_done(struct asking *asking) {
	free(asking->about);
	free(asking->memory);
}

/* --- what a witness cosigned last ------------------------------------------------------------------------------ */

/* 0 when that is not known: the witness says it. */
static uint64_t recall(const struct asking *asking) {
	CLEANUP(buf_done) struct buf bytes = {0};
	unsigned long long size;
	struct err ignored;
	if (!file_read(asking->memory, SIZE_LARGEST, &bytes, &ignored) || bytes.len == 0 ||
	    bytes.data[bytes.len - 1] != '\n')
		return 0;
	bytes.data[bytes.len - 1] = '\0';
	return text_to_u64(bytes.data, MERKLE_SIZE_LARGEST, &size) ? size : 0;
}

static void remember(const struct asking *asking, uint64_t size) {
	CLEANUP(free_ptr) char *text = xasprintf("%llu\n", (unsigned long long)size);
	struct err err;
	if (!file_write(asking->memory, text, strlen(text), 0644, &err))
		anchor_trouble(asking->anchor, err.where, "%s", err.why);
}

/* --- the question ---------------------------------------------------------------------------------------------- */

/* From the tiles, and checked: what a witness says to it is about the log, not about our arithmetic. */
static bool prove(const struct asking *asking, uint64_t old, struct add_checkpoint *request, struct err *err) {
	const struct anchor_point *point = asking->point;
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tiles = tile_tree_new(point->size, log_files_tile, asking->anchor->log);
	struct hash path[MERKLE_PATH_LONGEST], root;
	size_t len = 0;
	request->old = old;
	if (old == 0)
		return true;
	if (!merkle_consistency(old, point->size, tile_tree_hash, tiles, path, &len, err) ||
	    !merkle_root_from(old, tile_tree_hash, tiles, &root, err))
		return false;
	if (len > ADD_CHECKPOINT_PROOF_MOST || !merkle_is_consistent(old, point->size, &root, &point->root, path, len))
		return err_set(err, ERR_REFUSED, asking->anchor->log,
			       "the tiles do not prove that the log continues its size %llu", (unsigned long long)old);
	memcpy(request->proof, path, len * sizeof *path);
	request->proof_len = len;
	return true;
}

/* The note as the log signed it: cosignatures of other witnesses are none of this one's business. */
static void add_log_note(const struct asking *asking, struct buf *note) {
	const struct note_parts *parts = asking->parts;
	const char *end = memchr(parts->lines, '\n', parts->lines_len);
	buf_add(note, parts->text, parts->text_len);
	buf_adds(note, "\n");
	buf_add(note, parts->lines, end ? (size_t)(end + 1 - parts->lines) : parts->lines_len);
}

static bool ask(const struct asking *asking, uint64_t old, struct post_answer *ret_answer, struct err *err) {
	const struct anchor *anchor = asking->anchor;
	const char *base = asking->witness->url;
	CLEANUP(buf_done) struct buf note = {0}, body = {0};
	CLEANUP(free_ptr) char *url = xasprintf("%s%sadd-checkpoint", base, text_ends(base, "/") ? "" : "/");
	CLEANUP(free_ptr) char *ca = anchor_file(anchor, anchor->config->witness_ca);
	struct add_checkpoint request = {0};
	if (!prove(asking, old, &request, err))
		return false;
	add_log_note(asking, &note);
	request.note = note.data;
	request.note_len = note.len;
	add_checkpoint_write(&request, &body);
	const struct post post_request = {
		.url = url,
		.content_type = "text/plain; charset=utf-8",
		.body = body.data,
		.len = body.len,
		.ca = ca,
		.ends = &anchor->ends,
	};
	return post(&post_request, ret_answer, err);
}

/* --- the answer ------------------------------------------------------------------------------------------------ */

/* A cosignature is believed when it holds and its time can be right. */
static bool take_cosignature(const struct asking *asking, const struct post_answer *answer, struct buf *note,
			     struct err *err) {
	const char *about = asking->about;
	const struct note_parts parts = {asking->parts->text, asking->parts->text_len, buf_str(&answer->body),
					 answer->body.len};
	const int64_t now = times_now();
	struct cosignature found;
	if (!cosignature_find(&parts, asking->witness->cosigner, &found, err))
		return false;
	if (!found.is_there)
		return err_set(err, ERR_REFUSED, about, "no cosignature by its key is in its answer");
	if (found.time > now + CLOCK_OFF_MOST || found.time < now - CLOCK_OFF_MOST)
		return err_set(err, ERR_REFUSED, about, "its clock and ours are %lld s apart",
			       (long long)(found.time - now));
	buf_add(note, found.line, found.line_len);
	return true;
}

/* The body of a 409: the size, exactly. */
static bool read_size(const struct post_answer *answer, uint64_t *ret_size) {
	unsigned long long size;
	if (answer->body.len == 0 || answer->body.data[answer->body.len - 1] != '\n' ||
	    memchr(answer->body.data, '\0', answer->body.len))
		return false;
	CLEANUP(free_ptr) char *text = xstrndup(answer->body.data, answer->body.len - 1);
	if (!text_to_u64(text, MERKLE_SIZE_LARGEST, &size))
		return false;
	*ret_size = size;
	return true;
}

/* What it cosigned is more than there is: nobody can take back what was logged without this being seen. */
static void was_set_back(const struct asking *asking, uint64_t size) {
	CLEANUP(free_ptr) char *name = xasprintf("%s-%llu", asking->id, (unsigned long long)size);
	anchor_finding(asking->anchor, "set-back", name,
		       "the log was set back: it has %llu entries, and %s cosigned %llu",
		       (unsigned long long)asking->point->size, asking->about, (unsigned long long)size);
}

static void has_forked(const struct asking *asking, uint64_t size) {
	CLEANUP(free_ptr) char *name = xasprintf("%s-%llu", asking->id, (unsigned long long)size);
	anchor_finding(
		asking->anchor, "log", name,
		"the log has forked: %s cosigned another tree of %llu entries than the one that this log continues",
		asking->about, (unsigned long long)size);
}

static void refused(const struct asking *asking, const struct post_answer *answer) {
	CLEANUP(free_ptr)
	char *said = xstrndup(buf_str(&answer->body), answer->body.len < 200 ? answer->body.len : 200);
	anchor_trouble(asking->anchor, asking->about, "answers %ld: %s", answer->status, text_trim(said));
}

/* Whether to ask again, with *old. */
static bool judge(const struct asking *asking, const struct post_answer *answer, uint64_t *old, struct buf *note) {
	uint64_t size;
	struct err err;
	if (answer->status == 200 && take_cosignature(asking, answer, note, &err)) {
		remember(asking, asking->point->size);
		anchor_well(asking->anchor, asking->about);
		return false;
	}
	if (answer->status == 409 && read_size(answer, &size)) {
		if (size > asking->point->size)
			was_set_back(asking, size);
		else if (size == *old)
			has_forked(asking, size);
		else if (size < *old)
			anchor_say(asking->anchor,
				   "%s cosigned size %llu and says now that it was %llu: its memory was lost",
				   asking->about, (unsigned long long)*old, (unsigned long long)size);
		*old = size;
		return size <= asking->point->size;
	}
	if (answer->status == 422)
		has_forked(asking, *old);
	else if (answer->status == 200)
		anchor_trouble(asking->anchor, asking->about, "%s", err.why);
	else
		refused(asking, answer);
	return false;
}

static void cosign(const struct asking *asking, struct buf *note) {
	uint64_t old = recall(asking);
	struct err err;
	if (old > asking->point->size)
		old = asking->point->size;
	for (int tries = 0; tries < TRIES; tries++) {
		CLEANUP(post_answer_done) struct post_answer answer = {0};
		const uint64_t before = old;
		if (!ask(asking, old, &answer, &err)) {
			anchor_trouble(asking->anchor, asking->about, "%s", err.why);
			return;
		}
		if (!judge(asking, &answer, &old, note) || old == before)
			return;
	}
	anchor_trouble(asking->anchor, asking->about, "it names another size each time");
}

/* --- an anchor's witnesses ------------------------------------------------------------------------------------- */

static void ask_all(struct anchor *anchor, const struct anchor_point *point, const struct witness_policy *policy,
		    const struct witness_policy_view *view, const struct note_parts *parts, struct buf *note) {
	/* What has all cosignatures is shown to them again when the process starts: a folder that was restored from a
	 * backup looks whole, and only they know better. */
	CLEANUP(buf_done) struct buf known = {0};
	sigset_t pending;
	for (size_t i = 0; i < policy->witness_count; i++) {
		const struct witness_policy_witness *witness = &policy->witnesses[i];
		CLEANUP(asking_done)
		struct asking asking = {.anchor = anchor, .point = point, .parts = parts, .witness = witness};
		if (!witness->url || (view->cosigned[i].is_there && anchor->has_passed))
			continue;
		if (sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT)))
			return;
		snprintf(asking.id, sizeof asking.id, "%08x", (unsigned)witness->cosigner->id);
		asking.about = xasprintf("witness %s", witness->name);
		asking.memory = xasprintf("%s/witnesses/%s", anchor->anchors, asking.id);
		cosign(&asking, view->cosigned[i].is_there ? &known : note);
	}
}

static bool load_policy(const struct anchor *anchor, struct witness_policy **ret_policy, struct err *err) {
	CLEANUP(free_ptr) char *path = anchor_file(anchor, anchor->config->log_policy);
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = NULL;
	if (!witness_policy_load(path, &policy, err))
		return false;
	if (!witness_policy_has_log(policy, anchor->verifier))
		return err_set(err, ERR_REFUSED, path, "it does not name this log");
	*ret_policy = policy;
	policy = NULL;
	return true;
}

/* The note with what came: held against the policy once more before it takes the old one's place. */
static bool keep(struct anchor *anchor, const struct anchor_point *point, const char *path,
		 const struct witness_policy *policy, const struct buf *note, struct err *err) {
	struct witness_policy_view view;
	if (!witness_policy_view(policy, note->data, note->len, &view, err) ||
	    !file_write(path, note->data, note->len, 0644, err))
		return false;
	anchor_say(anchor, "%s: size %llu is cosigned by %zu of %zu witnesses, the quorum is %s",
		   anchor->verifier->name, (unsigned long long)point->size, view.count, policy->witness_count,
		   view.is_met ? "met" : "not met");
	return true;
}

static bool cosign_point(struct anchor *anchor, const struct anchor_point *point, struct err *err) {
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = NULL;
	CLEANUP(free_ptr) char *path = file_join(point->folder, "checkpoint");
	CLEANUP(buf_done) struct buf note = {0}, more = {0};
	struct witness_policy_view view;
	struct note_parts parts;
	if (!load_policy(anchor, &policy, err) || !file_read(path, NOTE_LARGEST, &note, err) ||
	    !witness_policy_view(policy, note.data, note.len, &view, err) ||
	    !note_split(note.data, note.len, &parts, err))
		return false;
	buf_add(&more, note.data, note.len);
	ask_all(anchor, point, policy, &view, &parts, &more);
	return more.len == note.len || keep(anchor, point, path, policy, &more, err);
}

void anchor_witness(struct anchor *anchor, const struct anchor_point *point) {
	struct err err;
	if (!anchor->config->log_policy[0])
		return;
	if (cosign_point(anchor, point, &err))
		anchor_well(anchor, "log_policy");
	else
		anchor_trouble(anchor, "log_policy", "%s: %s", err.where, err.why);
}
