#include "agent/renew.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <time.h>
#include <unistd.h>

#include "agent/est.h"
#include "core/times.h"

#define CERTIFICATE_LARGEST 65536
#define RETRY_SHORTEST_S 10
#define RETRY_LONGEST_S 3600

struct renewal {
	const struct home *home;
	const struct enrolment *enrolment;
	EVP_PKEY *key;
	X509 *ca;
	char *renewed;       /* path of a newer certificate than the enrolment's */
	bool is_renewed;     /* it is the one in use */
	int64_t from, until; /* of the one in use */
	int64_t due;         /* by its life */
	int64_t retry;       /* a failure has put it off until then; 0: none has */
};

static bool read_certificate(const char *path, X509 **ret_certificate, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	if (!file_read(path, CERTIFICATE_LARGEST, &pem, err))
		return false;
	BIO *bio = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!certificate)
		return err_set(err, ERR_MALFORMED, path, "not a certificate in PEM");
	*ret_certificate = certificate;
	return true;
}

static int64_t instant(const ASN1_TIME *time) {
	struct tm parts;
	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

/* From 0 to most, by chance. */
static int64_t jitter(int64_t most) {
	uint32_t random = 0;
	if (most <= 0 || RAND_bytes((unsigned char *)&random, sizeof random) != 1)
		return 0;
	return most * (int64_t)(random >> 8) / (1 << 24);
}

static void use(struct renewal *renewal, X509 *certificate, bool is_renewed) {
	renewal->is_renewed = is_renewed;
	renewal->from = instant(X509_get0_notBefore(certificate));
	renewal->until = instant(X509_get0_notAfter(certificate));
	int64_t life = renewal->until - renewal->from;
	renewal->due = renewal->from + life * 2 / 3 + jitter(life / 12);
	renewal->retry = 0;
}

/* Whatever else is there is not used, and not an error: it may be of an earlier enrolment. */
static void use_renewed(struct renewal *renewal) {
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	struct err ignored;
	if (read_certificate(renewal->renewed, &certificate, &ignored) &&
	    est_is_ours(certificate, renewal->key, renewal->ca) &&
	    instant(X509_get0_notAfter(certificate)) > renewal->until)
		use(renewal, certificate, true);
	ERR_clear_error();
}

bool renewal_open(const struct home *home, const struct enrolment *enrolment, EVP_PKEY *key,
		  struct renewal **ret_renewal, struct err *err) {
	CLEANUP(renewal_free_p) struct renewal *renewal = xcalloc(1, sizeof *renewal);
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	renewal->home = home;
	renewal->enrolment = enrolment;
	renewal->renewed = file_join(home->receipts, "transport-cert.pem");
	if (EVP_PKEY_up_ref(key) == 1)
		renewal->key = key;
	if (!read_certificate(home->ca, &renewal->ca, err) ||
	    !read_certificate(home->transport_certificate, &certificate, err))
		return false;
	use(renewal, certificate, false);
	if (!enrolment->is_outside)
		use_renewed(renewal);
	*ret_renewal = renewal;
	renewal = NULL;
	return true;
}

void renewal_free(struct renewal *renewal) {
	if (!renewal)
		return;
	EVP_PKEY_free(renewal->key);
	X509_free(renewal->ca);
	free(renewal->renewed);
	free(renewal);
}

const char *renewal_certificate(const struct renewal *renewal) {
	return renewal->is_renewed ? renewal->renewed : renewal->home->transport_certificate;
}

int64_t renewal_ends(const struct renewal *renewal) { return renewal->until; }

int64_t renewal_when(int64_t due, int64_t retry, int64_t now) {
	return retry > due && retry - now <= RETRY_LONGEST_S ? retry : due;
}

int64_t renewal_due(const struct renewal *renewal) { return renewal_when(renewal->due, renewal->retry, times_now()); }

static void wait_longer(struct renewal *renewal) {
	int64_t wait = (renewal->until - renewal->from) / 100;
	if (wait < RETRY_SHORTEST_S)
		wait = RETRY_SHORTEST_S;
	if (wait > RETRY_LONGEST_S)
		wait = RETRY_LONGEST_S;
	renewal->retry = times_now() + wait / 2 + jitter(wait / 2);
}

static bool ask(const struct renewal *renewal, const sigset_t *ends, X509 **ret_certificate, struct err *err) {
	CLEANUP(http_close_p) struct http *http = NULL;
	const struct http_peer peer = {.base = renewal->enrolment->collector,
				       .ca = renewal->home->ca,
				       .certificate = renewal_certificate(renewal),
				       .key = renewal->home->transport_key,
				       .ends = ends};
	return http_open(&peer, &http, err) &&
	       est_recertify(http, renewal->key, renewal->enrolment->host_id, renewal->ca, ret_certificate, err);
}

static bool keep(struct renewal *renewal, X509 *certificate, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	if (instant(X509_get0_notAfter(certificate)) < renewal->until)
		return err_set(err, ERR_REFUSED, "certificate", "the collector's new one ends before the old");
	/* Else it would be due at once, again and again. */
	if (instant(X509_get0_notAfter(certificate)) <= times_now())
		return err_set(
			err, ERR_REFUSED, "certificate",
			"the collector's new one has ended by this host's clock: one of the two clocks is wrong");
	est_pem(certificate, &pem);
	return file_write(renewal->renewed, pem.data, pem.len, 0644, err);
}

/* Its CA, or who asks it, puts the next one where the one in use is (vouch enrol --renew). */
static bool take_next(struct renewal *renewal, struct err *err) {
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	if (!read_certificate(renewal->home->transport_certificate, &certificate, err))
		return false;
	if (EVP_PKEY_eq(X509_get0_pubkey(certificate), renewal->key) != 1)
		return err_set(err, ERR_REFUSED, renewal->home->transport_certificate, "it is for another key");
	if (instant(X509_get0_notAfter(certificate)) <= renewal->until)
		return err_set(err, ERR_ABSENT, renewal->home->transport_certificate,
			       "it ends soon and is by an outside CA: put its next one in place with vouch enrol "
			       "--renew --certificate FILE");
	use(renewal, certificate, false);
	return true;
}

bool renewal_try(struct renewal *renewal, const sigset_t *ends, struct err *err) {
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	if (renewal->enrolment->is_outside) {
		if (take_next(renewal, err))
			return true;
		wait_longer(renewal);
		return false;
	}
	if (!ask(renewal, ends, &certificate, err) || !keep(renewal, certificate, err)) {
		wait_longer(renewal);
		return false;
	}
	use(renewal, certificate, true);
	/* A collector lets certificates begin earlier than they are made; of a short life that is most. */
	int64_t now = times_now(), half = now + (renewal->until - now) / 2;
	if (renewal->due < half)
		renewal->due = half;
	return true;
}
