/* What the collector keeps, in two files of SQLite, both in WAL mode; nobody else knows.
 *
 * Evidence is what cannot be had again: statements as they came with their bodies, notes of what was refused, tokens,
 * readers, certificates. What is committed there is durable. The index is what is derived from it (collector/index.h):
 * lines, epochs, hosts, current results, history, findings. It may be lost, or lag behind after a crash: it is derived
 * again. It lies beside the evidence as "index.db".
 *
 * What is written between store_begin() and store_commit() is there together, or not at all: one of the two files a
 * transaction. Instants are seconds. Digests are lower-case hexadecimal, tokens are kept as their SHA-256. Strings in a
 * struct that a visitor is handed are borrowed until it returns. */
#pragma once

#include "core/hash.h"
#include "core/json.h"
#include "core/state.h"

#define STORE_HOST_ID 37 /* a UUID and NUL */
#define STORE_PURPOSE 16

struct store;

/* path: of the evidence. What is missing is made; the one file of an earlier version is taken apart; an index of
 * another version, or one that is no database, begins anew. The index may be behind: index_catch_up(). */
MUST_CHECK bool store_open(const char *path, struct store **ret_store, struct err *err);
/* With another index than the one beside the evidence; "": one that is empty, and gone when the store is freed. */
MUST_CHECK bool store_open_with(const char *path, const char *index, struct store **ret_store, struct err *err);
/* Of the index: another one is thrown away and derived anew. */
#define STORE_INDEX_VERSION 7
/* Tokens, readers and certificates alone, beside whoever has the index open. */
MUST_CHECK bool store_open_access(const char *path, struct store **ret_store, struct err *err);
/* Whether the pages of the evidence agree with each other; reads all of them. An index that does not begins anew. */
MUST_CHECK bool store_check(struct store *store, struct err *err);
/* The index begins anew, empty. */
MUST_CHECK bool store_index_drop(struct store *store, struct err *err);
void store_free(struct store *store);
DEFINE_CLEANUP(struct store, store_free)
MUST_CHECK bool store_begin(struct store *store, struct err *err);
/* For an index that nobody else has open: nobody waits for us, and we wait for nobody. */
MUST_CHECK bool store_begin_alone(struct store *store, struct err *err);
MUST_CHECK bool store_commit(struct store *store, struct err *err);
/* After a failure; harmless when nothing was begun. */
void store_rollback(struct store *store);

/* --- who may come in (store_access.c, store_tokens.c) --- */

/* An enrolment token, and what it is good for. */
struct store_token {
	struct hash hash;
	int64_t expires, uses;
	const char *group;    /* that its hosts join; "": none */
	const char *networks; /* from which it may be used, separated by blanks (core/addresses.h); "": any */
};
MUST_CHECK bool store_token_add(struct store *store, const struct store_token *token, struct err *err);
/* The one of this hash, when it is not expired and has a use left: visited once, or not at all. */
MUST_CHECK bool store_token_find(struct store *store, const struct hash *hash, int64_t now,
				 void (*visit)(void *context, const struct store_token *token), void *context,
				 struct err *err);
/* Those that still are good for something, the first to expire first. */
MUST_CHECK bool store_tokens(struct store *store, int64_t now,
			     void (*visit)(void *context, const struct store_token *token), void *context,
			     struct err *err);
/* Takes one use of it, if it is known, not expired and has one left. */
MUST_CHECK bool store_token_use(struct store *store, const struct hash *token, int64_t now, bool *ret_is_good,
				struct err *err);
/* ERR_ABSENT: there is none. */
MUST_CHECK bool store_token_remove(struct store *store, const struct hash *token, struct err *err);
/* The group that a host is in from `now` on, by the token that it enrolled with; "": none. What it was in before
 * stays on record. */
MUST_CHECK bool store_group_put(struct store *store, const char *host, const char *group, int64_t now, struct err *err);

