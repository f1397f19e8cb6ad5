/* The state folder of an enrolled agent: what lies where.
 *
 *   enrolment/              made whole by enrol(), read-only afterwards
 *     enrolment.json        {"collector","hostId","hostName","os","origin","vkey","enrolledAt",
 *                           "drawn"?: true, "outside"?: true, "purpose"?: "attestation"}
 *     evidence.pem          signs statements, or says where the key is (core/host_key.h); 0600; where a sealer
 *                           signs, vouchd need not be able to read it
 *     evidence.pub.pem      its public half, for who verifies receipts
 *     transport.pem         P-256, mutual TLS; 0600
 *     transport.pub.pem     its public half, for who seals the enrolment
 *     transport-cert.pem    its certificate by the collector's CA
 *     ca.pem                that CA, whose fingerprint was compared
 *   spool/                  agent/spool.h: incoming/ queue/ refused/
 *     chain.json            agent/chain.h
 *     blinds.json           agent/seal.h
 *     memory.json           agent/memory.h
 *     reserve               room on the disk for saying that there is none (agent/spool.h)
 *     current.json          agent/drift.h: what was last sealed of each rule
 *     status.json           agent/status.h: how the host stood at the last round
 *     history.jsonl         agent/history.h, and history.1.jsonl before it
 *     epochs/               <key id>.pem: public halves of the epochs' keys (docs/FORMAT.md 1.1)
 *     format                VOUCH_STATE_FORMAT of who wrote here last
 *     lock                  held by the one process that seals
 *   receipts/               <statement's digest>.tlog-proof
 *     checkpoint            the last checkpoint that was verified, verbatim
 *     transport-cert.pem    a newer certificate than the enrolment's (agent/renew.h)
 *     incomplete            agent/standing.h
 *     ship.lock             held by the one process that ships
 *   requested/enrolment/    keys for which a certificate was asked for by file, in an enrolment.json without log
 *   .tmp-enrolment/         an enrolment that is being made, or that was cut short: the next one begins with nothing
 *
 * Either all of it is one user's, 0700 (home_make()), or it is shared (packaging/tmpfiles.d/vouch.conf): the folder and
 * enrolment/ are root's, spool/ is the user's who seals, receipts/ the user's who ships, and both work in queue/ and
 * refused/, through their group. Then the private keys are readable for root alone and come as credentials. */
#pragma once

#include "core/file.h"
#include "core/key.h"

/* Of all that lies in the state folder. Raised when an older program would read it wrongly: it refuses a larger one. */
#define VOUCH_STATE_FORMAT 1
#define HOME_DRAFT ".tmp-enrolment" /* in the state folder: an enrolment that is being made */
#define HOME_REQUEST "requested"    /* one that waits for its certificate */

struct home {
	char *folder; /* the state folder */
	char *enrolment, *identity, *evidence_key, *evidence_public, *transport_key, *transport_public,
		*transport_certificate, *ca;
	char *chain, *blinds, *memory, *checkpoint, *incomplete, *receipts, *lock, *ship_lock, *reserve;
	char *current, *status, *history, *history_before;
	char *spool, *incoming, *queue, *refused, *epochs, *format;
};

/* The names below a folder. NULL: VOUCH_STATEDIR. Looks at nothing. */
struct home *home_new(const char *folder);
void home_free(struct home *home);
DEFINE_CLEANUP(struct home, home_free)
/* The private keys are files of these names in $CREDENTIALS_DIRECTORY, where the service manager set it. */
void home_use_credentials(struct home *home);
/* Makes the folders that are missing, 0700, and syncs those that they lie in. */
MUST_CHECK bool home_make(const struct home *home, struct err *err);
/* The same after all was moved to `old`: with owner and mode as there. */
MUST_CHECK bool home_make_like(const struct home *home, const struct home *old, struct err *err);
/* Whether somebody else seals here than this process' user: what this one made in spool/ would be in the way. */
bool home_is_shared(const struct home *home);
/* Throws away what crashes left in a folder: files whose names begin so. */
MUST_CHECK bool home_sweep(const char *folder, const char *prefix, struct err *err);
/* The right to seal and to enrol: ERR_REFUSED when another process has it, or when the state is of a newer version's
 * format. Closing the descriptor gives it back. */
MUST_CHECK bool home_lock(const struct home *home, int *ret_lock, struct err *err);
/* The right to ship, likewise. */
MUST_CHECK bool home_lock_shipping(const struct home *home, int *ret_lock, struct err *err);

/* The public half of the evidence key of this id: the enrolled one, or an epoch's. ERR_ABSENT: of neither. */
MUST_CHECK bool home_evidence_key(const struct home *home, const char *keyid, EVP_PKEY **ret_key, struct err *err);
/* Keeps the public half of an epoch's key. */
MUST_CHECK bool home_keep_epoch(const struct home *home, EVP_PKEY *key, struct err *err);
/* A public half as PEM from evidence_public or transport_public. */
MUST_CHECK bool home_public_key(const char *path, EVP_PKEY **ret_key, struct err *err);

/* What enrolment fixed. */
struct enrolment {
	char *collector; /* "https://collector.example:8443", without a slash at its end */
	char *host_id, *host_name, *os;
	bool is_outside;     /* the certificate is not by the collector's CA: who made it renews it */
	bool is_drawn;       /* host_id was drawn at enrolment: there was no machine id to derive it from, or purpose */
	char *purpose;       /* "attestation": it attests and looks at nothing (docs/FORMAT.md 1); NULL: a host */
	char *origin, *vkey; /* of the log */
	int64_t enrolled_at;
};
/* ERR_ABSENT with a hint when the host is not enrolled. */
MUST_CHECK bool enrolment_read(const struct home *home, struct enrolment **ret_enrolment, struct err *err);
/* The bytes of enrolment.json; appended. */
MUST_CHECK bool enrolment_write(const struct enrolment *enrolment, struct buf *bytes, struct err *err);
void enrolment_free(struct enrolment *enrolment);
DEFINE_CLEANUP(struct enrolment, enrolment_free)
