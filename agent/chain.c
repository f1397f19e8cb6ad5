#include "agent/chain.h"

#include <errno.h>
#include <unistd.h>

#include "core/json.h"

#define CHAIN_LARGEST (1U << 20)

static bool is_digest_or_empty(const char *text) {
	struct hash hash;
	return !*text || hash_from_hex(text, &hash);
}

static bool read_policies(const json_t *array, const char *where, struct chain *chain, struct err *err) {
	size_t index;
	json_t *member;
	if (json_array_size(array) > CHAIN_POLICIES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d policies", CHAIN_POLICIES_MOST);
	chain->policies = xreallocarray(NULL, json_array_size(array) + 1, sizeof *chain->policies);
	json_array_foreach(array, index, member) {
		const char *hex = json_string_value(member);
		if (!hex || !hash_from_hex(hex, &chain->policies[chain->policy_count]))
			return err_set(err, ERR_MALFORMED, where, "a policy's digest is not one");
		chain->policy_count++;
	}
	return true;
}

static bool fill(const json_t *object, const char *where, struct chain *chain, struct err *err) {
	const char *previous, *entry, *boot_id;
	json_t *policies;
	int64_t sequence;
	if (!json_get_int(object, "sequence", where, &sequence, err) ||
	    !json_get_string(object, "previous", where, &previous, err) ||
	    !json_get_string(object, "entry", where, &entry, err) ||
	    !json_get_string(object, "bootId", where, &boot_id, err) ||
	    !json_get_array(object, "policies", where, &policies, err) || !read_policies(policies, where, chain, err))
		return false;
	if (sequence < 1 || !is_digest_or_empty(previous) || !spool_is_name(entry))
		return err_set(err, ERR_MALFORMED, where, "not a chain that this program wrote");
	chain->sequence = sequence;
	snprintf(chain->previous, sizeof chain->previous, "%s", previous);
	snprintf(chain->entry, sizeof chain->entry, "%s", entry);
	snprintf(chain->boot_id, sizeof chain->boot_id, "%s", boot_id);
	chain->full = json_is_true(json_object_get(object, "full"));
	return true;
}

/* No file: a chain without statements. */
static bool read_file(const struct home *home, struct chain *chain, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err why;
	if (!file_read(home->chain, CHAIN_LARGEST, &bytes, &why)) {
		if (why.code == ERR_ABSENT)
			return true;
		*err = why;
		return false;
	}
	return json_read(bytes.data, bytes.len, CHAIN_LARGEST, home->chain, &object, err) &&
	       fill(object, home->chain, chain, err);
}

/* *chain becomes what the file says, or stays; its lock stays in any case. */
static bool chain_read(const struct home *home, struct chain *chain, struct err *err) {
	struct chain fresh = {.lock = chain->lock};
	if (!read_file(home, &fresh, err)) {
		free(fresh.policies);
		return false;
	}
	free(chain->policies);
	*chain = fresh;
	return true;
}

static bool chain_write(const struct home *home, const struct chain *chain, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	json_t *policies = json_array();
	char hex[HASH_HEX];
	for (size_t i = 0; i < chain->policy_count; i++)
		json_array_append_new(policies, json_string(hash_hex(&chain->policies[i], hex)));
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:o, s:b}", "sequence", (json_int_t)chain->sequence,
				   "previous", chain->previous, "entry", chain->entry, "bootId", chain->boot_id,
				   "policies", policies, "full", chain->full);
	return json_canonical(object, &bytes, err) && file_write(home->chain, bytes.data, bytes.len, 0600, err);
}

/* What the disk says goes, now and after a crash. */
static bool recover(const struct home *home, struct chain *chain, struct err *err) {
	chain->is_stale = true;
	if (!chain_read(home, chain, err) || !spool_recover(home, chain->sequence ? chain->entry : NULL, err))
		return false;
	CLEANUP(free_ptr) char *unsigned_line = file_join(home->incoming, SPOOL_UNSIGNED);
	chain->has_pending = access(unsigned_line, F_OK) == 0;
	chain->is_stale = false;
	return true;
}

bool chain_open(const struct home *home, struct chain **ret_chain, struct err *err) {
	if (home_is_shared(home))
		return err_set(err, ERR_REFUSED, home->spool, "it is another user's: vouchd seals here as that user");
	CLEANUP(free_ptr) char *draft = file_join(home->folder, HOME_DRAFT);
	struct chain *chain = xcalloc(1, sizeof *chain);
	chain->lock = -1;
	if (!home_make(home, err) || !home_lock(home, &chain->lock, err) || !home_sweep(home->spool, ".tmp-", err) ||
	    !home_sweep(home->epochs, ".tmp-", err) || !recover(home, chain, err)) {
		chain_close(chain);
		return false;
	}
	(void)rmdir(draft); /* empty, when an enrolment was killed behind its last step */
	*ret_chain = chain;
	return true;
}

void chain_close(struct chain *chain) {
	if (!chain)
		return;
	close_fd(&chain->lock);
	free(chain->policies);
	free(chain);
}

bool chain_has_sealed(const struct chain *chain, const struct hash *sha256) {
	for (size_t i = 0; i < chain->policy_count; i++)
		if (hash_equal(&chain->policies[i], sha256))
			return true;
	return false;
}

static void advance(struct chain *chain, const struct chain_step *step, const char *name) {
	chain->sequence++;
	hash_hex(&step->digest, chain->previous);
	snprintf(chain->entry, sizeof chain->entry, "%s", name);
	snprintf(chain->boot_id, sizeof chain->boot_id, "%s", step->boot_id);
	chain->full = step->full;
	if (!step->policy)
		return;
	if (chain->policy_count == CHAIN_POLICIES_MOST)
		chain->policy_count = 0;
	chain->policies = xreallocarray(chain->policies, chain->policy_count + 1, sizeof *chain->policies);
	chain->policies[chain->policy_count++] = *step->policy;
}

