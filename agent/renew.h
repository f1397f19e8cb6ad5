/* renew: another certificate for the transport key, before the one in use ends (RFC 7030 4.2.2).
 *
 * The one of the enrolment stays where it is, root's. A newer one is receipts/transport-cert.pem, where who ships may
 * write, replaced as a whole. It is used when it is for the key of this enrolment, by the CA of this enrolment, and
 * ends later: so one of an earlier enrolment never is.
 *
 * A certificate by an outside CA is not the collector's to renew: then renewing is to look whether the enrolment has
 * got a newer one (enrol_renew()), and a failure that says so while it has none. */
#pragma once

#include <signal.h>

#include "agent/home.h"

#define RENEW_LOOK_S 3600 /* the longest that who renews should wait before it asks renewal_due() again */

struct renewal;
/* Finds the certificate to use. key: the transport key; borrowed, as home and enrolment. */
MUST_CHECK bool renewal_open(const struct home *home, const struct enrolment *enrolment, EVP_PKEY *key,
			     struct renewal **ret_renewal, struct err *err);
void renewal_free(struct renewal *renewal);
DEFINE_CLEANUP(struct renewal, renewal_free)

/* The PEM file of the certificate in use; owned by the renewal, until the next renewal_try(). */
const char *renewal_certificate(const struct renewal *renewal);
/* When it ends. */
int64_t renewal_ends(const struct renewal *renewal);
/* When to renew: at two thirds of its life, and up to a twelfth of it later, by chance, so that hosts that were
 * enrolled together do not come together; after a failure, some time later. */
int64_t renewal_due(const struct renewal *renewal);
/* The same of a certificate that is due then, where a failure has put it off until retry. A retry that is further off
 * than any is was put by a clock that was wrong, and has been set back since: it counts for nothing, or nobody would
 * renew before the certificate has long ended. */
int64_t renewal_when(int64_t due, int64_t retry, int64_t now);
/* Asks the collector for one, or looks for an outside CA's. True: it is kept and in use. False: the one before is;
 * renewal_due() is later. ends: see struct http_peer. */
MUST_CHECK bool renewal_try(struct renewal *renewal, const sigset_t *ends, struct err *err);
