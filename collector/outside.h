/* An outside CA for agents (agent_ca of collector.yaml): an organisation's own, or another's, that certifies hosts'
 * transport keys in place of the collector. What it certifies is let in on the same terms as what the collector's own
 * CA issues: the subject's one CN is the host's id, the key is Ed25519 or P-256 and no other host's, the certificate is
 * for clients and no CA's. It is recorded when it is first seen, so that `revoke` and findings know it.
 *
 * What this hands out: whoever can have that CA sign a host's id for a key can begin a new line for that host. */
#pragma once

#include <openssl/ssl.h>

#include "collector/ca.h"
#include "collector/store.h"

#define OUTSIDE_MOST 16 /* certificates in the file */

struct outside;
/* A PEM file of 1 to OUTSIDE_MOST certificates, all of them CAs' and none `own`: each is trusted by itself, roots and
 * intermediates alike. */
MUST_CHECK bool outside_load(const char *path, X509 *own, struct outside **ret_outside, struct err *err);
void outside_free(struct outside *outside);
DEFINE_CLEANUP(struct outside, outside_free)
/* Clients certified by it pass the handshake. */
MUST_CHECK bool outside_trust(const struct outside *outside, SSL_CTX *tls, struct err *err);
/* Whether the peer's certificate was verified up to one of these, and not up to the collector's own CA. outside may be
 * NULL: none was. */
bool outside_is_by(const struct outside *outside, SSL *tls);
/* The same of a certificate that came without a handshake: it is by one of these, for clients, and good at this
 * instant. */
bool outside_is_issuer(const struct outside *outside, X509 *certificate, int64_t now);
/* Records the certificate of such a peer as that of the host that its subject names, which ret_host becomes; "": it is
 * on record already, or names none. ERR_DENIED: it does not fit the terms. own: the id of the collector's own line. */
MUST_CHECK bool outside_admit(struct store *store, X509 *certificate, const char *own, int64_t now,
			      char ret_host[CA_HOST_ID + 1], struct err *err);