/* What is sealed once. */
static const struct hash *remembered(const struct statement *statement) {
	const bool is_once = !strcmp(statement->type, "policy") || !strcmp(statement->type, "approval");
	return is_once ? &statement->body_sha256 : NULL;
}

static bool add(const struct home *home, struct chain *chain, const struct chain_step *step, struct err *err) {
	char name[SPOOL_NAME_LONGEST];
	spool_name(chain->sequence + 1, &step->digest, name);
	CLEANUP(free_ptr) char *incoming = file_join(home->incoming, name);
	CLEANUP(free_ptr) char *queue = file_join(home->queue, name);
	if (!file_create(incoming, step->line, step->len, 0640, err) || !file_sync_folder(home->incoming, err))
		return false;
	advance(chain, step, name);
	return chain_write(home, chain, err) && file_move(incoming, queue, err);
}

bool chain_add(const struct home *home, struct chain *chain, const struct chain_step *step, struct err *err) {
	struct err ignored;
	if (chain->is_stale)
		return err_set(err, ERR_REFUSED, home->chain, "the chain has to be read again first");
	if (add(home, chain, step, err))
		return true;
	/* A second failure leaves the chain stale. */
	(void)!recover(home, chain, &ignored);
	return false;
}

/* --- the unsigned one --------------------------------------------------------------------------------------------- */

static bool drop_pending(const struct home *home, struct chain *chain, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(home->incoming, SPOOL_UNSIGNED);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, errno, ERR_IO, path, "throw away");
	chain->has_pending = false;
	return true;
}

struct pending {
	struct dsse *envelope; /* without a signature */
	struct statement *statement;
	struct buf body;
};

static void pending_done(struct pending *pending) {
	dsse_free(pending->envelope);
	statement_free(pending->statement);
	buf_done(&pending->body);
}

/* Steps 2 to 5. What will never be signed is no longer pending, whatever becomes of its file. */
static bool finish(const struct home *home, struct chain *chain, struct signer *signer, struct pending *pending,
		   struct err *err) {
	CLEANUP(buf_done) struct buf line = {0};
	const struct statement *statement = pending->statement;
	struct err ignored;
	enum sealer_outcome outcome = signer_sign(signer, pending->envelope, err);
	if (outcome == SEALER_REFUSED || outcome == SEALER_EPOCH)
		(void)!drop_pending(home, chain, &ignored);
	if (outcome != SEALER_SIGNED)
		return false;
	statement_wire_write(pending->envelope, pending->body.data, pending->body.len, &line);
	const struct chain_step step = {.digest = dsse_digest(pending->envelope),
					.line = line.data,
					.len = line.len,
					.boot_id = statement->boot_id,
					.policy = remembered(statement),
					.full = !strcmp(statement->type, "spool-full")};
	if (!chain_add(home, chain, &step, err))
		return false;
	(void)!drop_pending(home, chain, &ignored);
	return true;
}

static bool pending_read(const struct home *home, struct pending *pending, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(home->incoming, SPOOL_UNSIGNED);
	CLEANUP(buf_done) struct buf line = {0};
	return file_read(path, SPOOL_LINE_LARGEST, &line, err) &&
	       statement_wire_read(buf_str(&line), line.len, path, &pending->envelope, &pending->body, err) &&
	       statement_read(pending->envelope->payload.data, pending->envelope->payload.len, path,
			      &pending->statement, err);
}

static bool is_next(const struct chain *chain, const struct statement *statement) {
	return statement->sequence == chain->sequence + 1 && !strcmp(statement->previous, chain->previous);
}

static bool finish_pending(const struct home *home, struct chain *chain, struct signer *signer, struct err *err) {
	CLEANUP(pending_done) struct pending pending = {0};
	if (!pending_read(home, &pending, err))
		return false;
	if (!is_next(chain, pending.statement))
		return drop_pending(home, chain, err);
	struct err why;
	if (finish(home, chain, signer, &pending, &why) || !chain->has_pending)
		return true;
	*err = why;
	return false;
}

bool chain_ready(const struct home *home, struct chain *chain, struct signer *signer, struct err *err) {
	return (!chain->is_stale || recover(home, chain, err)) &&
	       (!chain->has_pending || finish_pending(home, chain, signer, err));
}

bool chain_join(const struct home *home, struct chain *chain, struct signer *signer, const struct buf *payload,
		const void *body, size_t body_len, struct err *err) {
	CLEANUP(pending_done) struct pending pending = {.envelope = xcalloc(1, sizeof(struct dsse))};
	CLEANUP(free_ptr) char *path = file_join(home->incoming, SPOOL_UNSIGNED);
	CLEANUP(buf_done) struct buf line = {0};
	pending.envelope->payload_type = xstrdup(DSSE_INTOTO);
	buf_add(&pending.envelope->payload, payload->data, payload->len);
	buf_add(&pending.body, body, body_len);
	statement_wire_write(pending.envelope, body, body_len, &line);
	if (chain->has_pending)
		return err_set(err, ERR_REFUSED, path, "it has to be signed first");
	if (!statement_read(payload->data, payload->len, "statement", &pending.statement, err) ||
	    !file_write(path, line.data, line.len, 0600, err))
		return false;
	chain->has_pending = true;
	return finish(home, chain, signer, &pending, err);
}
