#include "collector/verify.h"

#include "collector/rounds.h"
#include "core/approval.h"
#include "core/attestation.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/policy.h"
#include "core/text.h"
#include "core/times.h"
#include "core/waiver.h"

#define RESULTS_MOST 4096
#define RULE_LONGEST 128
#define CONTROL_LONGEST 16
#define WAIVER_TEXT_LONGEST 4096 /* bytes of one member */

void peer_done(struct peer *peer) {
	free(peer->transport_key);
	*peer = (struct peer){0};
}

void received_done(struct received *received) {
	dsse_free(received->envelope);
	statement_free(received->statement);
	EVP_PKEY_free(received->key);
	EVP_PKEY_free(received->epoch);
	json_decref(received->document);
	state_free(received->state);
	buf_done(&received->body);
	buf_done(&received->entry);
	*received = (struct received){0};
}

bool verify_decode(const char *line, size_t len, struct received *received, struct err *err) {
	received->step = "envelope";
	if (!statement_wire_read(line, len, "line", &received->envelope, &received->body, err))
		return false;
	received->digest = dsse_digest(received->envelope);
	return true;
}

/* --- the steps, in their order ------------------------------------------------------------------------------------ */

static bool read_key(const char *base64, const char *name, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	return base64_decode(base64, strlen(base64), name, &der, err) &&
	       key_from_public_der(der.data, der.len, name, ret_key, err);
}

/* *ret_signature: the one by the epoch's key; NULL: there is none, and the key is the enrolled one. */
static bool find_key(const struct store_line *line, const struct dsse *envelope, EVP_PKEY **ret_key,
		     const struct dsse_signature **ret_signature, struct err *err) {
	EVP_PKEY *epoch = NULL;
	if (line->epoch.len && !key_from_public_der(line->epoch.data, line->epoch.len, "epoch key", &epoch, err))
		return false;
	*ret_signature = epoch ? dsse_signature_by(envelope, epoch) : NULL;
	if (*ret_signature) {
		*ret_key = epoch;
		return true;
	}
	EVP_PKEY_free(epoch);
	return key_from_public_der(line->evidence.data, line->evidence.len, "evidence key", ret_key, err);
}

bool verify_key_of(const struct store_line *line, const struct dsse *envelope, EVP_PKEY **ret_key, bool *ret_is_epoch,
		   struct err *err) {
	const struct dsse_signature *by_epoch;
	if (!find_key(line, envelope, ret_key, &by_epoch, err))
		return false;
	*ret_is_epoch = by_epoch != NULL;
	return true;
}

static bool key_of_line(const struct store_line *line, struct received *r, struct err *err) {
	if (!find_key(line, r->envelope, &r->key, &r->signature, err))
		return false;
	r->is_by_epoch = r->signature != NULL;
	return true;
}

/* The first statement of a line names the key that it is signed by. It has to be read for that, and is trusted with
 * nothing else before the signature holds. */
static bool step_key(const struct verify_at *look, struct received *r, struct err *err) {
	if (look->line->id != 0)
		return key_of_line(look->line, r, err);
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!statement_read(r->envelope->payload.data, r->envelope->payload.len, "statement", &statement, err))
		return false;
	if (strcmp(statement->type, "enrolment") != 0)
		return err_set(err, ERR_REFUSED, "", "the first statement of a certificate must be an enrolment");
	if (!statement->evidence_key || !statement->transport_key)
		return err_set(err, ERR_REFUSED, "", "an enrolment names an evidence key and a transport key");
	return read_key(statement->evidence_key, "evidenceKey", &r->key, err);
}

static bool step_signature(const struct verify_at *look, struct received *r, struct err *err) {
	if (!r->signature)
		r->signature = dsse_signature_by(r->envelope, r->key);
	return r->signature || err_set(err, ERR_REFUSED, "signature", "no signature by this key over this payload");
}

static bool step_payload_type(const struct verify_at *look, struct received *r, struct err *err) {
	return !strcmp(r->envelope->payload_type, DSSE_INTOTO) || err_set(err, ERR_REFUSED, "", "not %s", DSSE_INTOTO);
}

static bool step_statement(const struct verify_at *look, struct received *r, struct err *err) {
	if (!statement_read(r->envelope->payload.data, r->envelope->payload.len, "statement", &r->statement, err))
		return false;
	if (!statement_has_type(r->statement))
		return err_set(err, ERR_REFUSED, "", "there is no type \"%s\"", r->statement->type);
	/* They are kept as canonical JSON: where they cannot, that has to be known before anything is logged. */
	CLEANUP(buf_done) struct buf policies = {0};
	if (!json_canonical(r->statement->policies, &policies, err))
		return false;
	return !statement_is_collectors(r->statement) ||
	       err_set(err, ERR_REFUSED, "", "\"%s\" of a collector: no host says that", r->statement->type);
}

