/* An enrolled agent in a temporary folder, a fixture root for it to look at, and a small log in memory that answers
 * like a collector's: keys, tree, checkpoints and receipts are real. */
#pragma once

#include "agent/receipt.h"
#include "agent/seal.h"
#include "agent/stack.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/statement.h"
#include "tests/unit/scratch.h"

#define SMALL_POLICY                                                                                                   \
	"policy: {id: small, version: 1.0.0, framework: 'iso27001:2022', title: Small, owner: me, review_by: "         \
	"2027-06-30}\n"                                                                                                \
	"rules:\n"                                                                                                     \
	"  - {id: a.mode, title: Mode, controls: [A.8.9], key: true, severity: high, kind: effect, every: 1h, check: " \
	"file, with: {path: /etc/a}, expect: {mode: {at_most: '0640'}}, why: w, fix: chmod 0640}\n"                    \
	"  - {id: b.there, title: There, controls: [A.8.15, A.8.9], severity: low, kind: design, every: 2h, check: "   \
	"file, with: {path: /etc/b}, expect: {exists: true}, why: w, fix: make it}\n"

struct agent_home {
	char *folder, *root;
	struct home *home;
	struct enrolment *enrolment;
	struct stack *stack;
	EVP_PKEY *log_key;
	struct hash leaves[64];
	size_t leaf_count;
};

static inline void agent_need(bool ok, const struct err *err) {
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", err->where, err->why);
	abort();
}

static inline void agent_home_save_public(const char *path, EVP_PKEY *key) {
	struct err err;
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	agent_need(file_write(path, pem, strlen(pem), 0644, &err), &err);
}

static inline void agent_home_enrol(struct agent_home *agent) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *evidence = NULL;
	CLEANUP(key_free_p) EVP_PKEY *transport = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	agent_need(file_make_folder(agent->home->enrolment, 0700, &err) && key_make_ed25519(&evidence, &err) &&
			   key_make_p256(&transport, &err) && key_make_ed25519(&agent->log_key, &err) &&
			   key_save(agent->home->evidence_key, evidence, &err) &&
			   key_save(agent->home->transport_key, transport, &err),
		   &err);
	agent_home_save_public(agent->home->evidence_public, evidence);
	agent_home_save_public(agent->home->transport_public, transport);
	struct enrolment enrolment = {.collector = (char *)"https://127.0.0.1:1",
				      .host_id = (char *)"2df3d1b9-0817-4175-b6d7-defef2e5bc19",
				      .host_name = (char *)"db1",
				      .os = (char *)"debian 12",
				      .origin = (char *)"log.example",
				      .vkey = note_vkey("log.example", agent->log_key)};
	agent_need(enrolment_write(&enrolment, &bytes, &err) &&
			   file_write(agent->home->identity, bytes.data, bytes.len, 0644, &err) &&
			   enrolment_read(agent->home, &agent->enrolment, &err),
		   &err);
	free(enrolment.vkey);
}

