#include "agent/seal.h"

#include "agent/blinds.h"
#include "core/base64.h"
#include "core/note.h"
#include "core/statement.h"

#define FRAMEWORK "iso27001:2022" /* where no policy names one */
#define DISK_LEAST (96LL << 10)   /* what the chain's own files may take beside a statement */
#define LINE_AROUND 512           /* bytes, at most: names of members, signature, key id */

/* What a statement is made of, besides the round's header. */
struct subject {
	const char *type, *body_name;
	const void *body;
	size_t len;
	json_t *looked, *state; /* borrowed */
	EVP_PKEY *epoch;        /* of an epoch: the key that it names */
	bool full;              /* it says that the spool is */
	bool has_all;           /* of a round: the body carries all results */
};

struct sealing { /* the arguments that every statement of a round shares */
	struct sealer *sealer;
	const struct policy_stack *stack;
	const struct round *round;
	const char *trigger;
};

static char *public_base64(EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(key, &der);
	return base64_encode(der.data, der.len);
}

bool sealer_open(const struct home *home, const struct enrolment *enrolment, const char *helpers,
		 const char *environment, int64_t spool_limit, struct sealer **ret_sealer, struct err *err) {
	struct sealer *sealer = xcalloc(1, sizeof *sealer);
	sealer->home = home;
	sealer->enrolment = enrolment;
	sealer->environment = environment;
	sealer->spool_limit = spool_limit;
	if (!signer_open(home, helpers, &sealer->signer, err) ||
	    !home_public_key(home->transport_public, &sealer->transport, err) ||
	    !chain_open(home, &sealer->chain, err)) {
		sealer_close(sealer);
		return false;
	}
	*ret_sealer = sealer;
	return true;
}

void sealer_close(struct sealer *sealer) {
	if (!sealer)
		return;
	standing_forget(&sealer->standing);
	chain_close(sealer->chain);
	signer_close(sealer->signer);
	EVP_PKEY_free(sealer->transport);
	free(sealer);
}

/* stack: NULL before there is one. */
static json_t *policies_json(const struct policy_stack *stack) {
	json_t *policies = json_array();
	char hex[HASH_HEX];
	for (size_t i = 0; stack && i < stack->policy_count; i++) {
		const struct policy *policy = stack->policies[i];
		json_array_append_new(policies, json_pack("{s:s, s:s, s:s}", "id", policy->id, "version",
							  policy->version, "sha256", hash_hex(&policy->sha256, hex)));
	}
	return policies;
}

/* The last checkpoint that vouch-ship verified, or NULL when there is none that verifies. */
static json_t *checkpoint_json(const struct home *home, const char *vkey) {
	CLEANUP(buf_done) struct buf note = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = NULL;
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	struct err ignored;
	if (!file_read_plain(home->checkpoint, NOTE_LARGEST, &note, &ignored) ||
	    !note_verifier_read(vkey, &verifier, &ignored) ||
	    !checkpoint_open(note.data, note.len, verifier, &checkpoint, &ignored))
		return NULL;
	CLEANUP(free_ptr) char *root = base64_encode(checkpoint.root.bytes, HASH_LEN);
	return json_pack("{s:s, s:I, s:s}", "origin", checkpoint.origin, "size", (json_int_t)checkpoint.size, "root",
			 root);
}

/* Why the sealer has a new key (docs/FORMAT.md 1.1); it finds the same, or refuses. */
static const char *epoch_reason(const struct sealer *sealer, const struct round *round) {
	const struct chain *chain = sealer->chain;
	if (signer_rotates(sealer->signer))
		return "rotation";
	if (chain->sequence == 1)
		return "enrolment";
	return strcmp(round->boot_id, chain->boot_id) != 0 ? "boot" : "reset";
}

