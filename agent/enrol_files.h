/* enrol by files: a host joins with a certificate that somebody else's CA made for it, and nothing goes over the
 * network. The collector has to trust that CA (agent_ca of its configuration). Either a request is written here and the
 * certificate for it comes back, or key and certificate are there already. The statement that begins the line is the
 * same as with a token. */
#pragma once

#include <openssl/x509.h>

#include "agent/enrol.h"

#define ENROL_CERTIFICATES_MOST 16 /* in a file */

/* Makes the keys, which wait in HOME_REQUEST, and a PKCS#10 request in PEM for them; *ret_pem is empty before. Of the
 * options: collector, root, key; force: throw away a request that waits. ERR_REFUSED: one waits. */
MUST_CHECK bool enrol_request(const struct home *home, const struct enrol_options *options, struct buf *ret_pem,
			      struct err *err);

struct enrol_files {
	const char *certificate;   /* PEM file: the host's, then what leads to the CA */
	const char *ca;            /* PEM file: whom the host trusts, as CA of its certificate and of the collector's */
	const char *log_key;       /* vkey of the collector's log, or a file that holds it */
	const char *transport_key; /* PEM file of the key that the certificate is for; NULL: the request's */
};
/* From files to the enrolment in its place. ERR_REFUSED: the certificate is for another key, another host or another
 * purpose, does not lead to the CA, or is not good now. */
MUST_CHECK bool enrol_by_files(const struct home *home, const struct enrol_options *options,
			       const struct enrol_files *files, struct enrolment **ret_enrolment, struct err *err);

/* Puts the next certificate of an outside CA, for the same key, in the place of the one of the enrolment.
 * *ret_ends: when it ends. */
MUST_CHECK bool enrol_renew(const struct home *home, const char *certificate, int64_t *ret_ends, struct err *err);

/* The certificates of a PEM text, 1 to ENROL_CERTIFICATES_MOST and nothing that does not parse; what fuzzing calls. The
 * caller sk_X509_pop_free()s. */
MUST_CHECK bool enrol_certificates(const char *text, size_t len, const char *where, STACK_OF(X509) * *ret_certificates,
				   struct err *err);
