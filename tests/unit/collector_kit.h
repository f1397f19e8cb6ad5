/* For the collector's tests: a collector's folder, and hosts that make real statements. */
#pragma once

#include <ftw.h>
#include <unistd.h>

#include "collector/receive.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/file.h"
#include "core/times.h"

#define KIT_ORIGIN "kit.example/log"
#define KIT_HOST "11111111-2222-3333-4444-555555555555"
#define KIT_OTHER "99999999-2222-3333-4444-555555555555"
#define KIT_NOW 1795291200 /* 2026-11-21T20:00:00Z */

#define must(call) assert_true(kit_held((call), &err))

static inline bool kit_held(bool held, const struct err *err) {
	char text[600];
	if (!held)
		print_error("%s\n", err_text(err, text, sizeof text));
	return held;
}

struct kit {
	char folder[32];
	struct store *store;
	struct log *log;
	EVP_PKEY *log_key;
	struct receive_tally tally;
};

struct kit_host {
	const char *id;
	EVP_PKEY *evidence, *transport;
	EVP_PKEY *next;            /* an epoch's key, to be named; owned */
	const char *reason, *boot; /* of an epoch; NULL: "boot" */
	const char *purpose;       /* of its enrolment, or NULL */
	int64_t sequence;          /* of its last statement */
	char previous[HASH_HEX];
	int64_t clock;
	bool full; /* the next round says so */
	struct peer peer;
	/* Of the next statement alone; owned by the caller. */
	json_t *looked, *checkpoint;
	json_t *policies; /* of all that follow; NULL: none; owned by the caller */
};

static inline int kit_remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
	return remove(path);
}

static inline void kit_open(struct kit *kit) {
	struct err err = {0};
	CLEANUP(free_ptr) char *log = file_join(kit->folder, "log");
	CLEANUP(free_ptr) char *store = file_join(kit->folder, "store.db");
	must(log_open(log, KIT_ORIGIN, kit->log_key, &kit->log, &err));
	must(store_open(store, &kit->store, &err));
}

static inline void kit_shut(struct kit *kit) {
	log_free(kit->log);
	store_free(kit->store);
	kit->log = NULL;
	kit->store = NULL;
}

static inline void kit_make(struct kit *kit) {
	struct err err = {0};
	*kit = (struct kit){.folder = "/tmp/vouch-kit-XXXXXX"};
	assert_non_null(mkdtemp(kit->folder));
	CLEANUP(free_ptr) char *log = file_join(kit->folder, "log");
	must(key_make_ed25519(&kit->log_key, &err));
	must(log_create(log, KIT_ORIGIN, kit->log_key, &err));
	kit_open(kit);
}

