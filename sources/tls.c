/* tls: which versions a server speaks, and whom it says it is. Each version is asked for alone, in a hello written by
 * hand (sources/hello.h), and counts as offered only where a ServerHello of that version came back; as refused where
 * the server said so, by an alert or by a lower version. A closed connection says neither. That no version was offered
 * is believed of no server: then nothing shows that TLS is spoken there. */
#include "sources/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/certificate.h"
#include "core/text.h"
#include "sources/hello.h"
#include "sources/tls_target.h"

#define HANDSHAKE_MS 6000 /* for the one that is carried through */
#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_INSUFFICIENT_SECURITY 71
#define ALERT_INTERNAL_ERROR 80

struct heard {
	bool is_tls;     /* a ServerHello or an alert came back */
	bool is_timeout; /* nothing whole came back in time */
	bool is_inner;   /* the server speaks of an error of its own */
	int offered;     /* 1, 0, -1: nothing is known */
};

static void judge_answer(uint16_t asked, enum hello_said said, uint16_t number, struct heard *heard) {
	heard->is_tls = said == HELLO_SERVER || said == HELLO_ALERT;
	if (said == HELLO_SERVER && number <= asked)
		heard->offered = number == asked;
	else if (said == HELLO_ALERT && (number == ALERT_PROTOCOL_VERSION || number == ALERT_HANDSHAKE_FAILURE ||
					 number == ALERT_INSUFFICIENT_SECURITY))
		heard->offered = 0;
	heard->is_inner = said == HELLO_ALERT && number == ALERT_INTERNAL_ERROR;
}

/* One connection, one hello. False only where there is no connection: that is not about a version. */
static bool ask_version(const struct ask *ask, const struct tls_target *target, uint16_t version,
			struct heard *ret_heard, struct err *err) {
	CLEANUP(buf_done) struct buf hello = {0};
	uint8_t random[HELLO_RANDOM];
	struct hello_answer answer;
	struct heard heard = {.offered = -1};
	probe_random(random, sizeof random);
	hello_write(version, target->server_name, random, &hello);
	if (!tls_ask(ask, target, &hello, &answer, &heard.is_timeout, err))
		return false;
	judge_answer(version, answer.said, answer.number, &heard);
	*ret_heard = heard;
	return true;
}

/* OpenSSL refuses TLS 1.0 and 1.1 at its security level 2 as an error of its own. One might be a bad moment; the same
 * twice is how this server refuses. */
static bool ask_twice(const struct ask *ask, const struct tls_target *target, uint16_t version, struct heard *ret_heard,
		      struct err *err) {
	if (!ask_version(ask, target, version, ret_heard, err))
		return false;
	if (!ret_heard->is_inner)
		return true;
	if (!ask_version(ask, target, version, ret_heard, err))
		return false;
	if (ret_heard->is_inner)
		ret_heard->offered = 0;
	return true;
}

/* It was there: that it refuses now does not make it absent. */
static bool gone_since(const struct ask *ask, struct err *err) {
	struct err why = *err;
	return why.code == ERR_ABSENT
		       ? err_set(err, ERR_UNPROVED, ask->name, "it answered before, and now: %s", why.why)
		       : false;
}

static bool ask_versions(const struct ask *ask, const struct tls_target *target, json_t *versions, struct err *err) {
	bool is_tls = false, is_silent = true, is_offered = false;
	for (size_t i = 0; i < HELLO_VERSIONS; i++) {
		struct heard heard;
		if (!ask_in_time(ask, err) || !ask_twice(ask, target, hello_versions[i], &heard, err))
			return i > 0 ? gone_since(ask, err) : false;
		is_tls |= heard.is_tls;
		is_silent &= heard.is_timeout;
		is_offered |= heard.offered == 1;
		json_object_set_new(versions, hello_version_name(hello_versions[i]),
				    heard.offered < 0 ? json_null() : json_boolean(heard.offered));
	}
	if (is_offered)
		return true;
	if (is_tls)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "no version was offered: nothing shows what this server speaks");
	return is_silent ? err_set(err, ERR_TIMEOUT, ask->name, "no answer to a TLS hello")
			 : err_set(err, ERR_MALFORMED, ask->name, "what answers there does not speak TLS");
}

/* What the handshake showed. */
struct shown {
	json_t *certificates; /* NULL: it did not come so far */
	const char *verify;   /* static */
	const char *chain;    /* the same, whatever the name; static */
};

static const char *verify_text(bool is_verified, int why) {
	return is_verified && why == X509_V_OK ? "ok"
	       : why == X509_V_OK              ? "not verified"
					       : X509_verify_cert_error_string(why);
}

static void free_store_context(X509_STORE_CTX **context) { X509_STORE_CTX_free(*context); }

