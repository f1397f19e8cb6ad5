/* Approvals: which active probes somebody has answered for. A probe reaches out to another machine, so no policy alone
 * starts one. The file is YAML that root owns and nobody else may write, a list of
 *
 *   - probe: "tls:mail.example:443"    a source's name, or a pattern of such names (fnmatch without flags)
 *     by: Jane Doe                     who answers for it
 *     until: 2027-01-31                the last day on which it holds, UTC
 *     why: we run this server          one sentence
 *
 * A pattern's kind and host (and the proxy of "?via=") are literal: "tls:*" is refused, "tls:mail.example:*" is not,
 * and nothing that "*" stands for leads to another host. A wrong file approves nothing. */
#pragma once

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define APPROVALS_LARGEST (256U << 10) /* bytes */
#define APPROVALS_MOST 1000

struct approval {
	char *probe, *by, *until, *why;
	int64_t ends; /* the first second after the last day */
};

struct approvals;
/* The bytes of such a file; what is wrong is ERR_SYNTAX at line and column, over a cap ERR_TOO_BIG. */
MUST_CHECK bool approvals_read(const char *data, size_t len, const char *where, struct approvals **ret_approvals,
			       struct err *err);
void approvals_free(struct approvals *approvals);
DEFINE_CLEANUP(struct approvals, approvals_free)
/* The approval of this source at this instant; borrowed. False: ERR_UNAPPROVED, where the source. file: for the reason.
 */
MUST_CHECK bool approvals_find(const struct approvals *approvals, const char *name, int64_t now, const char *file,
			       const struct approval **ret_approval, struct err *err);
/* The i-th as they stand in the file, borrowed; NULL behind the end. */
size_t approvals_count(const struct approvals *approvals);
const struct approval *approvals_at(const struct approvals *approvals, size_t index);