struct store_reader {
	const char *name;
	struct hash token;
	int64_t created;
};
/* False, ERR_REFUSED when the name is taken. */
MUST_CHECK bool store_reader_add(struct store *store, const char *name, const struct hash *token, int64_t now,
				 struct err *err);
/* False, ERR_ABSENT when there is none. */
MUST_CHECK bool store_reader_remove(struct store *store, const char *name, struct err *err);
MUST_CHECK bool store_readers(struct store *store, void (*visit)(void *context, const struct store_reader *reader),
			      void *context, struct err *err);

/* key: the digest of the SubjectPublicKeyInfo. */
struct store_certificate {
	const char *fingerprint, *host, *key;
	int64_t issued, expires;
};
MUST_CHECK bool store_certificate_add(struct store *store, const struct store_certificate *certificate,
				      struct err *err);
/* How many certificates of a key have not ended. */
MUST_CHECK bool store_certificates_good(struct store *store, const char *key, int64_t now, int64_t *ret_count,
					struct err *err);
/* The host that a certificate was issued to, "" when it is not one of ours. */
MUST_CHECK bool store_certificate_host(struct store *store, const char *fingerprint, char ret_host[STORE_HOST_ID],
				       struct err *err);
/* Whether the host was revoked after the last certificate of this key was issued to it. */
MUST_CHECK bool store_certificate_revoked(struct store *store, const char *host, const char *key, bool *ret_is_revoked,
					  struct err *err);
/* Whether a transport, evidence or epoch key belongs to another host already, or to a line that was revoked. */
MUST_CHECK bool store_key_elsewhere(struct store *store, const char *key, const char *host, bool *ret_is_elsewhere,
				    struct err *err);

/* --- evidence (store_evidence.c) --- */

/* What came, in the order in which it came: statements and notes share one row of numbers. */
struct store_evidence {
	int64_t event; /* its place in that order; set when it is added */
	int64_t index; /* in the log */
	int64_t received;
	const char *digest, *body_sha256;
	const char *envelope;
	size_t envelope_len;
};
/* body: kept once per digest; whole again where something of it had been erased, for this statement has no record of
 * that. */
MUST_CHECK bool store_evidence_add(struct store *store, struct store_evidence *evidence, const void *body,
				   size_t body_len, struct err *err);
/* What was found about a host and cannot be derived from statements, because they were refused. */
struct store_note {
	int64_t event, at;
	const char *host, *kind, *text;
	const char *statement; /* its digest, or "" */
};
#define STORE_NOTES_MOST 256 /* of a host; more are counted */
/* same: what makes it one that is there already; then, and over the cap, event stays 0. */
MUST_CHECK bool store_note_add(struct store *store, struct store_note *note, const char *same, struct err *err);
/* A statement that was refused, kept while there are few of the host. */
#define STORE_REFUSED_MOST 64
#define STORE_REFUSED_LARGEST (2U << 20) /* bytes of all of a host's */
MUST_CHECK bool store_refused_add(struct store *store, const char *host, const char *digest, int64_t at,
				  const struct buf *envelope, struct err *err);
/* ERR_ABSENT: none with this digest is kept. Appended. */
MUST_CHECK bool store_refused(struct store *store, const char *digest, struct buf *ret_envelope, struct err *err);

struct store_event { /* one of them */
	const struct store_evidence *evidence;
	const struct store_note *note;
};
/* Those behind `after`, oldest first. */
MUST_CHECK bool store_events(struct store *store, int64_t after, int64_t limit,
			     void (*visit)(void *context, const struct store_event *event), void *context,
			     struct err *err);
/* The event of this number, or the last one (-1): its number and the digest of its statement, "" for a note. 0: there
 * is none. */
MUST_CHECK bool store_event_find(struct store *store, int64_t number, int64_t *ret_number, char ret_digest[HASH_HEX],
				 struct err *err);
/* *ret_index is -1 when it is not known. */
MUST_CHECK bool store_statement_index(struct store *store, const char *digest, int64_t *ret_index,
				      char ret_host[STORE_HOST_ID], struct err *err);