static bool step_body(const struct verify_at *look, struct received *r, struct err *err) {
	struct hash hash = hash_of(buf_str(&r->body), r->body.len);
	return hash_equal(&hash, &r->statement->body_sha256) ||
	       err_set(err, ERR_REFUSED, "", "its digest is not the one of the statement's subject");
}

static bool step_host(const struct verify_at *look, struct received *r, struct err *err) {
	if (strcmp(r->statement->host_id, look->peer->host) != 0)
		return err_set(err, ERR_REFUSED, "", "the statement is of another host than the certificate");
	return true;
}

static bool step_enrolment(const struct verify_at *look, struct received *r, struct err *err) {
	static const char *const hosts_alone[] = {"round", "policy", "approval"};
	bool is_enrolment = !strcmp(r->statement->type, "enrolment");
	if (is_enrolment && look->line->id != 0)
		return err_set(err, ERR_REFUSED, "", "this line has its enrolment already");
	if (is_enrolment && r->statement->sequence != 1)
		return err_set(err, ERR_REFUSED, "", "a line begins with number 1");
	if (is_enrolment && strcmp(r->statement->transport_key, look->peer->transport_key) != 0)
		return err_set(err, ERR_REFUSED, "", "the transport key is not the key of the certificate");
	if (is_enrolment && !strcmp(r->statement->evidence_key, r->statement->transport_key))
		return err_set(err, ERR_REFUSED, "", "evidence key and transport key are one key");
	if (!strcmp(look->line->purpose, "attestation") &&
	    text_is_one_of(r->statement->type, hosts_alone, ARRAY_LEN(hosts_alone)))
		return err_set(err, ERR_REFUSED, "", "this line attests: it has no \"%s\"", r->statement->type);
	return true;
}

/* Who may say which reason, and when. */
static bool reason_fits(const struct verify_at *look, const struct received *r, struct err *err) {
	const struct statement *statement = r->statement;
	const char *fitting = "reset";
	if (r->is_by_epoch)
		fitting = "rotation";
	else if (statement->sequence == 2)
		fitting = "enrolment";
	else if (strcmp(statement->boot_id, statement->last_boot_id) != 0)
		fitting = "boot";
	return !strcmp(statement->reason, fitting) ||
	       err_set(err, ERR_REFUSED, "", "its reason is \"%s\" where it would be \"%s\"", statement->reason,
		       fitting);
}

static bool is_known_key(const struct verify_at *look, const char *epoch_key) {
	CLEANUP(free_ptr) char *enrolled = base64_encode(look->line->evidence.data, look->line->evidence.len);
	CLEANUP(free_ptr) char *epoch = base64_encode(look->line->epoch.data, look->line->epoch.len);
	return !strcmp(epoch_key, enrolled) || !strcmp(epoch_key, epoch) ||
	       !strcmp(epoch_key, look->peer->transport_key);
}

static bool step_epoch(const struct verify_at *look, struct received *r, struct err *err) {
	if (strcmp(r->statement->type, "epoch") != 0)
		return look->line->epoch.len == 0 || r->is_by_epoch ||
		       err_set(err, ERR_REFUSED, "", "behind an epoch the enrolled key signs nothing but the next");
	if (is_known_key(look, r->statement->epoch_key))
		return err_set(err, ERR_REFUSED, "", "its key is not a new one");
	return reason_fits(look, r, err) && read_key(r->statement->epoch_key, "epochKey", &r->epoch, err);
}

/* A gap is taken: what comes behind it is signed, and the gap is found when it is kept. */
static bool step_sequence(const struct verify_at *look, struct received *r, struct err *err) {
	long long came = (long long)r->statement->sequence, last = (long long)look->line->sequence;
	r->is_gap = came - 1 > last;
	return came > last ||
	       err_set(err, ERR_REFUSED, "", "a fork in the chain: another statement is number %lld", came);
}

static bool step_previous(const struct verify_at *look, struct received *r, struct err *err) {
	bool is_last = !strcmp(r->statement->previous, look->line->last);
	if (r->is_gap && is_last)
		return err_set(err, ERR_REFUSED, "", "it names number %lld, which is not the one before it",
			       (long long)look->line->sequence);
	return r->is_gap || is_last ||
	       err_set(err, ERR_REFUSED, "", "a fork in the chain: not the digest of the statement before");
}

/* --- results ------------------------------------------------------------------------------------------------------ */

