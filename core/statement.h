/* The statement: an in-toto Statement v1 with vouch's predicate (docs/FORMAT.md 1). */
#pragma once

#include "core/dsse.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define STATEMENT_PREDICATE "https://vouch.example/statement/v1"
#define STATEMENT_BODY_LARGEST (8U << 20)

struct statement {
	char *type; /* "round", "policy", "approval", "enrolment", "epoch", "spool-full", "attestation"; of the
		     * collector's own line also "erasure", "revocation" */
	char *host_id, *host_name, *host_os;
	char *environment, *framework;
	int64_t sequence;
	char *previous; /* hexadecimal digest or "" */
	char *boot_id, *trigger;
	int64_t started_at, finished_at;
	json_t *policies;                        /* [{"id","version","sha256"}]; owned */
	json_t *checkpoint, *looked, *state;     /* objects, or NULL where absent; owned */
	bool full;                               /* of a round: its body carries the results of all rules */
	char *evidence_key, *transport_key;      /* base64 SPKI or NULL */
	char *purpose;                           /* of an enrolment: "attestation", "collector", or NULL: a host's */
	char *epoch_key, *reason, *last_boot_id; /* all three in an epoch, elsewhere NULL; epoch_key: base64 SPKI */
	char *body_name;
	struct hash body_sha256;
};

/* Canonical payload bytes; appended. Refuses what statement_read() would refuse: a member left NULL that is required,
 * an enrolment without both keys (a collector's has no transport key), an epoch without its three, a bitmap of another
 * length, what only a round or an enrolment may say in another. */
MUST_CHECK bool statement_write(const struct statement *statement, struct buf *payload, struct err *err);
/* The statement of a payload whose signature was verified. Everything required is there and typed, or ERR_MALFORMED. */
MUST_CHECK bool statement_read(const void *payload, size_t len, const char *where, struct statement **ret_statement,
			       struct err *err);
/* Whether the type is one of docs/FORMAT.md. */
bool statement_has_type(const struct statement *statement);
/* Whether it is one that only the collector's own line has: erasure, revocation, an enrolment with that purpose. */
bool statement_is_collectors(const struct statement *statement);
void statement_free(struct statement *statement);
DEFINE_CLEANUP(struct statement, statement_free)

/* One line of the spool (docs/FORMAT.md 6), with newline; appended. */
void statement_wire_write(const struct dsse *envelope, const void *body, size_t body_len, struct buf *line);
/* The same for the wire, where it is compressed: what is the canonical JSON of an object is not in base64. */
void statement_wire_write_short(const struct dsse *envelope, const void *body, size_t body_len, struct buf *line);
/* The reading of both, under the caps, with or without the newline. *ret_body must be empty. Nothing is verified, not
 * even that the body is the statement's. */
MUST_CHECK bool statement_wire_read(const char *line, size_t len, const char *where, struct dsse **ret_envelope,
				    struct buf *ret_body, struct err *err);

/* The bitmap of `looked` (docs/FORMAT.md 1). New reference. */
json_t *statement_looked(const bool *looked, size_t count);
/* The state tree's root over the "results" of a parsed results body that carries all of them, each with its "blind",
 * sorted by rule: {"size","root"}. */
MUST_CHECK bool statement_state(const json_t *results, json_t **ret_state, struct err *err);