/* ERR_ABSENT when it is not kept (any more). *ret_body is empty before. */
MUST_CHECK bool store_body(struct store *store, const char *sha256, struct buf *ret_body, struct err *err);

/* Replaces it, or with NULL takes it away (docs/FORMAT.md 2.2). */
MUST_CHECK bool store_body_set(struct store *store, const char *sha256, const void *body, size_t len, struct err *err);
/* What was taken away is in no file any more, write-ahead log included. */
MUST_CHECK bool store_shrink(struct store *store, struct err *err);

/* One more than the highest index that a statement or an orphan has. */
MUST_CHECK bool store_next_index(struct store *store, int64_t *ret_index, struct err *err);
/* Entries of the log without a statement: a crash came between log and store. The host sends the statement again, and
 * it takes the entry that is there. *ret_index -1: none with this leaf. */
MUST_CHECK bool store_orphan_add(struct store *store, const struct hash *leaf, int64_t index, struct err *err);
MUST_CHECK bool store_orphan_find(struct store *store, const struct hash *leaf, int64_t *ret_index, struct err *err);
MUST_CHECK bool store_orphan_remove(struct store *store, int64_t index, struct err *err);

/* --- lines and statements, of the index (store_statements.c) --- */

/* The event up to which the index is derived, and the digest of its statement ("": of a note). 0: nothing is. */
MUST_CHECK bool store_position(struct store *store, int64_t *ret_event, char ret_digest[HASH_HEX], struct err *err);
MUST_CHECK bool store_position_set(struct store *store, int64_t event, const char *digest, struct err *err);

/* A line: the chain of statements of one transport key, signed by the evidence key that its enrolment named. */
struct store_line {
	int64_t id; /* 0: there is none yet */
	char host[STORE_HOST_ID];
	char transport[HASH_HEX];
	struct buf evidence;         /* SubjectPublicKeyInfo of the enrolled key; owned, as the next */
	struct buf epoch;            /* that of the epoch's key; empty: no epoch yet */
	int64_t sequence;            /* of its last statement */
	char last[HASH_HEX];         /* digest of its last statement */
	int64_t started, ended;      /* ended 0: it is the host's current one */
	int64_t revoked;             /* what came from then on is not to be believed; 0: it was not revoked */
	char purpose[STORE_PURPOSE]; /* docs/FORMAT.md 1; "": a host's */
	bool is_ahead;               /* by its last statement its clock is ahead of ours */
};
void store_line_done(struct store_line *line);
/* The line of a transport key; id 0 when it has none. The caller store_line_done()s. */
MUST_CHECK bool store_line_of(struct store *store, const char *transport, struct store_line *ret_line, struct err *err);
/* A host's current line. */
MUST_CHECK bool store_line_of_host(struct store *store, const char *host, struct store_line *ret_line, struct err *err);
/* Its newest one, that may have ended. */
MUST_CHECK bool store_line_last(struct store *store, const char *host, struct store_line *ret_line, struct err *err);
/* The line as it was before its statement of this number: `epoch` is the key that may have signed it. */
MUST_CHECK bool store_line_before(struct store *store, int64_t id, int64_t sequence, struct store_line *ret_line,
				  struct err *err);
/* Adds it, ends the host's other lines and forgets their results; sets line->id. */
MUST_CHECK bool store_line_add(struct store *store, struct store_line *line, struct err *err);
/* Keeps its sequence, last and is_ahead. */
MUST_CHECK bool store_line_move(struct store *store, const struct store_line *line, struct err *err);
/* The one of this evidence key: what came from `from` on is not to be believed. It ends, where it has not ended yet. */
MUST_CHECK bool store_line_revoke(struct store *store, const char *keyid, int64_t from, int64_t at, struct err *err);
MUST_CHECK bool store_lines(struct store *store,
			    void (*visit)(void *context, const struct store_line *line, const char *host_name),
			    void *context, struct err *err);

