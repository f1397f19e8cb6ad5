/* What the collector keeps: hosts and their lines, certificates, tokens, readers, statements with their bodies, the
 * latest result of every rule on every host and its history. SQLite in WAL mode stands behind it; nobody else knows.
 *
 * Everything that is written between store_begin() and store_commit() is durable together, or not at all. Instants are
 * seconds. Digests are lower-case hexadecimal, tokens are kept as their SHA-256. Strings in a struct that a visitor is
 * handed are borrowed until it returns. */
#pragma once

#include "core/hash.h"
#include "core/json.h"

#define STORE_HOST_ID 37 /* a UUID and NUL */

struct store;

MUST_CHECK bool store_open(const char *path, struct store **ret_store, struct err *err);
/* Whether the pages of the file agree with each other; reads all of them. */
MUST_CHECK bool store_check(struct store *store, struct err *err);
void store_free(struct store *store);
DEFINE_CLEANUP(struct store, store_free)
MUST_CHECK bool store_begin(struct store *store, struct err *err);
MUST_CHECK bool store_commit(struct store *store, struct err *err);
/* After a failure; harmless when nothing was begun. */
void store_rollback(struct store *store);

/* --- who may come in (store_access.c) --- */

MUST_CHECK bool store_token_add(struct store *store, const struct hash *token, int64_t expires, int64_t uses,
				struct err *err);
/* Takes one use of it, if it is known, not expired and has one left. */
MUST_CHECK bool store_token_use(struct store *store, const struct hash *token, int64_t now, bool *ret_is_good,
				struct err *err);

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
/* The host that a certificate was issued to, "" when it is not one of ours. */
MUST_CHECK bool store_certificate_host(struct store *store, const char *fingerprint, char ret_host[STORE_HOST_ID],
				       struct err *err);
/* Whether a transport, evidence or epoch key belongs to another host already. */
MUST_CHECK bool store_key_elsewhere(struct store *store, const char *key, const char *host, bool *ret_is_elsewhere,
				    struct err *err);

/* --- lines and statements (store_statements.c) --- */

/* A line: the chain of statements of one transport key, signed by the evidence key that its enrolment named. */
struct store_line {
	int64_t id; /* 0: there is none yet */
	char host[STORE_HOST_ID];
	char transport[HASH_HEX];
	struct buf evidence;    /* SubjectPublicKeyInfo of the enrolled key; owned, as the next */
	struct buf epoch;       /* that of the epoch's key; empty: no epoch yet */
	int64_t sequence;       /* of its last statement */
	char last[HASH_HEX];    /* digest of its last statement */
	int64_t started, ended; /* ended 0: it is the host's current one */
};
void store_line_done(struct store_line *line);
/* The line of a transport key; id 0 when it has none. The caller store_line_done()s. */
MUST_CHECK bool store_line_of(struct store *store, const char *transport, struct store_line *ret_line, struct err *err);
/* The line as it was before its statement of this number: `epoch` is the key that may have signed it. */
MUST_CHECK bool store_line_before(struct store *store, int64_t id, int64_t sequence, struct store_line *ret_line,
				  struct err *err);
/* Adds it, ends the host's other lines and forgets their results; sets line->id. */
MUST_CHECK bool store_line_add(struct store *store, struct store_line *line, struct err *err);
/* Keeps its sequence and last. */
MUST_CHECK bool store_line_move(struct store *store, const struct store_line *line, struct err *err);
MUST_CHECK bool store_line_broke(struct store *store, int64_t line, struct err *err);
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
/* body: kept once per digest. */
MUST_CHECK bool store_statement_add(struct store *store, const struct store_statement *statement, const void *body,
				    size_t body_len, struct err *err);
/* *ret_index is -1 when it is not known; ret_host may be NULL. */
MUST_CHECK bool store_statement_index(struct store *store, const char *digest, int64_t *ret_index,
				      char ret_host[STORE_HOST_ID], struct err *err);
typedef void (*store_visit_statement)(void *context, const struct store_statement *statement);
/* The one of this digest, visited at most once. */
MUST_CHECK bool store_statement_get(struct store *store, const char *digest, store_visit_statement visit, void *context,
				    struct err *err);
/* Newest first, below index `after` (0: from the newest), of one host or of all (NULL), without envelope. */
MUST_CHECK bool store_statements(struct store *store, const char *host, int64_t after, int64_t limit,
				 store_visit_statement visit, void *context, struct err *err);
/* ERR_ABSENT when it is not kept (any more). *ret_body is empty before. */
MUST_CHECK bool store_body(struct store *store, const char *sha256, struct buf *ret_body, struct err *err);

/* One more than the highest index that a statement or an orphan has. */
MUST_CHECK bool store_next_index(struct store *store, int64_t *ret_index, struct err *err);
/* Entries of the log without a statement: a crash came between log and store. The host sends the statement again, and
 * it takes the entry that is there. *ret_index -1: none with this leaf. */
MUST_CHECK bool store_orphan_add(struct store *store, const struct hash *leaf, int64_t index, struct err *err);
MUST_CHECK bool store_orphan_find(struct store *store, const struct hash *leaf, int64_t *ret_index, struct err *err);
MUST_CHECK bool store_orphan_remove(struct store *store, int64_t index, struct err *err);

/* --- hosts and results (store_results.c) --- */

struct store_host {
	const char *id, *name, *os, *environment;
	const char *policies; /* JSON array of the last round's; NULL: keep what is there */
	int64_t sequence, breaks;
	bool is_broken;    /* its current line had a gap or a fork: statements of it are refused */
	int64_t collected; /* end of its last round, by its clock; put: 0 keeps what is there */
	int64_t received;  /* of its last statement */
	int64_t enrolled, certificate_expires;
	bool is_name_shared; /* another host has the same */
};
MUST_CHECK bool store_host_put(struct store *store, const struct store_host *host, struct err *err);
MUST_CHECK bool store_hosts(struct store *store, void (*visit)(void *context, const struct store_host *host),
			    void *context, struct err *err);

struct store_result {
	const char *host, *rule, *verdict, *kind, *severity;
	const char *controls; /* joined by commas, the deciding one first */
	bool key;
	int64_t collected, expires, received;
	int64_t waived_until;  /* 0: no waiver */
	const char *statement; /* its digest */
	const char *json;      /* the whole result, as it came; NULL where it was not asked for */
};
/* Latest of (host, rule); the history gets a line when the verdict or the waiver moved, or there was a gap before. */
MUST_CHECK bool store_result_put(struct store *store, const struct store_result *result, struct err *err);
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
/* Sorted by host, then by rule. */
MUST_CHECK bool store_results(struct store *store, const struct store_filter *filter, store_visit_result visit,
			      void *context, struct err *err);
