#include "agent/enrol_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/draft.h"
#include "agent/est.h"
#include "core/note.h"
#include "core/text.h"
#include "core/times.h"

#define PEM_LARGEST (256U << 10)
#define LOG_KEY_LARGEST 4096

typedef STACK_OF(X509) certificates;

static void certificates_free(certificates **stack) { sk_X509_pop_free(*stack, X509_free); }
static void bio_free(BIO **bio) { BIO_free(*bio); }
static void store_free(X509_STORE **store) { X509_STORE_free(*store); }
static void context_free(X509_STORE_CTX **context) { X509_STORE_CTX_free(*context); }

/* --- what the files hold ------------------------------------------------------------------------------------------ */

bool enrol_certificates(const char *text, size_t len, const char *where, STACK_OF(X509) * *ret_certificates,
			struct err *err) {
	CLEANUP(certificates_free) certificates *found = sk_X509_new_null();
	if (len > PEM_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "larger than the cap of %u bytes", PEM_LARGEST);
	CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(text, (int)len);
	for (X509 *one; bio && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
		if (sk_X509_num(found) == ENROL_CERTIFICATES_MOST || sk_X509_push(found, one) <= 0) {
			X509_free(one);
			return err_set(err, ERR_TOO_BIG, where, "more than %d certificates", ENROL_CERTIFICATES_MOST);
		}
	}
	const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (!is_end || sk_X509_num(found) == 0)
		return err_set(err, ERR_MALFORMED, where, "not certificates in PEM");
	*ret_certificates = found;
	found = NULL;
	return true;
}

static bool read_certificates(const char *path, certificates **ret_certificates, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	return file_read(path, PEM_LARGEST, &pem, err) &&
	       enrol_certificates(buf_str(&pem), pem.len, path, ret_certificates, err);
}

static bool save_certificates(const char *path, certificates *stack, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	for (int i = 0; i < sk_X509_num(stack); i++)
		est_pem(sk_X509_value(stack, i), &pem);
	return file_write(path, pem.data, pem.len, 0644, err);
}

/* A vkey is one line with two pluses, which no path of such a file needs to have. */
static bool read_log_key(const char *given, struct enrolment *enrolment, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = NULL;
	if (access(given, F_OK) == 0 && !file_read(given, LOG_KEY_LARGEST, &bytes, err))
		return false;
	if (!bytes.len)
		buf_adds(&bytes, given);
	CLEANUP(free_ptr) char *text = buf_take(&bytes);
	const char *vkey = text_trim(text);
	if (!note_verifier_read(vkey, &verifier, err))
		return false;
	free(enrolment->origin);
	free(enrolment->vkey);
	enrolment->origin = xstrdup(verifier->name);
	enrolment->vkey = xstrdup(vkey);
	return true;
}

/* --- whether the certificate fits --------------------------------------------------------------------------------- */

/* The first CN of the subject, when there is one only. */
static bool is_named(X509 *certificate, const char *host_id) {
	X509_NAME *subject = X509_get_subject_name(certificate);
	const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return false;
	const ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	return (size_t)ASN1_STRING_length(name) == strlen(host_id) &&
	       !memcmp(ASN1_STRING_get0_data(name), host_id, strlen(host_id));
}

static bool leads_to(certificates *chain, certificates *cas, const char *where, struct err *err) {
	CLEANUP(store_free) X509_STORE *store = X509_STORE_new();
	CLEANUP(context_free) X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool ok = store && context && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
	for (int i = 0; ok && i < sk_X509_num(cas); i++)
		ok = X509_STORE_add_cert(store, sk_X509_value(cas, i)) == 1;
	if (!ok || X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain) != 1 ||
	    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1)
		return err_set(err, ERR_CRYPTO, where, "it cannot be verified");
	ok = X509_verify_cert(context) == 1;
	ERR_clear_error();
	return ok || err_set(err, ERR_REFUSED, where, "the CA does not vouch for it: %s",
			     X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
}