static inline void agent_home_new(struct agent_home *agent) {
	struct err err;
	*agent = (struct agent_home){.folder = scratch_new(), .root = scratch_new()};
	agent->home = home_new(agent->folder);
	agent_home_enrol(agent);
	scratch_put(agent->root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	scratch_put(agent->root, "etc/hostname", "db1\n");
	scratch_put(agent->root, "etc/os-release", "ID=debian\nVERSION_ID=12\n");
	scratch_put(agent->root, "etc/a", "a\n");
	scratch_put(agent->folder, "small.yaml", SMALL_POLICY);
	CLEANUP(free_ptr) char *policy = file_join(agent->folder, "small.yaml");
	const char *const paths[] = {policy};
	agent_need(stack_load(SOURCE_DIR, paths, 1, &agent->stack, &err), &err);
}

static inline void agent_home_done(struct agent_home *agent) {
	stack_free(agent->stack);
	enrolment_free(agent->enrolment);
	home_free(agent->home);
	EVP_PKEY_free(agent->log_key);
	scratch_free(&agent->folder);
	scratch_free(&agent->root);
}

static inline struct sealer *agent_sealer(const struct agent_home *agent, int64_t limit) {
	struct sealer *sealer = NULL;
	struct err err;
	agent_need(sealer_open(agent->home, agent->enrolment, NULL, "test", limit, &sealer, &err), &err);
	return sealer;
}

static inline struct round *agent_look(const struct agent_home *agent, const char *const *only) {
	struct look_options options = {.stack = agent->stack->policies, .host = {.root = agent->root}, .only = only};
	struct round *round = NULL;
	struct err err;
	agent_need(look_now(&options, &round, &err), &err);
	return round;
}

/* One round from look to spool. */
static inline __attribute__((unused)) enum sealed agent_round(const struct agent_home *agent, struct sealer *sealer) {
	CLEANUP(round_free_p) struct round *round = agent_look(agent, NULL);
	enum sealed sealed = SEALED_NO_ROOM;
	struct err err;
	agent_need(seal(sealer, agent->stack->policies, round, "manual", &sealed, &err), &err);
	return sealed;
}

/* The queue's entry number `sequence`, verified under the agent's key: statement, and body and envelope where wanted.
 */
static inline struct statement *agent_statement(const struct agent_home *agent, size_t sequence, struct buf *ret_body,
						struct dsse **ret_envelope) {
	struct err err;
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct statement *statement = NULL;
	agent_need(spool_list(agent->home->queue, &queue, &err), &err);
	if (sequence < 1 || sequence > queue.count)
		return NULL;
	CLEANUP(free_ptr) char *text = scratch_text(agent->home->queue, queue.names[sequence - 1]);
	agent_need(statement_wire_read(text, strlen(text), "queue", &envelope, &body, &err) &&
			   home_public_key(agent->home->evidence_public, &key, &err) &&
			   dsse_verify(envelope, DSSE_INTOTO, key, &err) &&
			   statement_read(envelope->payload.data, envelope->payload.len, "payload", &statement, &err),
		   &err);
	struct hash digest = hash_of(body.data, body.len);
	if (!hash_equal(&digest, &statement->body_sha256))
		abort();
	if (ret_body) {
		*ret_body = body;
		body = (struct buf){0};
	}
	if (ret_envelope) {
		*ret_envelope = envelope;
		envelope = NULL;
	}
	return statement;
}

/* The log. */

static inline bool agent_log_get(void *context, unsigned level, uint64_t index, struct hash *ret_hash,
				 struct err *err) {
	struct agent_home *agent = context;
	*ret_hash = merkle_root(agent->leaves + (index << level), (size_t)1 << level);
	return true;
}

/* Append an envelope's entry; its index. */
static inline __attribute__((unused)) uint64_t agent_log_add(struct agent_home *agent, const struct dsse *envelope) {
	struct err err;
	CLEANUP(buf_done) struct buf entry = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	agent_need(home_public_key(agent->home->evidence_public, &key, &err) &&
			   entry_write(envelope, key, &entry, &err),
		   &err);
	agent->leaves[agent->leaf_count] = merkle_leaf(entry.data, entry.len);
	return agent->leaf_count++;
}

/* The receipt for the entry of this index in the log as it is now; the caller frees. */
static inline __attribute__((unused)) char *agent_log_receipt(struct agent_home *agent, uint64_t index) {
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(buf_done) struct buf note = {0};
	struct buf receipt = {0};
	struct checkpoint checkpoint = {.origin = (char *)"log.example",
					.size = agent->leaf_count,
					.root = merkle_root(agent->leaves, agent->leaf_count)};
	struct proof proof = {.index = index};
	checkpoint_write(&checkpoint, &text);
	agent_need(
		merkle_inclusion(index, agent->leaf_count, agent_log_get, agent, proof.path, &proof.path_len, &err) &&
			note_sign(buf_str(&text), "log.example", agent->log_key, &note, &err),
		&err);
	proof.checkpoint = (char *)buf_str(&note);
	proof_write(&proof, &receipt);
	return buf_take(&receipt);
}
