/* DSSE v1 envelopes (secure-systems-lab/dsse, protocol.md). */
#pragma once

#include "core/json.h"
#include "core/key.h"

#define DSSE_PAYLOAD_LARGEST (48U << 10)
#define DSSE_ENVELOPE_LARGEST (128U << 10) /* without a body beside it */
#define DSSE_SIGNATURES_MOST 16
#define DSSE_INTOTO "application/vnd.in-toto+json"

struct dsse_signature {
	char *keyid; /* "" when it was left out */
	struct buf bytes;
};

struct dsse {
	char *payload_type;
	struct buf payload; /* decoded */
	struct dsse_signature *signatures;
	size_t signature_count;
};

/* PAE(type, payload), appended. */
void dsse_pae(const char *payload_type, const void *payload, size_t len, struct buf *pae);
/* Sign: an envelope with one signature; keyid as given ("" leaves it empty). The caller dsse_free()s. */
MUST_CHECK bool dsse_seal(const char *payload_type, const void *payload, size_t len, EVP_PKEY *key, const char *keyid,
			  struct dsse **ret_envelope, struct err *err);
/* The envelope of a parsed JSON object; unknown members are ignored, as the protocol demands. Nothing is verified. */
MUST_CHECK bool dsse_from_json(const json_t *object, const char *where, struct dsse **ret_envelope, struct err *err);
/* {"payload","payloadType","signatures":[{"keyid","sig"}]} in exactly this order of members, standard base64: the bytes
 * of the worked example. New reference. */
json_t *dsse_to_json(const struct dsse *envelope);
/* That object's bytes, compact; appended. */
void dsse_write(const struct dsse *envelope, struct buf *text);
void dsse_free(struct dsse *envelope);
DEFINE_CLEANUP(struct dsse, dsse_free)
/* The first signature that is one by this key over the payload under the envelope's own type; NULL when none is.
 * Borrowed. */
const struct dsse_signature *dsse_signature_by(const struct dsse *envelope, EVP_PKEY *key);
/* Whether some signature of the envelope is one by this key over its payload, under payload_type and no other. False:
 * ERR_REFUSED. Verified before anything in the payload is parsed. */
MUST_CHECK bool dsse_verify(const struct dsse *envelope, const char *payload_type, EVP_PKEY *key, struct err *err);
/* SHA-256 of the decoded payload: the statement's digest. */
struct hash dsse_digest(const struct dsse *envelope);
