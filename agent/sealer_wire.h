/* What crosses the border between vouchd and the sealer: one request type, one reply, over a SOCK_SEQPACKET socket, so
 * that a message is whole or not there. A connection carries one request.
 *
 * A request is the payload of a statement, 1 to DSSE_PAYLOAD_LARGEST bytes; descriptors that come along are dropped.
 * The reply is struct sealer_reply as it lies in memory: both ends are on one host and of one build. */
#pragma once

#include "core/dsse.h"

#define VOUCH_RUNDIR "/run/vouch"
#define SEALER_SOCKET "sealer.sock" /* in the folder of the helpers' sockets */
#define SEALER_KEY_LARGEST 128
#define SEALER_WHY 320
#define SEALER_WAIT_S 10

enum sealer_outcome {
	SEALER_SIGNED = 1, /* the signature is on the sealer's disk */
	SEALER_REFUSED,    /* this payload is not signed, and was not before */
	SEALER_EPOCH,  /* this payload is not signed before an epoch statement that names `key` (docs/FORMAT.md 1.1) */
	SEALER_FAILED, /* it may have been signed: ask again with the same payload */
};

struct sealer_reply {
	uint32_t outcome;       /* enum sealer_outcome */
	uint32_t signature_len; /* signed: over the payload's PAE, under type DSSE_INTOTO */
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	uint32_t key_len; /* SubjectPublicKeyInfo (DER); signed: of the key that it is by; epoch: of the one to be named
			   */
	uint8_t key[SEALER_KEY_LARGEST];
	uint32_t is_rotation; /* epoch: the key before it signs the statement; else the enrolled one does */
	char why[SEALER_WHY]; /* otherwise: one sentence, NUL behind it */
};

/* The sealer's end: the request of a connection, in at most SEALER_WAIT_S. ERR_REFUSED: it is empty, too long, or
 * there is none. */
MUST_CHECK bool sealer_receive(int connection, struct buf *ret_payload, struct err *err);
/* Who has gone without the reply gets it when they ask again. */
void sealer_reply(int connection, const struct sealer_reply *reply);

/* vouchd's end: connects, asks, waits. True: *ret_reply has the shape above, its lengths are under their caps. False:
 * no reply, so the payload may have been signed. */
MUST_CHECK bool sealer_ask(const char *path, const void *payload, size_t len, struct sealer_reply *ret_reply,
			   struct err *err);
