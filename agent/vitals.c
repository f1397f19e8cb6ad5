#include "agent/vitals.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/spool.h"

#define CERTIFICATE_LARGEST 65536

static int64_t changed_at(const char *path) {
	struct stat status;
	return stat(path, &status) == 0 ? status.st_mtim.tv_sec : 0;
}

static int64_t oldest_at(const struct home *home) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	struct err ignored;
	if (!spool_list(home->queue, &queue, &ignored) || !queue.count)
		return 0;
	CLEANUP(free_ptr) char *path = file_join(home->queue, queue.names[0]);
	return changed_at(path);
}

static int64_t ends_at(const char *path) {
	CLEANUP(buf_done) struct buf pem = {0};
	struct err ignored;
	struct tm parts;
	if (!file_read_plain(path, CERTIFICATE_LARGEST, &pem, &ignored))
		return 0;
	BIO *bio = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int64_t at = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 ? timegm(&parts) : 0;
	X509_free(certificate);
	BIO_free(bio);
	ERR_clear_error();
	return at;
}

/* A newer certificate than the enrolment's is among what vouch-ship keeps. */
static int64_t certificate_ends_at(const struct home *home) {
	CLEANUP(free_ptr) char *renewed = file_join(home->receipts, "transport-cert.pem");
	const int64_t first = ends_at(home->transport_certificate), later = ends_at(renewed);
	return later > first ? later : first;
}

void vitals_read(const struct home *home, struct textfile *into) {
	struct err ignored;
	int64_t bytes;
	size_t statements;
	if (spool_bytes(home, &bytes, &statements, &ignored)) {
		into->spool_bytes = bytes;
		into->spool_statements = statements;
	}
	into->spool_oldest_at = oldest_at(home);
	into->acknowledged_at = changed_at(home->checkpoint);
	into->certificate_ends_at = certificate_ends_at(home);
}