/* The same terms as the collector's. */
static bool fits(certificates *chain, certificates *cas, EVP_PKEY *key, const char *host_id, const char *where,
		 struct err *err) {
	X509 *certificate = sk_X509_value(chain, 0);
	const uint32_t usage = X509_get_extended_key_usage(certificate);
	if (!key_details(key))
		return err_set(err, ERR_REFUSED, where, "the key is neither Ed25519 nor P-256");
	if (EVP_PKEY_eq(X509_get0_pubkey(certificate), key) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_REFUSED, where, "it is for another key");
	}
	if (!is_named(certificate, host_id))
		return err_set(err, ERR_REFUSED, where, "it is for another name: the subject's CN has to be %s, alone",
			       host_id);
	if (usage == UINT32_MAX || !(usage & XKU_SSL_CLIENT) || X509_check_ca(certificate) != 0)
		return err_set(err, ERR_REFUSED, where, "it is not for clients (extended key usage clientAuth)");
	return leads_to(chain, cas, where, err);
}

static bool are_cas(certificates *cas, const char *where, struct err *err) {
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (X509_check_ca(sk_X509_value(cas, i)) != 1)
			return err_set(err, ERR_REFUSED, where, "number %d is not a CA's certificate", i + 1);
	return true;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

static bool write_request(const struct draft *draft, struct buf *pem, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	if (!est_request(draft->transport, draft->enrolment->host_id, &der, err))
		return false;
	if (!bio || PEM_write_bio(bio, PEM_STRING_X509_REQ, "", (unsigned char *)der.data, (long)der.len) <= 0)
		return err_set(err, ERR_CRYPTO, "certificate request", "it cannot be written");
	const long len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	return true;
}

/* A folder that is there is a request that waits: what is signed for it elsewhere would be good for nothing. */
static bool claim(const struct home *home, const struct draft *draft, bool force, struct err *err) {
	if (force)
		draft_throw_away(draft->home);
	if (!home_make(home, err))
		return false;
	if (mkdir(draft->home->folder, 0700) == 0)
		return true;
	if (errno != EEXIST)
		return err_errno(err, errno, ERR_IO, draft->home->folder, "make folder");
	return err_set(err, ERR_REFUSED, draft->home->folder,
		       "a request waits for its certificate; --force makes new keys and another request");
}

/* enrolment.json without a log: what the certificate is to be put to. */
static bool put_down(const struct home *home, const struct enrol_options *options, struct draft *draft,
		     struct err *err) {
	draft->enrolment->is_outside = true;
	draft->enrolment->origin = xstrdup("");
	draft->enrolment->vkey = xstrdup("");
	return draft_know(home, options, draft, err) && draft_make_keys(options, NULL, draft, err) &&
	       draft_write(draft, err);
}

bool enrol_request(const struct home *home, const struct enrol_options *options, struct buf *ret_pem, struct err *err) {
	CLEANUP(draft_done) struct draft draft;
	draft_start(&draft, home, HOME_REQUEST);
	if (!claim(home, &draft, options->force, err))
		return false;
	if (put_down(home, options, &draft, err) && write_request(&draft, ret_pem, err))
		return true;
	host_key_forget(draft.evidence);
	draft_throw_away(draft.home);
	return false;
}

/* --- the certificate ---------------------------------------------------------------------------------------------- */

/* The draft of a request, on the host that made it. */
static bool take_up(const struct enrol_options *options, struct draft *draft, struct err *err) {
	enrolment_free(draft->enrolment);
	draft->enrolment = NULL;
	if (access(draft->home->enrolment, F_OK) != 0)
		return err_set(err, ERR_ABSENT, draft->home->folder,
			       "no request waits for a certificate: vouch enrol URL --request FILE makes one, or name "
			       "the certificate's own key with --transport-key");
	if (!enrolment_read(draft->home, &draft->enrolment, err) || !enrol_header(options->root, draft->header, err) ||
	    !key_load(draft->home->transport_key, &draft->transport, err))
		return false;
	if (!draft->enrolment->is_drawn && strcmp(draft->enrolment->host_id, draft->header->host_id) != 0)
		return err_set(err, ERR_REFUSED, draft->home->identity,
			       "the request was made for host %s, and this one is %s: make another request here",
			       draft->enrolment->host_id, draft->header->host_id);
	draft->enrolment->enrolled_at = draft->header->started_at;
	free(draft->enrolment->collector);
	draft->enrolment->collector = xstrdup(options->collector);
	const size_t len = strlen(options->collector);
	if (len && options->collector[len - 1] == '/')
		draft->enrolment->collector[len - 1] = '\0';
	return true;
}

static bool import_key(const struct home *home, const struct enrol_options *options, const char *path,
		       struct draft *draft, struct err *err) {
	EVP_PKEY *key = NULL;
	if (!key_load(path, &key, err))
		return false;
	draft->enrolment->is_outside = true;
	if (!draft_know(home, options, draft, err)) {
		EVP_PKEY_free(key);
		return false;
	}
	return draft_make_keys(options, key, draft, err);
}

/* The certificate before keys are made for it, where they are not there yet, would be better; but they go again. */
static bool finish(const struct enrol_files *files, struct draft *draft, struct err *err) {
	CLEANUP(certificates_free) certificates *chain = NULL;
	CLEANUP(certificates_free) certificates *cas = NULL;
	return read_certificates(files->certificate, &chain, err) && read_certificates(files->ca, &cas, err) &&
	       are_cas(cas, files->ca, err) && read_log_key(files->log_key, draft->enrolment, err) &&
	       fits(chain, cas, draft->transport, draft->enrolment->host_id, files->certificate, err) &&
	       save_certificates(draft->home->transport_certificate, chain, err) &&
	       save_certificates(draft->home->ca, cas, err) && draft_write(draft, err);
}

static bool put_in_place(const struct home *home, const struct enrol_options *options, const struct enrol_files *files,
			 struct draft *draft, struct err *err) {
	CLEANUP(close_fd) int lock = -1;
	CLEANUP(close_fd) int ship_lock = -1;
	if (!draft_may_enrol(home, options->force, err) || !draft_lock(home, &lock, &ship_lock, err))
		return false;
	if (!files->transport_key) /* what waits goes on waiting when the certificate is not the one */
		return take_up(options, draft, err) && finish(files, draft, err) && draft_install(home, draft, err);
	draft_throw_away(draft->home);
	if (file_make_folder(draft->home->folder, 0700, err) &&
	    import_key(home, options, files->transport_key, draft, err) && finish(files, draft, err) &&
	    draft_install(home, draft, err))
		return true;
	host_key_forget(draft->evidence);
	draft_throw_away(draft->home);
	return false;
}

bool enrol_by_files(const struct home *home, const struct enrol_options *options, const struct enrol_files *files,
		    struct enrolment **ret_enrolment, struct err *err) {
	CLEANUP(draft_done) struct draft draft;
	draft_start(&draft, home, files->transport_key ? HOME_DRAFT : HOME_REQUEST);
	if (!put_in_place(home, options, files, &draft, err))
		return false;
	draft_throw_away(draft.home);
	host_key_free(draft.evidence);
	draft.evidence = NULL;
	if (!options->helpers && !draft_seal(home, &draft, err))
		return false;
	*ret_enrolment = draft.enrolment;
	draft.enrolment = NULL;
	return true;
}

/* --- the next certificate ----------------------------------------------------------------------------------------- */

static int64_t ends(const X509 *certificate) {
	struct tm parts;
	return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

bool enrol_renew(const struct home *home, const char *certificate, int64_t *ret_ends, struct err *err) {
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	CLEANUP(certificates_free) certificates *chain = NULL;
	CLEANUP(certificates_free) certificates *cas = NULL;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!enrolment_read(home, &enrolment, err))
		return false;
	if (!enrolment->is_outside)
		return err_set(err, ERR_REFUSED, home->identity,
			       "the collector's own CA certified this host: vouch-ship renews that by itself");
	if (!home_public_key(home->transport_public, &key, err) || !read_certificates(certificate, &chain, err) ||
	    !read_certificates(home->ca, &cas, err) || !fits(chain, cas, key, enrolment->host_id, certificate, err) ||
	    !save_certificates(home->transport_certificate, chain, err))
		return false;
	*ret_ends = ends(sk_X509_value(chain, 0));
	return true;
}
