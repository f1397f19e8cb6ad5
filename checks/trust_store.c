/* Which certificate authorities the system trusts beyond those that its distribution ships. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/check.h"
#include "core/etc.h"
#include "core/hash.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define ANCHORS_MOST 4096 /* certificates in one store */
#define SHIPPED "/usr/share/ca-certificates/"

/* A distribution's store: what programs read, and what of it the package brought. */
static const struct store {
	const char *bundle;
	const char *shipped; /* the same certificates, or a list of files that hold them */
	bool is_list;
} stores[] = {
	{"file:/etc/ssl/certs/ca-certificates.crt", "file:/var/lib/dpkg/info/ca-certificates.md5sums", true},
	{"file:/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	 "file:/usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit", false},
};

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "store", .type = VALUE_STRING, .about = "The file that programs read it from."},
	{.name = "subject",
	 .type = VALUE_STRING,
	 .about = "The authority's name; a row for each that no package brought."},
	{.name = "sha256", .type = VALUE_STRING, .about = "The certificate's fingerprint, hexadecimal."},
	{.name = "not_after", .type = VALUE_TIME, .about = "Until when it is valid."},
	{0},
};

static const char *const patterns[] = {ETC_SOURCE,
				       "file:/etc/ssl/certs/ca-certificates.crt",
				       "file:/var/lib/dpkg/info/ca-certificates.md5sums",
				       "file:" SHIPPED "*",
				       "file:/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
				       "file:/usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit",
				       NULL};

/* The names of the certificates' files in a package's list of digests and paths, added to names. */
static bool read_list(const struct source *list, struct names *names, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(list->name, list->bytes.data, list->bytes.len);
	while (lines_next(&lines)) {
		const char *path = strchr(lines.line, ' ');
		path = path ? path + strspn(path, " ") : "";
		if (text_starts(path, &SHIPPED[1]) && text_ends(path, ".crt"))
			names_addf(names, "file:/%s", path);
	}
	return lines_ok(&lines, err);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, ETC_SOURCE);
	for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
		const struct source *list;
		struct err err;
		names_add(names, stores[i].bundle);
		names_add(names, stores[i].shipped);
		/* A list that is malformed is run()'s to say. */
		if (stores[i].is_list && source_maybe(fetched, stores[i].shipped, &list, &err) && list &&
		    !read_list(list, names, &err))
			continue;
	}
}

/* Calls back for each certificate of a text; other blocks and what is between them is passed over. */
static bool each_certificate(const struct source *source,
			     bool (*take)(void *context, const unsigned char *der, long len), void *context,
			     struct err *err) {
	BIO *bio = BIO_new_mem_buf(source->bytes.len ? source->bytes.data : "", (int)source->bytes.len);
	char *name, *header;
	unsigned char *der;
	long len;
	size_t count = 0;
	bool is_taken = true;
	while (is_taken && PEM_read_bio(bio, &name, &header, &der, &len)) {
		if (strstr(name, "CERTIFICATE"))
			is_taken = ++count <= ANCHORS_MOST && take(context, der, len);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	bool is_ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (!is_taken || !is_ended)
		return err_set(err, ERR_MALFORMED, source->name, "certificate %zu cannot be read", count + is_ended);
	return true;
}

/* Fingerprints of what the package brought, {sha256: true}. */
static bool remember(void *shipped, const unsigned char *der, long len) {
	char hex[HASH_HEX];
	struct hash sha256 = hash_of(der, (size_t)len);
	json_object_set_new(shipped, hash_hex(&sha256, hex), json_true());
	return true;
}

static bool read_shipped(const struct store *store, const struct sources *fetched, json_t *shipped, struct err *err) {
	const struct source *source;
	if (!source_maybe(fetched, store->shipped, &source, err))
		return false;
	if (!source)
		return err_set(err, ERR_UNPROVED, store->shipped, "what the distribution ships is not known here");
	if (!store->is_list)
		return each_certificate(source, remember, shipped, err);
	CLEANUP(names_free_p) struct names *files = names_new();
	if (!read_list(source, files, err))
		return false;
	for (size_t i = 0; i < names_count(files); i++) {
		const struct source *file;
		if (!source_maybe(fetched, names_at(files, i), &file, err) ||
		    (file && !each_certificate(file, remember, shipped, err)))
			return false;
	}
	return true;
}

struct strangers {
	json_t *shipped, *rows;
	const char *store;
};

static bool add_stranger(void *context, const unsigned char *der, long len) {
	struct strangers *strangers = context;
	char hex[HASH_HEX], subject[512];
	struct hash sha256 = hash_of(der, (size_t)len);
	struct tm end;
	if (json_object_get(strangers->shipped, hash_hex(&sha256, hex)))
		return true;
	X509 *certificate = d2i_X509(NULL, &der, len);
	if (!certificate)
		return false;
	json_t *row = row_add(strangers->rows);
	row_text(row, "store", strangers->store + strlen("file:"));
	row_text(row, "subject", X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject));
	row_text(row, "sha256", hex);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end))
		row_time(row, "not_after", timegm(&end));
	X509_free(certificate);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
		CLEANUP(json_decref_p) json_t *shipped = json_object();
		struct strangers strangers = {shipped, rows, stores[i].bundle};
		const struct source *bundle;
		if (!etc_maybe(fetched, stores[i].bundle, &bundle, err))
			return false;
		if (bundle && (!read_shipped(&stores[i], fetched, shipped, err) ||
			       !each_certificate(bundle, add_stranger, &strangers, err)))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_trust_store = {
	.name = "trust_store",
	.about = "The certificate authorities that the system trusts and no package of the distribution brought.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