static struct statement *statement_of(const struct sealer *sealer, const struct policy_stack *stack,
				      const struct round *round, const char *trigger, const struct subject *subject) {
	struct statement *statement = xcalloc(1, sizeof *statement);
	statement->type = xstrdup(subject->type);
	statement->host_id = xstrdup(sealer->enrolment->host_id);
	statement->host_name = xstrdup(round->host_name);
	statement->host_os = xstrdup(round->host_os);
	statement->environment = xstrdup(sealer->environment);
	statement->framework = xstrdup(stack ? stack->policies[0]->framework : FRAMEWORK);
	statement->sequence = sealer->chain->sequence + 1;
	statement->previous = xstrdup(sealer->chain->previous);
	statement->boot_id = xstrdup(round->boot_id);
	statement->trigger = xstrdup(trigger);
	statement->started_at = round->started_at;
	statement->finished_at = round->finished_at;
	statement->policies = policies_json(stack);
	statement->checkpoint = checkpoint_json(sealer->home, sealer->enrolment->vkey);
	statement->looked = json_incref(subject->looked);
	statement->state = json_incref(subject->state);
	statement->full = subject->has_all;
	statement->body_name = xstrdup(subject->body_name);
	statement->body_sha256 = hash_of(subject->body, subject->len);
	if (!strcmp(subject->type, "enrolment")) {
		statement->purpose = xstrdup(sealer->enrolment->purpose);
		statement->evidence_key = public_base64(signer_public(sealer->signer));
		statement->transport_key = public_base64(sealer->transport);
	}
	if (!strcmp(subject->type, "epoch")) {
		statement->epoch_key = public_base64(subject->epoch);
		statement->reason = xstrdup(epoch_reason(sealer, round));
		statement->last_boot_id = xstrdup(sealer->chain->boot_id);
	}
	return statement;
}

static bool payload_of(const struct sealing *sealing, const struct subject *subject, struct buf *payload,
		       struct err *err) {
	CLEANUP(statement_free_p)
	struct statement *statement =
		statement_of(sealing->sealer, sealing->stack, sealing->round, sealing->trigger, subject);
	if (subject->len > STATEMENT_BODY_LARGEST)
		return err_set(err, ERR_TOO_BIG, subject->body_name, "the body is larger than %u bytes",
			       STATEMENT_BODY_LARGEST);
	return statement_write(statement, payload, err);
}

/* Bytes of the wire line: two parts in base64, and what is around them. */
static size_t line_len(const struct buf *payload, const struct subject *subject) {
	return payload->len / 3 * 4 + subject->len / 3 * 4 + LINE_AROUND;
}

static bool has_room(const struct sealer *sealer, const struct subject *subject, size_t more, bool *ret_has,
		     int64_t *ret_bytes, size_t *ret_statements, struct err *err) {
	bool is_on_disk = true;
	if (!spool_bytes(sealer->home, ret_bytes, ret_statements, err))
		return false;
	/* On the disk it is twice for a moment: unsigned, and signed. */
	if (!subject->full && !spool_disk_has(sealer->home, 2 * (int64_t)more + DISK_LEAST, &is_on_disk, err))
		return false;
	int64_t limit = sealer->spool_limit - (subject->full ? 0 : SPOOL_RESERVE);
	*ret_has = is_on_disk && *ret_bytes + (int64_t)more <= limit;
	return true;
}

static bool join(const struct sealing *sealing, const struct subject *subject, struct err *err) {
	CLEANUP(buf_done) struct buf payload = {0};
	const struct sealer *sealer = sealing->sealer;
	return payload_of(sealing, subject, &payload, err) &&
	       chain_join(sealer->home, sealer->chain, sealer->signer, &payload, subject->body, subject->len, err);
}

static bool join_epoch(const struct sealing *sealing, EVP_PKEY *key, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	const struct chain *chain = sealing->sealer->chain;
	CLEANUP(free_ptr) char *base64 = public_base64(key);
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:s, s:s, s:s}", "epochKey", base64, "lastBootId", chain->boot_id, "reason",
				   epoch_reason(sealing->sealer, sealing->round));
	if (!home_keep_epoch(sealing->sealer->home, key, err) || !json_canonical(object, &body, err))
		return false;
	struct subject subject = {
		.type = "epoch", .body_name = "epoch", .body = body.data, .len = body.len, .epoch = key};
	return join(sealing, &subject, err);
}

/* A sealer that started without its key has the new one named first. It takes of the spool's reserve. */
static bool join_in_epoch(const struct sealing *sealing, const struct subject *subject, struct err *err) {
	if (join(sealing, subject, err))
		return true;
	EVP_PKEY *wanted = signer_epoch(sealing->sealer->signer);
	if (!wanted || EVP_PKEY_up_ref(wanted) != 1)
		return false;
	CLEANUP(key_free_p) EVP_PKEY *key = wanted;
	return join_epoch(sealing, key, err) && join(sealing, subject, err);
}

static bool seal_full(const struct sealing *sealing, int64_t bytes, size_t statements, struct err *err);