static bool words_hold(const json_t *result, const char *rule, struct err *err) {
	static const char *const verdicts[] = {"pass", "fail", "unknown", "error", "notapplicable", "notchecked"};
	static const char *const kinds[] = {"effect", "design", "inventory"};
	static const char *const severities[] = {"critical", "high", "medium", "low"};
	const char *verdict, *kind, *severity, *text;
	if (!json_get_string(result, "verdict", rule, &verdict, err) ||
	    !json_get_string(result, "kind", rule, &kind, err) ||
	    !json_get_string(result, "severity", rule, &severity, err) ||
	    !json_get_string(result, "title", rule, &text, err) || !json_get_string(result, "reason", rule, &text, err))
		return false;
	if (!text_is_one_of(verdict, verdicts, ARRAY_LEN(verdicts)))
		return err_set(err, ERR_MALFORMED, rule, "there is no verdict \"%s\"", verdict);
	if (!text_is_one_of(kind, kinds, ARRAY_LEN(kinds)))
		return err_set(err, ERR_MALFORMED, rule, "there is no kind \"%s\"", kind);
	if (!text_is_one_of(severity, severities, ARRAY_LEN(severities)))
		return err_set(err, ERR_MALFORMED, rule, "there is no severity \"%s\"", severity);
	return json_is_boolean(json_object_get(result, "key")) ||
	       err_set(err, ERR_MALFORMED, rule, "\"key\" is not a boolean");
}

static bool controls_hold(const json_t *result, const char *rule, struct err *err) {
	json_t *controls, *control;
	size_t index;
	if (!json_get_array(result, "controls", rule, &controls, err))
		return false;
	json_array_foreach(controls, index, control) {
		const char *text = json_string_value(control);
		if (!text || !text[0] || strlen(text) > CONTROL_LONGEST || strchr(text, ','))
			return err_set(err, ERR_MALFORMED, rule, "a member of \"controls\" is not a control");
	}
	return true;
}

static bool has_time(const json_t *object, const char *name, const char *where, int64_t *ret_instant, struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	return times_parse(text, ret_instant) || err_set(err, ERR_MALFORMED, where, "\"%s\" is not a time", name);
}

/* An exception is shown, and counted, by what it says. */
static bool waiver_holds(const json_t *result, const char *rule, int64_t collected, struct err *err) {
	static const char *const members[] = {"id", "approver", "reason"};
	const json_t *waiver = json_object_get(result, "waiver");
	const char *text;
	int64_t until;
	if (!waiver)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (!json_get_string(waiver, members[i], rule, &text, err))
			return false;
		if (!*text || strlen(text) > WAIVER_TEXT_LONGEST)
			return err_set(err, ERR_MALFORMED, rule, "\"%s\" of its waiver is empty or too long",
				       members[i]);
	}
	if (!has_time(waiver, "expiresAt", rule, &until, err))
		return false;
	if (strcmp(json_string_value(json_object_get(result, "verdict")), "fail") != 0)
		return err_set(err, ERR_MALFORMED, rule, "it has a waiver and does not fail");
	return until - collected <= WAIVER_LONGEST ||
	       err_set(err, ERR_MALFORMED, rule, "its waiver would last for more than 366 days");
}

static bool times_hold(const json_t *result, const char *rule, int64_t *ret_collected, struct err *err) {
	int64_t collected = 0, expires = 0;
	if (!has_time(result, "collectedAt", rule, &collected, err) ||
	    !has_time(result, "expiresAt", rule, &expires, err))
		return false;
	if (expires < collected)
		return err_set(err, ERR_MALFORMED, rule, "it expires before it was collected");
	if (expires - collected > POLICY_VALID_LONGEST)
		return err_set(err, ERR_MALFORMED, rule, "it would stand for more than 366 days");
	*ret_collected = collected;
	return true;
}

static bool result_holds(const json_t *result, const char *before, const char **ret_rule, struct err *err) {
	const char *rule;
	json_t *array;
	int64_t collected;
	if (!json_get_string(result, "rule", "result", &rule, err))
		return false;
	if (!rule[0] || strlen(rule) > RULE_LONGEST)
		return err_set(err, ERR_MALFORMED, "result", "\"rule\" is empty or too long");
	if (strcmp(rule, before) <= 0)
		return err_set(err, ERR_MALFORMED, rule, "results are not sorted by rule, or one comes twice");
	if (json_object_get(result, "erased"))
		return err_set(err, ERR_MALFORMED, rule, "a host does not erase its results");
	if (!words_hold(result, rule, err) || !controls_hold(result, rule, err) ||
	    !times_hold(result, rule, &collected, err) || !waiver_holds(result, rule, collected, err) ||
	    !json_get_array(result, "observed", rule, &array, err) ||
	    !json_get_array(result, "sources", rule, &array, err))
		return false;
	*ret_rule = rule;
	return true;
}

