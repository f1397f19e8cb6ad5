#include "collector/est.h"

#include <ctype.h>

#include "collector/networks.h"
#include "core/base64.h"

#define EST_USER "enrol"

static void reply_pkcs7(struct visit *visit, X509 *certificate, const char *type) {
	CLEANUP(free_ptr) char *text = ca_pkcs7(certificate);
	http_header(visit->request, "Content-Transfer-Encoding", "base64");
	http_reply(visit->request, 200, type, text, strlen(text));
}

void est_cacerts(struct visit *visit) {
	reply_pkcs7(visit, visit->collector->ca->certificate, "application/pkcs7-mime");
}

/* RFC 8951: line breaks and blanks in the base64 are to be tolerated. */
static bool read_request(struct visit *visit, struct buf *ret_der, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	http_body(visit->request, &text);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++)
		if (!isspace((unsigned char)text.data[i]))
			text.data[len++] = text.data[i];
	return base64_decode(buf_str(&text), len, "request", ret_der, err);
}

struct issued {
	char host[CA_HOST_ID + 1];
	X509 *certificate;
};

static void issued_done(struct issued *issued) { X509_free(issued->certificate); }

static bool keep_certificate(struct visit *visit, const struct issued *issued, EVP_PKEY *key, int64_t expires,
			     struct err *err) {
	char fingerprint[HASH_HEX], keyid[HASH_HEX];
	bool is_elsewhere;
	struct hash digest = ca_fingerprint(issued->certificate), id = key_id(key);
	const struct store_certificate row = {hash_hex(&digest, fingerprint), issued->host, hash_hex(&id, keyid),
					      visit->now, expires};
	if (!store_key_elsewhere(visit->collector->store, keyid, issued->host, &is_elsewhere, err))
		return false;
	if (is_elsewhere)
		return err_set(err, ERR_REFUSED, "request", "the key is another host's, or was revoked");
	return store_certificate_add(visit->collector->store, &row, err);
}

/* Another certificate for who has one: nothing but its time may be another. */
static bool is_own(struct visit *visit, const struct issued *issued, EVP_PKEY *key, struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	char keyid[HASH_HEX];
	struct hash id = key_id(key);
	int64_t count = 0;
	bool is_revoked;
	if (strcmp(issued->host, visit->peer->host) != 0)
		return err_set(err, ERR_REFUSED, "request", "the request is for another host than the certificate");
	if (strcmp(hash_hex(&id, keyid), visit->peer->transport) != 0)
		return err_set(err, ERR_REFUSED, "request", "the request is for another key than the certificate's");
	if (!store_line_of(visit->collector->store, keyid, &line, err) ||
	    !store_certificates_good(visit->collector->store, keyid, visit->now, &count, err) ||
	    !store_certificate_revoked(visit->collector->store, issued->host, keyid, &is_revoked, err))
		return false;
	if (line.ended != 0 || is_revoked)
		return err_set(err, ERR_DENIED, "certificate",
			       "the host was enrolled anew or revoked; this line has ended");
	return count < EST_CERTIFICATES_MOST ||
	       err_set(err, ERR_REFUSED, "request", "the key has %d good certificates already", EST_CERTIFICATES_MOST);
}

/* Who held it would end the collector's own line with their enrolment. */
static bool is_no_collector(struct visit *visit, const struct issued *issued, struct err *err) {
	return strcmp(issued->host, visit->collector->own->id) != 0 ||
	       err_set(err, ERR_REFUSED, "request", "this is the id of the collector's own line");
}

static bool issue(struct visit *visit, struct issued *issued, struct err *err) {
	const struct collector *collector = visit->collector;
	const int64_t expires = visit->now + collector->config->certificate_lifetime;
	CLEANUP(buf_done) struct buf der = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	return read_request(visit, &der, err) && ca_read_request(der.data, der.len, issued->host, &key, err) &&
	       is_no_collector(visit, issued, err) && (!visit->peer || is_own(visit, issued, key, err)) &&
	       ca_issue(collector->ca, issued->host, key, visit->now, expires, &issued->certificate, err) &&
	       keep_certificate(visit, issued, key, expires, err);
}

