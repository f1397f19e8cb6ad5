#include "witness/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/add_checkpoint.h"
#include "core/file.h"

#define PLAIN "text/plain; charset=utf-8"
#define SIZE "text/x.tlog.size" /* tlog-witness: of the answer 409 */

struct witness {
	char *folder, *name, *vkey;
	EVP_PKEY *key;
	struct note_verifier *own;
	struct note_verifier *logs[WITNESS_LOGS_MOST];
	size_t log_count;
	int lock;
};

/* What was cosigned last for an origin; size 0: nothing. */
struct memory {
	struct buf note;
	uint64_t size;
	struct hash root;
	int64_t time; /* of our cosignature */
};

static void memory_done(struct memory *memory) { buf_done(&memory->note); }
void witness_answer_done(struct witness_answer *answer) { buf_done(&answer->body); }
const char *witness_vkey(const struct witness *witness) { return witness->vkey; }

/* --- memory -------------------------------------------------------------------------------------------------- */

static char *memory_path(const struct witness *witness, const char *origin) {
	const struct hash hash = hash_of(origin, strlen(origin));
	char hex[HASH_HEX];
	return file_join(witness->folder, hash_hex(&hash, hex));
}

/* Only a file that is not there means that nothing was cosigned. */
static bool recall(const struct witness *witness, const char *origin, struct memory *ret_memory, struct err *err) {
	CLEANUP(free_ptr) char *path = memory_path(witness, origin);
	CLEANUP(memory_done) struct memory memory = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	struct note_parts parts;
	struct cosignature own;
	if (!file_read(path, NOTE_LARGEST, &memory.note, err)) {
		if (err->code != ERR_ABSENT)
			return false;
		*ret_memory = (struct memory){0};
		return true;
	}
	if (!note_split(memory.note.data, memory.note.len, &parts, err) ||
	    !cosignature_find(&parts, witness->own, &own, err) ||
	    !checkpoint_read(parts.text, parts.text_len, &checkpoint, err))
		return false;
	if (!own.is_there || strcmp(checkpoint.origin, origin) != 0)
		return err_set(err, ERR_REFUSED, path, "not a checkpoint of %s that this witness cosigned", origin);
	memory.size = checkpoint.size;
	memory.root = checkpoint.root;
	memory.time = own.time;
	*ret_memory = memory;
	memory = (struct memory){0};
	return true;
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static bool take_lock(struct witness *witness, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(witness->folder, "lock");
	witness->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (witness->lock < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (flock(witness->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_REFUSED, path, "another witness runs in this folder");
	return true;
}

static bool add_logs(struct witness *witness, const struct witness_settings *settings, struct err *err) {
	if (settings->log_count == 0 || settings->log_count > WITNESS_LOGS_MOST)
		return err_set(err, ERR_USAGE, "logs", "1 to %d logs, not %zu", WITNESS_LOGS_MOST, settings->log_count);
	for (size_t i = 0; i < settings->log_count; i++) {
		CLEANUP(memory_done) struct memory memory = {0};
		if (!note_verifier_read(settings->logs[i], &witness->logs[i], err))
			return false;
		witness->log_count++;
		if (!recall(witness, witness->logs[i]->name, &memory, err))
			return false;
	}
	return true;
}

bool witness_open(const struct witness_settings *settings, struct witness **ret_witness, struct err *err) {
	CLEANUP(witness_free_p) struct witness *witness = xcalloc(1, sizeof *witness);
	witness->lock = -1;
	witness->folder = xstrdup(settings->folder);
	witness->name = xstrdup(settings->name);
	witness->key = settings->key;
	witness->vkey = note_cosigner_vkey(settings->name, settings->key);
	if (!witness->vkey)
		return err_set(err, ERR_USAGE, settings->name, "not a name for a witness, or not an Ed25519 key");
	if (!note_cosigner_read(witness->vkey, &witness->own, err) || !take_lock(witness, err) ||
	    !file_sweep(witness->folder, err) || !add_logs(witness, settings, err))
		return false;
	*ret_witness = witness;
	witness = NULL;
	return true;
}

void witness_free(struct witness *witness) {
	if (!witness)
		return;
	for (size_t i = 0; i < witness->log_count; i++)
		note_verifier_free(witness->logs[i]);
	note_verifier_free(witness->own);
	close_fd(&witness->lock);
	free(witness->folder);
	free(witness->name);
	free(witness->vkey);
	free(witness);
}

/* --- add-checkpoint ------------------------------------------------------------------------------------------ */

/* A request on its way through the checks. */
struct asked {
	struct witness *witness;
	struct add_checkpoint request;
	struct note_parts parts;
	struct checkpoint checkpoint;
	struct buf log_lines; /* signatures by keys that are trusted for this origin */
	struct memory memory;
	struct witness_answer *answer;
};

static void asked_done(struct asked *asked) {
	checkpoint_done(&asked->checkpoint);
	buf_done(&asked->log_lines);
	memory_done(&asked->memory);
}

static bool refuse(struct asked *asked, int status, const char *why) {
	asked->answer->status = status;
	asked->answer->type = PLAIN;
	buf_addf(&asked->answer->body, "%s\n", why);
	return false;
}

/* As refuse(), and the operator hears of it: the request is by the log's own key, or it is our own fault. */
static bool refuse_aloud(struct asked *asked, int status, const char *why) {
	snprintf(asked->answer->event, sizeof asked->answer->event, "%s: size %llu: %d: %s", asked->checkpoint.origin,
		 (unsigned long long)asked->checkpoint.size, status, why);
	return refuse(asked, status, why);
}

static bool read_request(struct asked *asked, const char *body, size_t len) {
	struct err err;
	if (!add_checkpoint_read(body, len, &asked->request, &err) ||
	    !note_split(asked->request.note, asked->request.note_len, &asked->parts, &err) ||
	    !checkpoint_read(asked->parts.text, asked->parts.text_len, &asked->checkpoint, &err))
		return refuse(asked, 400, err.why);
	return true;
}

static bool is_known(const struct witness *witness, const char *origin) {
	for (size_t i = 0; i < witness->log_count; i++)
		if (!strcmp(witness->logs[i]->name, origin))
			return true;
	return false;
}

static bool check_origin(struct asked *asked) {
	return is_known(asked->witness, asked->checkpoint.origin) ||
	       refuse(asked, 404, "this witness does not know the log");
}

static bool check_line(void *context, const struct note_line *line, struct err *err) {
	struct asked *asked = context;
	for (size_t i = 0; i < asked->witness->log_count; i++) {
		const struct note_verifier *log = asked->witness->logs[i];
		if (strcmp(log->name, asked->checkpoint.origin) != 0 || !note_is_by(line, log))
			continue;
		if (!key_is_signed(log->key, asked->parts.text, asked->parts.text_len, line->signature,
				   line->signature_len))
			return err_set(err, ERR_REFUSED, "checkpoint", "the log's signature does not hold");
		buf_add(&asked->log_lines, line->line, line->line_len);
		return true;
	}
	return true;
}

static bool check_signature(struct asked *asked) {
	struct err err;
	if (!note_lines(asked->parts.lines, asked->parts.lines_len, check_line, asked, &err))
		return refuse(asked, 403, err.why);
	return asked->log_lines.len > 0 || refuse(asked, 403, "no signature by the log");
}

static bool check_old_size(struct asked *asked) {
	struct witness_answer *answer = asked->answer;
	struct err err;
	if (asked->request.old > asked->checkpoint.size)
		return refuse(asked, 400, "the old size is larger than the checkpoint's");
	if (!recall(asked->witness, asked->checkpoint.origin, &asked->memory, &err))
		return refuse_aloud(asked, 500, err.why);
	if (asked->request.old == asked->memory.size)
		return true;
	answer->status = 409;
	answer->type = SIZE;
	buf_addf(&answer->body, "%llu\n", (unsigned long long)asked->memory.size);
	if (asked->checkpoint.size < asked->memory.size)
		snprintf(answer->event, sizeof answer->event, "%s: size %llu is behind %llu, which was cosigned",
			 asked->checkpoint.origin, (unsigned long long)asked->checkpoint.size,
			 (unsigned long long)asked->memory.size);
	return false;
}

static bool check_consistency(struct asked *asked) {
	const struct checkpoint *new = &asked->checkpoint;
	const struct memory *old = &asked->memory;
	const struct add_checkpoint *request = &asked->request;
	const struct hash empty = merkle_root(NULL, 0);
	if (new->size == 0 && !hash_equal(&new->root, &empty))
		return refuse_aloud(asked, 422, "not the root of the empty tree");
	if (old->size == 0)
		return request->proof_len == 0 || refuse(asked, 422, "a proof from nothing");
	if (new->size == old->size && !hash_equal(&new->root, &old->root))
		return refuse_aloud(asked, 422, "another root was cosigned for this size: the log has forked");
	return merkle_is_consistent(old->size, new->size, &old->root, &new->root, request->proof, request->proof_len) ||
	       refuse_aloud(asked, 422, "the proof does not show that the log continues what was cosigned");
}

/* On disk before anybody hears of the cosignature. */
static bool cosign(struct asked *asked, int64_t now) {
	const struct witness *witness = asked->witness;
	CLEANUP(free_ptr) char *path = memory_path(witness, asked->checkpoint.origin);
	CLEANUP(buf_done) struct buf note = {0}, line = {0};
	struct err err;
	if (now < asked->memory.time)
		return refuse_aloud(asked, 500, "the clock is behind the last cosignature");
	if (!cosignature_sign(asked->parts.text, asked->parts.text_len, witness->name, witness->key, now, &line, &err))
		return refuse_aloud(asked, 500, err.why);
	buf_add(&note, asked->parts.text, asked->parts.text_len);
	buf_adds(&note, "\n");
	buf_add(&note, asked->log_lines.data, asked->log_lines.len);
	buf_add(&note, line.data, line.len);
	if (note.len > NOTE_LARGEST)
		return refuse(asked, 400, "larger than the cap on notes");
	if (!file_write(path, note.data, note.len, 0644, &err))
		return refuse_aloud(asked, 500, err.why);
	asked->answer->status = 200;
	asked->answer->type = PLAIN;
	buf_add(&asked->answer->body, line.data, line.len);
	snprintf(asked->answer->event, sizeof asked->answer->event, "%s: cosigned size %llu, before %llu",
		 asked->checkpoint.origin, (unsigned long long)asked->checkpoint.size,
		 (unsigned long long)asked->memory.size);
	return true;
}

void witness_add(struct witness *witness, const char *body, size_t len, int64_t now,
		 struct witness_answer *ret_answer) {
	struct witness_answer answer = {0};
	CLEANUP(asked_done) struct asked asked = {.witness = witness, .answer = &answer};
	if (read_request(&asked, body, len) && check_origin(&asked) && check_signature(&asked) &&
	    check_old_size(&asked) && check_consistency(&asked))
		(void)cosign(&asked, now);
	*ret_answer = answer;
}

void witness_show(struct witness *witness, const char *origin_hash, struct witness_answer *ret_answer) {
	struct witness_answer answer = {.status = 404, .type = PLAIN};
	CLEANUP(memory_done) struct memory memory = {0};
	struct err err;
	for (size_t i = 0; i < witness->log_count && memory.size == 0; i++) {
		const char *origin = witness->logs[i]->name;
		const struct hash hash = hash_of(origin, strlen(origin));
		char hex[HASH_HEX];
		if (strcmp(hash_hex(&hash, hex), origin_hash) != 0)
			continue;
		if (!recall(witness, origin, &memory, &err)) {
			answer.status = 500;
			break;
		}
		if (memory.note.len == 0)
			break;
		answer.status = 200;
		buf_add(&answer.body, memory.note.data, memory.note.len);
		break;
	}
	if (answer.status != 200)
		buf_adds(&answer.body, answer.status == 500 ? "the memory cannot be read\n" : "nothing was cosigned\n");
	*ret_answer = answer;
}