static bool step_results(const struct verify_at *look, struct received *r, struct err *err) {
	json_t *results, *result;
	size_t index;
	const char *rule = "";
	if (strcmp(r->statement->type, "round") != 0)
		return true;
	if (!json_read(buf_str(&r->body), r->body.len, STATEMENT_BODY_LARGEST, "body", &r->document, err) ||
	    !json_get_array(r->document, "results", "body", &results, err))
		return false;
	if (json_array_size(results) > RESULTS_MOST)
		return err_set(err, ERR_TOO_BIG, "body", "more than %d results", RESULTS_MOST);
	json_array_foreach(results, index, result) if (!result_holds(result, rule, &rule, err)) return false;
	/* What cannot be written canonically cannot be kept, nor erased: that has to be known before it is logged. */
	CLEANUP(buf_done) struct buf canonical = {0};
	return json_canonical(r->document, &canonical, err);
}

static bool counts_hold(const struct received *r, const json_t *results, struct err *err) {
	const json_int_t size = json_integer_value(json_object_get(r->statement->state, "size"));
	const json_t *count = json_object_get(r->statement->looked, "count");
	if ((json_int_t)json_array_size(results) > size)
		return err_set(err, ERR_REFUSED, "", "there are more results than the state has");
	if (r->statement->full && (json_int_t)json_array_size(results) < size)
		return err_set(err, ERR_REFUSED, "", "it is said to be full and does not carry all results");
	return !count || json_integer_value(count) == size ||
	       err_set(err, ERR_REFUSED, "", "\"looked\" counts other rules than the state has");
}

/* The current results behind the round, from those before it. Behind a gap they are not known until all come. */
static bool step_state(const struct verify_at *look, struct received *r, struct err *err) {
	const json_t *results = json_object_get(r->document, "results");
	if (!r->document)
		return true;
	if (!r->statement->state)
		return err_set(err, ERR_REFUSED, "", "a round commits to the state of all results");
	if (!counts_hold(r, results, err))
		return false;
	const bool is_full = rounds_is_full(r->statement, results);
	const bool is_known = is_full || (look->known != STORE_INCOMPLETE && !r->is_gap);
	CLEANUP(state_free_p) struct state *state = is_known && !is_full ? state_copy(look->state) : state_new();
	if (!state_take(state, results, is_full || !is_known, err) ||
	    (is_known && !state_is(state, r->statement->state, err)))
		return false;
	r->state = is_known ? state : NULL;
	state = is_known ? NULL : state;
	return true;
}

/* Behind the state, which is a round's alone: from here on a document may be an attestation's too. */
static bool step_attestation(const struct verify_at *look, struct received *r, struct err *err) {
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	if (strcmp(r->statement->type, "attestation") != 0)
		return true;
	return attestation_read(buf_str(&r->body), r->body.len, "body", &attestation, err) &&
	       json_read(buf_str(&r->body), r->body.len, STATEMENT_BODY_LARGEST, "body", &r->document, err);
}

/* Of whose key it is, and whether that is an approver's, is judged when it is shown: keys come and go. */
static bool step_approval(const struct verify_at *look, struct received *r, struct err *err) {
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	if (strcmp(r->statement->type, "approval") != 0)
		return true;
	return approval_read(buf_str(&r->body), r->body.len, "body", &approval, err) &&
	       json_read(buf_str(&r->body), r->body.len, APPROVAL_LINE_LONGEST, "body", &r->document, err);
}

static bool step_entry(const struct verify_at *look, struct received *r, struct err *err) {
	return entry_write_signed(r->envelope, r->signature, r->key, &r->entry, err);
}

static const struct {
	const char *name;
	bool (*holds)(const struct verify_at *look, struct received *received, struct err *err);
} steps[] = {
	{"evidence key", step_key},        {"signature", step_signature}, {"payload type", step_payload_type},
	{"statement", step_statement},     {"body", step_body},           {"host", step_host},
	{"enrolment", step_enrolment},     {"epoch", step_epoch},         {"sequence", step_sequence},
	{"previous", step_previous},       {"results", step_results},     {"state", step_state},
	{"attestation", step_attestation}, {"approval", step_approval},   {"entry", step_entry},
};

bool verify(const struct verify_at *at, struct received *received, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		received->step = steps[i].name;
		if (!steps[i].holds(at, received, err))
			return false;
	}
	return true;
}

bool verify_is_fork(const struct received *received) {
	return !strcmp(received->step, "sequence") || !strcmp(received->step, "previous");
}

char *verify_reason(const struct received *received, const struct err *err) {
	char text[sizeof err->where + sizeof err->why + 64];
	return xasprintf("%s: %s", received->step, err_text(err, text, sizeof text));
}
