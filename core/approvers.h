/* The keys of those who may approve, and whether an approval is by one of them. A folder has NAME.pem for each: a
 * SubjectPublicKeyInfo, Ed25519 or P-256. A key that was taken out is kept as ended/NAME@INSTANT.pem (the instant as
 * 20261122T080000Z): what came before that still holds. */
#pragma once

#include "core/approval.h"

#define APPROVERS_MOST 256         /* of a folder or a trust file, ended ones included */
#define APPROVERS_CLOCKS_APART 300 /* seconds */
#define APPROVERS_KEY_END ".pem"
#define APPROVERS_ENDED "ended"
#define APPROVERS_INSTANT 17 /* "20261122T080000Z" and NUL */

struct approver {
	char *name;
	EVP_PKEY *key;
	struct hash id;
	int64_t until; /* what came from then on does not hold; 0: it is not ended */
};
struct approvers {
	struct approver *items; /* sorted by name, those of a folder */
	size_t count;
};
void approvers_done(struct approvers *approvers);
/* ERR_REFUSED: no name; a key that is there already, whosever it is; a name that is there and has not ended. */
MUST_CHECK bool approvers_add(struct approvers *approvers, const char *name, const char *pem, int64_t until,
			      const char *where, struct err *err);
/* A folder that is not there has none. A file that is no such key is an error: nobody is left out in silence; what does
 * not end in ".pem" is passed over. *ret_approvers is empty before. */
MUST_CHECK bool approvers_read(const char *folder, struct approvers *ret_approvers, struct err *err);
char *approvers_instant(int64_t instant, char text[APPROVERS_INSTANT]);

struct approval_about {
	const char *policy; /* its id */
	const struct hash *sha256;
	int64_t at;       /* when it has to hold */
	int64_t received; /* when it came, by who looks; 0: now, so that a key that has ended does not count */
};
/* Whether a line is an approval of this policy by one of them. In this order: it is one; its keyid names a key of
 * theirs, and that signed it; its approver is the key's name; it is of this policy, by id and digest; it does not come
 * from the future and has not expired; the key had not ended. ERR_REFUSED, with the reason. */
MUST_CHECK bool approvers_hold(const struct approvers *approvers, const char *line, size_t len,
			       const struct approval_about *about, const char *where, struct approval **ret_approval,
			       struct err *err);