/* One statement into the chain. Where there is no room the chain says so, once, and *ret_sealed too. */
static bool seal_one(const struct sealing *sealing, const struct subject *subject, enum sealed *ret_sealed,
		     struct err *err) {
	CLEANUP(buf_done) struct buf payload = {0};
	const struct sealer *sealer = sealing->sealer;
	int64_t bytes;
	size_t statements;
	bool fits;
	if (!payload_of(sealing, subject, &payload, err) ||
	    !has_room(sealer, subject, line_len(&payload, subject), &fits, &bytes, &statements, err))
		return false;
	*ret_sealed = fits ? SEALED_KEPT : SEALED_NO_ROOM;
	if (fits)
		return join_in_epoch(sealing, subject, err);
	return sealer->chain->full || subject->full || seal_full(sealing, bytes, statements, err);
}

static bool seal_full(const struct sealing *sealing, int64_t bytes, size_t statements, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:I, s:I}", "bytes", (json_int_t)bytes, "statements", (json_int_t)statements);
	enum sealed ignored;
	if (!json_canonical(object, &body, err))
		return false;
	struct subject subject = {
		.type = "spool-full", .body_name = "spool-full", .body = body.data, .len = body.len, .full = true};
	spool_reserve_give_up(sealing->sealer->home);
	return seal_one(sealing, &subject, &ignored, err);
}

/* Before anything is written: on a disk that others have filled the chain says so, once. */
static bool has_disk(const struct sealing *sealing, enum sealed *ret_sealed, struct err *err) {
	const struct sealer *sealer = sealing->sealer;
	int64_t bytes;
	size_t statements;
	bool has;
	if (!spool_disk_has(sealer->home, DISK_LEAST, &has, err))
		return false;
	*ret_sealed = has ? SEALED_KEPT : SEALED_NO_ROOM;
	return has || sealer->chain->full || sealer->chain->sequence == 0 ||
	       (spool_bytes(sealer->home, &bytes, &statements, err) && seal_full(sealing, bytes, statements, err));
}

static bool seal_keys(const struct sealing *sealing, enum sealed *ret_sealed, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(free_ptr) char *evidence = public_base64(signer_public(sealing->sealer->signer));
	CLEANUP(free_ptr) char *transport = public_base64(sealing->sealer->transport);
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "evidenceKey", evidence, "transportKey", transport,
				   "host", "id", sealing->sealer->enrolment->host_id, "name", sealing->round->host_name,
				   "os", sealing->round->host_os);
	if (!object)
		return err_set(err, ERR_MALFORMED, "enrolment", "the host's name is not UTF-8");
	if (!json_canonical(object, &body, err))
		return false;
	struct subject subject = {.type = "enrolment", .body_name = "enrolment", .body = body.data, .len = body.len};
	return seal_one(sealing, &subject, ret_sealed, err);
}

/* Behind its policy, each once. */
static bool seal_approvals(const struct sealing *sealing, const struct policy *policy, enum sealed *ret_sealed,
			   struct err *err) {
	for (size_t i = 0; i < policy->approval_count && *ret_sealed == SEALED_KEPT; i++) {
		const char *line = policy->approvals[i];
		const struct hash digest = hash_of(line, strlen(line));
		struct subject subject = {
			.type = "approval", .body_name = "approval", .body = line, .len = strlen(line)};
		if (!chain_has_sealed(sealing->sealer->chain, &digest) && !seal_one(sealing, &subject, ret_sealed, err))
			return false;
	}
	return true;
}

static bool seal_policy(const struct sealing *sealing, const struct policy *policy, enum sealed *ret_sealed,
			struct err *err) {
	struct subject subject = {
		.type = "policy", .body_name = "policy", .body = policy->bytes.data, .len = policy->bytes.len};
	if (chain_has_sealed(sealing->sealer->chain, &policy->sha256))
		return true;
	standing_forget(&sealing->sealer->standing);
	return seal_one(sealing, &subject, ret_sealed, err);
}

static bool seal_policies(const struct sealing *sealing, enum sealed *ret_sealed, struct err *err) {
	for (size_t i = 0; i < sealing->stack->policy_count && *ret_sealed == SEALED_KEPT; i++) {
		const struct policy *policy = sealing->stack->policies[i];
		if (!seal_policy(sealing, policy, ret_sealed, err) || !seal_approvals(sealing, policy, ret_sealed, err))
			return false;
	}
	return true;
}

static bool results_body(const struct sealing *sealing, json_t *results, struct buf *ret_body, struct err *err) {
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:s, s:s, s:O}", "vouch", VOUCH_VERSION, "framework",
				   sealing->stack->policies[0]->framework, "results", results);
	return json_canonical(object, ret_body, err);
}

