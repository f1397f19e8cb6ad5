#include "agent/signer.h"

#include "core/host_key.h"

struct signer {
	EVP_PKEY *evidence;       /* public */
	struct host_key *private; /* NULL where a sealer has it */
	char *socket;             /* NULL: the key is here */
	EVP_PKEY *epoch;          /* see signer_epoch() */
	bool rotates;
};

/* A key that was put in the place of the enrolled one would break the chain with its first statement. */
static bool load_key(const struct home *home, struct signer *signer, struct err *err) {
	if (!host_key_open(home->evidence_key, &signer->private, err))
		return false;
	bool is_enrolled = EVP_PKEY_eq(host_key_public(signer->private), signer->evidence) == 1;
	return is_enrolled ||
	       err_set(err, ERR_REFUSED, home->evidence_key, "not the key that was enrolled (evidence.pub.pem)");
}

bool signer_open(const struct home *home, const char *helpers, struct signer **ret_signer, struct err *err) {
	CLEANUP(signer_close_p) struct signer *signer = xcalloc(1, sizeof *signer);
	if (!home_public_key(home->evidence_public, &signer->evidence, err))
		return false;
	if (helpers)
		signer->socket = file_join(helpers, SEALER_SOCKET);
	else if (!load_key(home, signer, err))
		return false;
	*ret_signer = signer;
	signer = NULL;
	return true;
}

void signer_close(struct signer *signer) {
	if (!signer)
		return;
	EVP_PKEY_free(signer->evidence);
	host_key_free(signer->private);
	EVP_PKEY_free(signer->epoch);
	free(signer->socket);
	free(signer);
}

EVP_PKEY *signer_public(const struct signer *signer) { return signer->evidence; }
EVP_PKEY *signer_epoch(const struct signer *signer) { return signer->epoch; }
bool signer_rotates(const struct signer *signer) { return signer->rotates; }

static void add_signature(struct dsse *envelope, const void *bytes, size_t len, EVP_PKEY *key) {
	char hex[HASH_HEX];
	struct hash id = key_id(key);
	envelope->signatures = xreallocarray(envelope->signatures, 1, sizeof *envelope->signatures);
	envelope->signatures[0] = (struct dsse_signature){.keyid = xstrdup(hash_hex(&id, hex))};
	envelope->signature_count = 1;
	buf_add(&envelope->signatures[0].bytes, bytes, len);
}

static bool sign_here(const struct signer *signer, struct dsse *envelope, struct err *err) {
	CLEANUP(buf_done) struct buf pae = {0};
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t len;
	dsse_pae(envelope->payload_type, envelope->payload.data, envelope->payload.len, &pae);
	if (!host_key_sign(signer->private, pae.data, pae.len, signature, &len, err))
		return false;
	add_signature(envelope, signature, len, signer->evidence);
	return true;
}

/* What the sealer says of the keys is believed here; the collector finds out for itself. */
static enum sealer_outcome take_reply(struct signer *signer, const struct sealer_reply *reply, struct dsse *envelope,
				      struct err *err) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (reply->outcome == SEALER_FAILED || reply->outcome == SEALER_REFUSED) {
		(void)err_set(err, reply->outcome == SEALER_REFUSED ? ERR_REFUSED : ERR_IO, "sealer", "%s", reply->why);
		return reply->outcome;
	}
	if (!key_from_public_der(reply->key, reply->key_len, "sealer", &key, err))
		return SEALER_FAILED;
	if (reply->outcome == SEALER_EPOCH) {
		signer->epoch = key;
		signer->rotates = reply->is_rotation;
		key = NULL;
		(void)err_set(err, ERR_REFUSED, "sealer", "%s", reply->why);
		return SEALER_EPOCH;
	}
	add_signature(envelope, reply->signature, reply->signature_len, key);
	return dsse_verify(envelope, DSSE_INTOTO, key, err) ? SEALER_SIGNED : SEALER_FAILED;
}

enum sealer_outcome signer_sign(struct signer *signer, struct dsse *envelope, struct err *err) {
	struct sealer_reply reply;
	EVP_PKEY_free(signer->epoch);
	signer->epoch = NULL;
	signer->rotates = false;
	if (!signer->socket)
		return sign_here(signer, envelope, err) ? SEALER_SIGNED : SEALER_FAILED;
	if (!sealer_ask(signer->socket, envelope->payload.data, envelope->payload.len, &reply, err))
		return SEALER_FAILED;
	return take_reply(signer, &reply, envelope, err);
}