/* An epoch of a line (docs/FORMAT.md 1.1): its key signs what comes behind statement number `sequence`. */
struct store_epoch {
	const char *host, *host_name; /* set for visitors */
	int64_t line, sequence, started;
	const void *key; /* SubjectPublicKeyInfo */
	size_t key_len;
	const char *reason;
};
MUST_CHECK bool store_epoch_add(struct store *store, const struct store_epoch *epoch, struct err *err);
/* Oldest first, of one host or of all (NULL). */
MUST_CHECK bool store_epochs(struct store *store, const char *host,
			     void (*visit)(void *context, const struct store_epoch *epoch), void *context,
			     struct err *err);
/* The number of the statement that named the line's epoch key of this id, and the key; 0: the line never had it. */
MUST_CHECK bool store_epoch_of_key(struct store *store, int64_t line, const char *keyid, int64_t *ret_number,
				   struct buf *ret_key, struct err *err);

struct store_statement {
	int64_t index; /* in the log */
	const char *digest, *host, *type;
	int64_t line, sequence;
	int64_t started, finished; /* by the host's clock */
	int64_t received;
	const char *body_sha256, *body_name;
	const char *envelope;
	size_t envelope_len;
};
/* What the index has of it: the evidence of this index has the rest. */
MUST_CHECK bool store_statement_add(struct store *store, const struct store_statement *statement, struct err *err);
typedef void (*store_visit_statement)(void *context, const struct store_statement *statement);
/* The one of this digest, visited at most once. */
MUST_CHECK bool store_statement_get(struct store *store, const char *digest, store_visit_statement visit, void *context,
				    struct err *err);
/* Newest first, below index `after` (0: from the newest), of one host or of all (NULL), without envelope. */
MUST_CHECK bool store_statements(struct store *store, const char *host, int64_t after, int64_t limit,
				 store_visit_statement visit, void *context, struct err *err);
struct store_range {
	const char *host;  /* NULL: of all */
	int64_t from, to;  /* received in [from, to) */
	const char *types; /* joined by commas; NULL: any */
	int64_t after;     /* only behind this index; -1: from the first */
};
/* Oldest first, by index, with envelope; visit returns false when it has enough. */
MUST_CHECK bool store_statements_in(struct store *store, const struct store_range *range,
				    bool (*visit)(void *context, const struct store_statement *statement),
				    void *context, struct err *err);

/* Whether a statement of the line has this number. */
MUST_CHECK bool store_number_is_used(struct store *store, int64_t line, int64_t sequence, bool *ret_is_used,
				     struct err *err);

/* --- the current results of a line, of the index (store_current.c) --- */

enum store_known {
	STORE_NO_ROUND,   /* it has not sent any results */
	STORE_KNOWN,      /* the state is what its last round commits to */
	STORE_INCOMPLETE, /* something is missing since the last full round */
};
struct store_standing {              /* a result's times; it stands for `valid` seconds from either */
	int64_t collected, received; /* of the last round that looked at it */
	int64_t valid;
};
struct store_current {
	int64_t line;
	enum store_known known;
	struct state *state;             /* of no results unless it is known; owned, as the next */
	struct store_standing *standing; /* of each result, by its place in the state */
};
void store_current_done(struct store_current *current);
/* Borrowed, until the next call, store_current_keep() or store_rollback(). */
MUST_CHECK bool store_current(struct store *store, int64_t line, const struct store_current **ret_current,
			      struct err *err);
/* Takes it over, and empties it. The results' rows are there already, with their leaves. */
MUST_CHECK bool store_current_keep(struct store *store, struct store_current *current, struct err *err);

/* --- hosts, results and findings, of the index (store_results.c) --- */