static inline void kit_done(struct kit *kit) {
	kit_shut(kit);
	EVP_PKEY_free(kit->log_key);
	nftw(kit->folder, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *kit_spki(EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(key, &der);
	return base64_encode(der.data, der.len);
}

static inline void kit_host_make(struct kit_host *host, const char *id) {
	struct err err = {0};
	*host = (struct kit_host){.id = id, .clock = KIT_NOW - 10};
	must(key_make_ed25519(&host->evidence, &err));
	must(key_make_p256(&host->transport, &err));
	struct hash keyid = key_id(host->transport);
	snprintf(host->peer.host, sizeof host->peer.host, "%s", id);
	hash_hex(&keyid, host->peer.transport);
	host->peer.transport_key = kit_spki(host->transport);
}

static inline void kit_host_done(struct kit_host *host) {
	peer_done(&host->peer);
	EVP_PKEY_free(host->evidence);
	EVP_PKEY_free(host->next);
	EVP_PKEY_free(host->transport);
}

/* The next statement of a host's line, as a wire line behind what `lines` has already. */
static inline void kit_add(struct kit_host *host, const char *type, const char *body_name, const struct buf *body,
			   json_t *state, struct buf *lines) {
	struct err err = {0};
	CLEANUP(free_ptr) char *evidence = kit_spki(host->evidence);
	struct statement statement = {
		.type = (char *)type,
		.host_id = (char *)host->id,
		.host_name = (char *)"web-1",
		.host_os = (char *)"debian 12",
		.environment = (char *)"test",
		.framework = (char *)"iso27001:2022",
		.sequence = host->sequence + 1,
		.previous = host->previous,
		.boot_id = (char *)(host->boot ? host->boot : "boot"),
		.trigger = (char *)"schedule",
		.started_at = host->clock,
		.finished_at = host->clock,
		.policies = host->policies ? json_incref(host->policies) : json_array(),
		.state = state,
		.full = host->full,
		.looked = host->looked,
		.checkpoint = host->checkpoint,
		.body_name = (char *)body_name,
		.body_sha256 = hash_of(buf_str(body), body->len),
	};
	if (!strcmp(type, "enrolment")) {
		statement.evidence_key = evidence;
		statement.transport_key = host->peer.transport_key;
		statement.purpose = (char *)host->purpose;
	}
	CLEANUP(free_ptr) char *next = host->next ? kit_spki(host->next) : NULL;
	if (!strcmp(type, "epoch")) {
		statement.epoch_key = next;
		statement.reason = (char *)host->reason;
		statement.last_boot_id = (char *)"boot";
	}
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	must(statement_write(&statement, &payload, &err));
	char keyid[HASH_HEX];
	const struct hash id = key_id(host->evidence);
	must(dsse_seal(DSSE_INTOTO, payload.data, payload.len, host->evidence, hash_hex(&id, keyid), &envelope, &err));
	statement_wire_write(envelope, buf_str(body), body->len, lines);
	struct hash digest = dsse_digest(envelope);
	hash_hex(&digest, host->previous);
	host->sequence++;
	host->looked = host->checkpoint = NULL;
	json_decref(statement.policies);
}

static inline void kit_add_enrolment(struct kit_host *host, struct buf *lines) {
	CLEANUP(buf_done) struct buf body = {0};
	buf_adds(&body, "{}");
	kit_add(host, "enrolment", "enrolment", &body, NULL, lines);
}

/* Names host->next. */
static inline __attribute__((unused)) void kit_add_epoch(struct kit_host *host, const char *reason, struct buf *lines) {
	CLEANUP(buf_done) struct buf body = {0};
	buf_adds(&body, "{}");
	host->reason = reason;
	kit_add(host, "epoch", "epoch", &body, NULL, lines);
}

static inline json_t *kit_result(const char *rule, const char *verdict, int64_t collected) {
	char from[TIMES_TEXT], until[TIMES_TEXT];
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:[s], s:[{s:s}], s:[], s:[], s:{}, s:{}, s:[{s:s, s:i, s:s}],"
		" s:s, s:s, s:s, s:s, s:s, s:s}",
		"rule", rule, "title", "The journal is kept", "verdict", verdict, "reason", "it is <b>so</b> & \"so\"",
		"kind", "effect", "severity", "high", "key", 1, "controls", "A.8.15", "observed", "path", "/var/log",
		"volatile", "personal", "expected", "params", "sources", "name", "file:/etc/x", "size", 3, "sha256",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "why", "w", "fix", "f", "policy",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "collectedAt",
		times_format(collected, from), "expiresAt", times_format(collected + 3600, until), "blind",
		"00112233445566778899aabbccddeeff");
}

/* A full round over these results; steals them. */
static inline void kit_add_round(struct kit_host *host, json_t *results, struct buf *lines) {
	struct err err = {0};
	json_t *state = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p)
	json_t *document = json_pack("{s:s, s:s, s:o}", "vouch", "0", "framework", "iso27001:2022", "results", results);
	assert_non_null(document);
	must(statement_state(results, &state, &err));
	must(json_canonical(document, &body, &err));
	host->full = true;
	kit_add(host, "round", "results", &body, state, lines);
	host->full = false;
	json_decref(state);
}

static inline void kit_add_pass(struct kit_host *host, struct buf *lines) {
	json_t *results = json_array();
	json_array_append_new(results, kit_result("log.journal.persistent", "pass", host->clock));
	kit_add_round(host, results, lines);
}

/* Sends; the answers as an array of objects. */
static inline json_t *kit_send(struct kit *kit, const struct kit_host *host, const struct buf *lines) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf answers = {0};
	json_t *all = json_array();
	must(receive(kit->store, kit->log, &host->peer, buf_str(lines), lines->len, KIT_NOW, &kit->tally, &answers,
		     &err));
	for (char *at = answers.data, *newline; at && (newline = strchr(at, '\n')); at = newline + 1) {
		json_t *answer = NULL;
		must(json_read(at, (size_t)(newline - at), 1 << 20, "answer", &answer, &err));
		json_array_append_new(all, answer);
	}
	return all;
}

static inline const char *kit_answer(const json_t *answers, size_t index, const char *member) {
	const char *text = json_string_value(json_object_get(json_array_get(answers, index), member));
	return text ? text : "";
}

/* The receipt proves the entry of the wire line under the log's key; its index. */
static inline uint64_t kit_check_receipt(const struct kit *kit, const struct kit_host *host, const char *line,
					 const char *receipt) {
	struct err err = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(buf_done) struct buf entry = {0};
	struct proof proof;
	must(statement_wire_read(line, strcspn(line, "\n"), "line", &envelope, &body, &err));
	must(entry_write(envelope, host->evidence, &entry, &err));
	must(proof_read(receipt, strlen(receipt), &proof, &err));
	must(proof_verify(&proof, entry.data, entry.len, log_verifier(kit->log), NULL, &err));
	uint64_t index = proof.index;
	proof_done(&proof);
	return index;
}