static int64_t boot_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static bool seal_round(const struct sealing *sealing, enum sealed *ret_sealed, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(state_free_p) struct state *now = state_new();
	struct sealer *sealer = sealing->sealer;
	const struct round *round = sealing->round;
	const int64_t instant = boot_seconds();
	if (!state_take(now, round->results, true, err))
		return false;
	const bool all = standing_wants_all(&sealer->standing, now, sealer->home, instant);
	CLEANUP(json_decref_p)
	json_t *carried = all ? json_incref(round->results) : standing_changed(&sealer->standing, now, round->results);
	CLEANUP(json_decref_p) json_t *looked = statement_looked(round->looked, sealing->stack->rule_count);
	CLEANUP(json_decref_p) json_t *state = state_json(now);
	if (!results_body(sealing, carried, &body, err))
		return false;
	struct subject subject = {.type = "round",
				  .body_name = "results",
				  .body = body.data,
				  .len = body.len,
				  .looked = looked,
				  .state = state,
				  .has_all = all};
	if (!seal_one(sealing, &subject, ret_sealed, err))
		return false;
	if (*ret_sealed == SEALED_KEPT)
		standing_follow(&sealer->standing, &now, all, sealer->chain->sequence, instant);
	return true;
}

static bool is_enrolled_host(const struct sealer *sealer, const struct round *round, struct err *err) {
	if (!strcmp(round->host_id, sealer->enrolment->host_id) || (sealer->enrolment->is_drawn && !*round->host_id))
		return true;
	return err_set(err, ERR_REFUSED, "host id",
		       "this host is %s but %s was enrolled: the machine id changed, or the state folder is another's",
		       *round->host_id ? round->host_id : "without a machine id", sealer->enrolment->host_id);
}

bool seal_enrolment(struct sealer *sealer, const struct round *header, struct err *err) {
	const struct sealing sealing = {sealer, NULL, header, "manual"};
	enum sealed ignored;
	return chain_ready(sealer->home, sealer->chain, sealer->signer, err) && is_enrolled_host(sealer, header, err) &&
	       (sealer->chain->sequence > 0 || seal_keys(&sealing, &ignored, err));
}

bool seal_attestation(struct sealer *sealer, const struct round *header, const struct buf *body,
		      enum sealed *ret_sealed, struct err *err) {
	const struct sealing sealing = {sealer, NULL, header, "manual"};
	const struct subject subject = {
		.type = "attestation", .body_name = "attestation", .body = body->data, .len = body->len};
	if (!chain_ready(sealer->home, sealer->chain, sealer->signer, err) || !is_enrolled_host(sealer, header, err))
		return false;
	if (sealer->chain->sequence == 0)
		return err_set(err, ERR_REFUSED, sealer->home->chain,
			       "the line has no enrolment statement here: its chain belongs with its keys");
	return seal_one(&sealing, &subject, ret_sealed, err);
}

static bool looks(const struct sealer *sealer, struct err *err) {
	return !sealer->enrolment->purpose ||
	       err_set(err, ERR_REFUSED, sealer->home->identity, "this identity attests, and looks at nothing");
}

static bool seal_all(const struct sealing *sealing, enum sealed *ret_sealed, struct err *err) {
	struct sealer *sealer = sealing->sealer;
	const struct round *round = sealing->round;
	if (!looks(sealer, err) || !chain_ready(sealer->home, sealer->chain, sealer->signer, err) ||
	    !is_enrolled_host(sealer, round, err) || !has_disk(sealing, ret_sealed, err))
		return false;
	if (*ret_sealed == SEALED_KEPT && !blinds_give(sealer->home->blinds, round->results, err))
		return false;
	if (*ret_sealed != SEALED_KEPT)
		return true;
	if (sealer->chain->sequence == 0 && !seal_keys(sealing, ret_sealed, err))
		return false;
	if (*ret_sealed == SEALED_KEPT && !seal_policies(sealing, ret_sealed, err))
		return false;
	return *ret_sealed != SEALED_KEPT || seal_round(sealing, ret_sealed, err);
}

bool seal(struct sealer *sealer, const struct policy_stack *stack, struct round *round, const char *trigger,
	  enum sealed *ret_sealed, struct err *err) {
	const struct sealing sealing = {sealer, stack, round, trigger};
	enum sealed sealed;
	bool ok = seal_all(&sealing, &sealed, err);
	if (!ok || sealed != SEALED_KEPT)
		standing_forget(&sealer->standing);
	else
		spool_reserve_keep(sealer->home);
	if (ok)
		*ret_sealed = sealed;
	return ok;
}
