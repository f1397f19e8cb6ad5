#include "collector/peer.h"

#include "collector/ca.h"
#include "core/base64.h"

bool peer_of_certificate(struct store *store, X509 *certificate, struct peer *ret_peer, struct err *err) {
	char fingerprint[HASH_HEX], common_name[CA_HOST_ID + 1] = "";
	struct hash digest = ca_fingerprint(certificate);
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	CLEANUP(buf_done) struct buf der = {0};
	struct peer peer = {0};
	if (!key || !ca_host_of(X509_get_subject_name(certificate), common_name))
		return true;
	if (!store_certificate_host(store, hash_hex(&digest, fingerprint), peer.host, err))
		return false;
	if (strcmp(peer.host, common_name) != 0)
		return true;
	key_public_der(key, &der);
	struct hash id = hash_of(der.data, der.len);
	hash_hex(&id, peer.transport);
	peer.transport_key = base64_encode(der.data, der.len);
	*ret_peer = peer;
	return true;
}