/* Dates, signatures and trust without the name, which hides them where it is wrong. */
static const char *verify_chain(X509_STORE_CTX *shown) {
	CLEANUP(free_store_context) X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!context ||
	    !X509_STORE_CTX_init(context, X509_STORE_CTX_get0_store(shown), X509_STORE_CTX_get0_cert(shown),
				 X509_STORE_CTX_get0_untrusted(shown)) ||
	    !X509_STORE_CTX_set_default(context, "ssl_server"))
		abort();                                                         /* for want of memory alone */
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), 0); /* strength is judged apart */
	bool is_verified = X509_verify_cert(context) == 1;
	return verify_text(is_verified, X509_STORE_CTX_get_error(context));
}

/* In place of OpenSSL's own: verifies, keeps what was shown, and goes on whatever it was. */
static int on_certificate(X509_STORE_CTX *store, void *context) {
	struct shown *shown = context;
	bool is_verified = X509_verify_cert(store) == 1;
	int why = X509_STORE_CTX_get_error(store);
	json_decref(shown->certificates);
	shown->certificates = certificates_json(X509_STORE_CTX_get0_untrusted(store));
	shown->verify = verify_text(is_verified, why);
	shown->chain = verify_chain(store);
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static void free_context(SSL_CTX **context) { SSL_CTX_free(*context); }
static void free_ssl(SSL **ssl) { SSL_free(*ssl); }

/* Whether there is a CA at all: without one a failed verification is about this host. */
static bool trust(SSL_CTX *context, const char *cas) {
	if (cas)
		return SSL_CTX_load_verify_file(context, cas) == 1;
	bool has_file = SSL_CTX_load_verify_file(context, X509_get_default_cert_file()) == 1;
	DIR *folder = opendir(X509_get_default_cert_dir());
	bool has_folder = false;
	for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
		has_folder |= text_ends(entry->d_name, ".0");
	if (folder)
		closedir(folder);
	ERR_clear_error();
	return (has_folder && SSL_CTX_load_verify_dir(context, X509_get_default_cert_dir()) == 1) || has_file;
}

/* Looks at whatever the server has, weak as it may be: level 0 refuses nothing. */
static SSL_CTX *make_context(struct shown *shown) {
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_VERSION) ||
	    !SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"))
		abort(); /* constants of the library's own */
	SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(context, on_certificate, shown);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

static SSL *make_ssl(SSL_CTX *context, const struct tls_target *target, int socket) {
	SSL *ssl = SSL_new(context);
	X509_VERIFY_PARAM *expected = ssl ? SSL_get0_param(ssl) : NULL;
	if (!ssl || !SSL_set_fd(ssl, socket))
		abort();
	if (target->server_name)
		(void)(SSL_set_tlsext_host_name(ssl, target->server_name) &&
		       X509_VERIFY_PARAM_set1_host(expected, target->server_name, 0));
	else
		X509_VERIFY_PARAM_set1_ip_asc(expected, target->name);
	return ssl;
}

/* True: carried through. False: it ended before, by the server, by the deadline or by what does not parse. */
static bool shake_hands(const struct ask *ask, SSL *ssl, int socket) {
	struct err quiet;
	uint64_t until = probe_until(ask, HANDSHAKE_MS);
	for (;;) {
		ERR_clear_error();
		int done = SSL_connect(ssl);
		int want = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, done);
		if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE)
			return done == 1;
		if (!probe_wait(ask, socket, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until, &quiet))
			return false;
	}
}

static json_t *text_or_null(const char *text) { return text ? json_text(text) : json_null(); }

static bool look_at_server(const struct ask *ask, const struct tls_target *target, const char *cas, json_t *value,
			   struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	struct shown shown = {0};
	if (!tls_dial(ask, target, &socket, err))
		return gone_since(ask, err);
	CLEANUP(free_context) SSL_CTX *context = make_context(&shown);
	bool is_trusting = trust(context, cas);
	CLEANUP(free_ssl) SSL *ssl = make_ssl(context, target, socket);
	bool is_done = shake_hands(ask, ssl, socket);
	int group = is_done ? SSL_get_negotiated_group(ssl) : 0;
	json_object_set_new(value, "handshake", json_boolean(is_done));
	json_object_set_new(value, "cipher", text_or_null(is_done ? SSL_get_cipher_name(ssl) : NULL));
	json_object_set_new(value, "group", text_or_null(group ? SSL_group_to_name(ssl, group) : NULL));
	json_object_set_new(value, "verify", text_or_null(is_trusting ? shown.verify : NULL));
	json_object_set_new(value, "chain", text_or_null(is_trusting ? shown.chain : NULL));
	json_object_set_new(value, "certificates", shown.certificates ? shown.certificates : json_null());
	ERR_clear_error();
	return true;
}

bool tls_look(const struct ask *ask, const char *cas, struct answer *ret_answer, struct err *err) {
	struct tls_target target = {0};
	CLEANUP(json_decref_p) json_t *value = json_object();
	json_t *versions = json_object();
	json_object_set_new(value, "versions", versions);
	return tls_target_read(ask, &target, err) && ask_versions(ask, &target, versions, err) &&
	       look_at_server(ask, &target, cas, value, err) && answer_json(ask, value, ret_answer, err);
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return tls_look(ask, NULL, ret_answer, err);
}

const struct kind probe_tls = {
	.prefix = "tls:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};
