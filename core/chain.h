/* Whether certificates that a server showed verify by CAs that a program is configured with, which need not be the
 * system's. */
#pragma once

#include "core/json.h"

#define CHAIN_CAS_MOST 1000

/* certificates: as a tls: source has them, with "der". cas: PEM. names: whom the first one has to be for, one of them
 * ("*.example.org" stands for one more label or several); addresses count as such. *ret_verdict is "ok", OpenSSL's
 * words why not, "hostname mismatch" or "no CA in the file"; static. False: certificates are malformed. */
MUST_CHECK bool chain_verify(const json_t *certificates, const void *cas, size_t len, const json_t *names, int64_t now,
			     const char *where, const char **ret_verdict, struct err *err);
/* Whether the first one has one of these fingerprints, "SHA1:0A:1B..." or "SHA256:...". */
MUST_CHECK bool chain_is_pinned(const json_t *certificates, const json_t *prints, const char *where,
				bool *ret_is_pinned, struct err *err);