/* A token that was shown, and what it is good for. */
struct shown {
	const char *from; /* the peer's address */
	bool is_found, is_from_here;
	char *group;
};

static void shown_done(struct shown *shown) { free(shown->group); }

static void weigh_token(void *context, const struct store_token *token) {
	struct shown *shown = context;
	shown->is_found = true;
	shown->is_from_here = !token->networks[0] || networks_have(token->networks, shown->from);
	shown->group = xstrdup(token->group);
}

/* True and is_found: the token had a use left, and it is taken. */
static bool take_token(struct visit *visit, struct shown *shown, struct err *err) {
	CLEANUP(free_ptr) char *user = NULL;
	CLEANUP(free_ptr) char *token = NULL;
	if (!http_basic(visit->request, &user, &token) || strcmp(user, EST_USER) != 0)
		return true;
	struct hash hash = hash_of(token, strlen(token));
	shown->from = http_peer_address(visit->request);
	if (!store_token_find(visit->collector->store, &hash, visit->now, weigh_token, shown, err))
		return false;
	if (!shown->is_found)
		return true;
	if (!shown->is_from_here)
		return err_set(err, ERR_DENIED, "token",
			       "the token is not for hosts of this network: it was used from %s", shown->from);
	return store_token_use(visit->collector->store, &hash, visit->now, &shown->is_found, err);
}

static void refuse_token(struct visit *visit) {
	collector_say(visit->collector, "agents: enrolment refused: the token is unknown, used or expired");
	http_header(visit->request, "WWW-Authenticate", "Basic realm=\"vouch enrolment\"");
	http_error(visit->request, 401, "the token is unknown, used or expired");
}

static void refuse_request(struct visit *visit, const struct err *err) {
	collector_say(visit->collector, "agents: enrolment refused: %s", err->why);
	if (err->code == ERR_DENIED)
		http_error(visit->request, 403, "%s", err->why);
	else if (err->code == ERR_REFUSED || err->code == ERR_MALFORMED || err->code == ERR_TOO_BIG)
		http_error(visit->request, 400, "%s", err->why);
	else
		http_fault(visit->request, err);
}

/* A refused request leaves the token its use: both stand in one transaction with the certificate. */
void est_enroll(struct visit *visit) {
	struct store *store = visit->collector->store;
	CLEANUP(issued_done) struct issued issued = {0};
	CLEANUP(shown_done) struct shown shown = {0};
	struct err err;
	bool is_done = store_begin(store, &err) && take_token(visit, &shown, &err) &&
		       (!shown.is_found || (issue(visit, &issued, &err) &&
					    store_group_put(store, issued.host, shown.group, visit->now, &err))) &&
		       store_commit(store, &err);
	if (!is_done) {
		store_rollback(store);
		refuse_request(visit, &err);
	} else if (!shown.is_found) {
		refuse_token(visit);
	} else {
		collector_say(visit->collector, "agents: a certificate for host %s%s%s", issued.host,
			      shown.group[0] ? " of group " : "", shown.group);
		reply_pkcs7(visit, issued.certificate, "application/pkcs7-mime; smime-type=certs-only");
	}
}

void est_reenroll(struct visit *visit) {
	struct store *store = visit->collector->store;
	CLEANUP(issued_done) struct issued issued = {0};
	struct err err;
	if (visit->is_outside) {
		http_error(visit->request, 403, "the certificate is of an outside CA, which renews it");
		return;
	}
	if (!store_begin(store, &err) || !issue(visit, &issued, &err) || !store_commit(store, &err)) {
		store_rollback(store);
		refuse_request(visit, &err);
		return;
	}
	collector_say(visit->collector, "agents: another certificate for host %s", issued.host);
	reply_pkcs7(visit, issued.certificate, "application/pkcs7-mime; smime-type=certs-only");
}