struct store_host {
	const char *id, *name, *os, *environment;
	const char *policies; /* JSON array of the last round's; NULL: keep what is there */
	int64_t sequence, breaks;
	int64_t findings;
	bool is_broken;     /* its current line had a gap or a fork */
	bool is_incomplete; /* the current results of its line are not known */
	int64_t collected;  /* end of its last round, by its clock; put: 0 keeps what is there */
	int64_t received;   /* of its last statement */
	int64_t enrolled, certificate_expires;
	bool is_name_shared; /* another host has the same */
	const char *group;   /* got: of the token that it enrolled with; "": none */
	const char
		*purpose; /* of its enrolment, "": a host's; put: NULL keeps what is there. Once a host, always one */
};
MUST_CHECK bool store_host_put(struct store *store, const struct store_host *host, struct err *err);
/* The population: hosts, not what was enrolled for another purpose. */
MUST_CHECK bool store_hosts(struct store *store, void (*visit)(void *context, const struct store_host *host),
			    void *context, struct err *err);
/* Those that only attest, likewise. */
MUST_CHECK bool store_attesters(struct store *store, void (*visit)(void *context, const struct store_host *host),
				void *context, struct err *err);

struct store_result {
	const char *host, *rule, *verdict, *kind, *severity;
	const char *controls; /* joined by commas, the deciding one first */
	bool key;
	int64_t collected, expires, received;
	int64_t waived_until;    /* 0: no waiver */
	const char *statement;   /* its digest */
	const char *json;        /* the whole result, as it came; NULL where it was not asked for */
	const char *changed;     /* got with it: what it was before (docs/FORMAT.md 2.4); "": not known */
	const struct hash *leaf; /* put: of the line's state; NULL where that is not known */
	bool is_revoked;         /* got: it came when its line was not to be believed any more */
};
/* Latest of (host, rule); the history gets a line when the verdict or the waiver moved, or there was a gap before.
 * stood_until: of the one before, where that was looked at again since it was put; else 0. */
MUST_CHECK bool store_result_put(struct store *store, const struct store_result *result, int64_t stood_until,
				 struct err *err);
/* One that was looked at again behind a gap, and is what it was: the history gets a line. */
MUST_CHECK bool store_result_again(struct store *store, const char *host, const char *rule,
				   const struct store_standing *standing, const char *statement, struct err *err);
/* Keeps in its row when it was last looked at. */
MUST_CHECK bool store_result_stood(struct store *store, const char *host, const char *rule,
				   const struct store_standing *standing, struct err *err);
/* Forgets those of a host that are not of this statement, a full round received then: they are not in its policy any
 * more. The history says so. statement "": all. */
MUST_CHECK bool store_results_withdraw(struct store *store, const char *host, const char *statement, int64_t received,
				       struct err *err);
struct store_filter { /* NULL or 0: any */
	const char *host, *rule, *control;
	const char *after_host, *after_rule; /* only what sorts behind; "" to begin */
	bool with_json;
};
typedef bool (*store_visit_result)(void *context, const struct store_result *result); /* false: enough */
/* Sorted by host, then by rule; collected, expires and received as of the last look, which may be later than the round
 * that carried the result. visit writes nothing. */
MUST_CHECK bool store_results(struct store *store, const struct store_filter *filter, store_visit_result visit,
			      void *context, struct err *err);

/* What is found about a host, never repaired in silence (docs/PROTOCOL.md). */
struct store_finding {
	int64_t id; /* put: 0 */
	const char *host, *kind;
	int64_t at;
	const char *text;
	const char *statement; /* digest, or "" */
};
MUST_CHECK bool store_finding_last(struct store *store, int64_t *ret_id, struct err *err);
/* How many of each kind a host has, with those that were only counted; sorted. */
MUST_CHECK bool store_finding_counts(struct store *store, const char *host,
				     void (*visit)(void *context, const char *host, const char *kind, int64_t count),
				     void *context, struct err *err);
MUST_CHECK bool store_finding_put(struct store *store, const struct store_finding *finding, struct err *err);
/* Oldest first, behind id `after`, of one host or of all (NULL). */
MUST_CHECK bool store_findings(struct store *store, const char *host, int64_t after, int64_t limit,
			       void (*visit)(void *context, const struct store_finding *finding), void *context,
			       struct err *err);
