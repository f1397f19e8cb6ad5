/* A witness of transparency logs, as C2SP tlog-witness says: it cosigns a checkpoint of a log when that continues the
 * one that it cosigned last, and remembers it before it answers. So there are never two of its cosignatures over trees
 * that contradict each other, whoever asks, and whatever the log's operator does.
 *
 * Its memory is a folder with one file for each log, DIR/<SHA-256 of the origin, hexadecimal>: the checkpoint that it
 * cosigned last, with the log's signature and its own. A file that is there and cannot be believed is never taken for
 * none. One process at a time, under a lock, and one request at a time: the check and the keeping are one step. */
#pragma once

#include "core/cosignature.h"

#define WITNESS_LOGS_MOST 256

struct witness;

struct witness_settings {
	const char *folder;      /* it must be there */
	const char *name;        /* in cosignatures */
	EVP_PKEY *key;           /* borrowed until witness_free(); used for nothing else */
	const char *const *logs; /* vkeys; an origin may have several keys */
	size_t log_count;
};

/* Reads what was cosigned, and refuses (ERR_REFUSED) what this witness did not write. */
MUST_CHECK bool witness_open(const struct witness_settings *settings, struct witness **ret_witness, struct err *err);
void witness_free(struct witness *witness);
DEFINE_CLEANUP(struct witness, witness_free)
/* The public key in note form; owned by the witness. */
const char *witness_vkey(const struct witness *witness);

struct witness_answer {
	int status;
	const char *type; /* media type; static */
	struct buf body;
	char event[256]; /* for the operator; "": nothing worth a line */
};
void witness_answer_done(struct witness_answer *answer);

/* POST add-checkpoint, at this time (seconds). */
void witness_add(struct witness *witness, const char *body, size_t len, int64_t now, struct witness_answer *ret_answer);
/* GET <origin_hash>/checkpoint. */
void witness_show(struct witness *witness, const char *origin_hash, struct witness_answer *ret_answer);
