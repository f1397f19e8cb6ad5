#include "agent/enrol.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/est.h"
#include "agent/identity.h"
#include "agent/seal.h"
#include "core/host_key.h"
#include "core/json.h"
#include "core/note.h"
#include "core/text.h"
#include "core/times.h"
#include "sources/gather.h"

/* An enrolment under way: the folder where it is put together, laid out as home is. */
struct draft {
	struct home *home; /* of which only enrolment/ is used */
	struct host_key *evidence;
	EVP_PKEY *transport;
	X509 *ca, *certificate;
	struct round *header;
	struct enrolment *enrolment;
};

static void draft_done(struct draft *draft) {
	home_free(draft->home);
	host_key_free(draft->evidence);
	EVP_PKEY_free(draft->transport);
	X509_free(draft->ca);
	X509_free(draft->certificate);
	round_free(draft->header);
	enrolment_free(draft->enrolment);
}

bool enrol_fingerprint(const char *text, char ret_hex[HASH_HEX]) {
	size_t len = 0;
	if (text_starts(text, "sha256:") || text_starts(text, "SHA256:"))
		text += strlen("sha256:");
	for (; *text; text++) {
		if (*text == ':')
			continue;
		bool is_upper = *text >= 'A' && *text <= 'F';
		if (len == HASH_HEX - 1 || (!is_upper && !strchr("0123456789abcdef", *text)))
			return false;
		ret_hex[len++] = is_upper ? (char)(*text - 'A' + 'a') : *text;
	}
	ret_hex[len] = '\0';
	return len == HASH_HEX - 1;
}

bool enrol_header(const char *root, struct round *header, struct err *err) {
	const struct asker asker = {.check = &identity_check};
	CLEANUP(sources_free_p) struct sources *fetched = sources_new();
	const struct host host = {.root = root};
	if (!gather_now(&host, &asker, 1, fetched, err))
		return false;
	header->started_at = header->finished_at = times_now();
	header->host_id = identity_host_id(fetched);
	header->host_name = identity_host_name(fetched);
	header->host_os = identity_os(fetched);
	header->boot_id = identity_boot_id(fetched);
	return true;
}

/* One that only attests is nobody's machine: it has the name that it was given, and an id is drawn for it. */
static void rename_attester(const struct enrol_options *options, struct round *header) {
	free(header->host_id);
	header->host_id = xstrdup("");
	if (!options->name)
		return;
	free(header->host_name);
	header->host_name = xstrdup(options->name);
}

/* An attester that is enrolled anew stays who it was: its old line ends. */
static void keep_id(const struct home *home, struct draft *draft) {
	CLEANUP(enrolment_free_p) struct enrolment *earlier = NULL;
	struct err ignored;
	if (!enrolment_read(home, &earlier, &ignored) || !earlier->purpose)
		return;
	draft->enrolment->host_id = xstrdup(earlier->host_id);
}

static bool know_host(const struct enrol_options *options, struct round *header, struct err *err) {
	if (!enrol_header(options->root, header, err))
		return false;
	if (options->attester)
		rename_attester(options, header);
	return true;
}

static bool fetch_ca(const struct enrol_options *options, struct draft *draft, struct err *err) {
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(buf_done) struct buf pem = {0};
	const struct http_peer peer = {.base = options->collector};
	char hex[HASH_HEX];
	struct hash fingerprint;
	if (!enrol_fingerprint(options->ca_fingerprint, hex) || !hash_from_hex(hex, &fingerprint))
		return err_set(err, ERR_USAGE, "CA fingerprint", "it is not the 64 hexadecimal digits of a SHA-256");
	if (!http_open(&peer, &http, err) || !est_ca(http, &fingerprint, &draft->ca, err))
		return false;
	est_pem(draft->ca, &pem);
	return file_write(draft->home->ca, pem.data, pem.len, 0644, err);
}

static bool fetch_certificate(const struct enrol_options *options, struct draft *draft, struct err *err) {
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(buf_done) struct buf pem = {0};
	const struct http_peer peer = {
		.base = options->collector, .ca = draft->home->ca, .user = "enrol", .password = options->token};
	if (!http_open(&peer, &http, err) ||
	    !est_certify(http, draft->transport, draft->enrolment->host_id, draft->ca, &draft->certificate, err))
		return false;
	est_pem(draft->certificate, &pem);
	return file_write(draft->home->transport_certificate, pem.data, pem.len, 0644, err);
}

/* Pin the log's key. */
static bool fetch_log(const struct enrol_options *options, struct draft *draft, struct err *err) {
	static const char path[] = "/v1/log";
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = NULL;
	const struct http_peer peer = {.base = options->collector,
				       .ca = draft->home->ca,
				       .certificate = draft->home->transport_certificate,
				       .key = draft->home->transport_key};
	const struct http_request request = {.path = path};
	const char *origin, *vkey;
	if (!http_open(&peer, &http, err) || !http_ask(http, &request, &answer, err) ||
	    !http_is_ok(&answer, path, err) ||
	    !json_read(answer.body.data, answer.body.len, 65536, path, &object, err) ||
	    !json_get_string(object, "origin", path, &origin, err) ||
	    !json_get_string(object, "vkey", path, &vkey, err) || !note_verifier_read(vkey, &verifier, err))
		return false;
	if (strcmp(verifier->name, origin) != 0)
		return err_set(err, ERR_REFUSED, path, "the log's key is not named like its origin");
	draft->enrolment->origin = xstrdup(origin);
	draft->enrolment->vkey = xstrdup(vkey);
	return true;
}

static bool save_public(const char *path, EVP_PKEY *key, struct err *err) {
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	return file_write(path, pem, strlen(pem), 0644, err);
}

static bool make_keys(const struct enrol_options *options, struct draft *draft, struct err *err) {
	return host_key_make(options->key, draft->home->evidence_key, &draft->evidence, err) &&
	       save_public(draft->home->evidence_public, host_key_public(draft->evidence), err) &&
	       key_make_p256(&draft->transport, err) && key_save(draft->home->transport_key, draft->transport, err) &&
	       save_public(draft->home->transport_public, draft->transport, err);
}

/* What others need of it is in files that they may read; the private keys are not. */
static bool open_to_all(const char *folder, struct err *err) {
	return chmod(folder, 0755) == 0 || err_errno(err, errno, ERR_IO, folder, "let others into the folder");
}

static bool put_together(const struct enrol_options *options, struct draft *draft, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	draft->enrolment->collector = xstrdup(options->collector);
	size_t len = strlen(draft->enrolment->collector);
	if (len && draft->enrolment->collector[len - 1] == '/')
		draft->enrolment->collector[len - 1] = '\0';
	draft->enrolment->enrolled_at = draft->header->started_at;
	draft->enrolment->is_drawn = !*draft->header->host_id;
	if (!draft->enrolment->is_drawn)
		draft->enrolment->host_id = xstrdup(draft->header->host_id);
	else if (!draft->enrolment->host_id && !identity_draw(&draft->enrolment->host_id, err))
		return false;
	draft->enrolment->host_name = xstrdup(draft->header->host_name);
	draft->enrolment->os = xstrdup(draft->header->host_os);
	draft->enrolment->purpose = xstrdup(options->attester ? "attestation" : NULL);
	return file_make_folder(draft->home->enrolment, 0700, err) && make_keys(options, draft, err) &&
	       fetch_ca(options, draft, err) && fetch_certificate(options, draft, err) &&
	       fetch_log(options, draft, err) && enrolment_write(draft->enrolment, &bytes, err) &&
	       file_write(draft->home->identity, bytes.data, bytes.len, 0644, err) &&
	       open_to_all(draft->home->enrolment, err);
}

/* A draft that came to nothing, ours or a crashed one's: its files and its folders. */
static void throw_away(const struct home *draft) {
	const char *const files[] = {draft->identity,
				     draft->evidence_key,
				     draft->evidence_public,
				     draft->transport_key,
				     draft->transport_public,
				     draft->transport_certificate,
				     draft->ca};
	struct err ignored;
	(void)!file_sweep(draft->enrolment, &ignored);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
	rmdir(draft->enrolment);
	rmdir(draft->folder);
}

static bool has_past(const struct home *home) {
	return access(home->enrolment, F_OK) == 0 || access(home->chain, F_OK) == 0 ||
	       access(home->checkpoint, F_OK) == 0;
}

/* What hung on an earlier enrolment goes into old-<time>/, the enrolment first, so that from then on there is none; its
 * folders are made again for whom they belonged to. */
static bool set_aside(const struct home *home, struct err *err) {
	char at[TIMES_TEXT];
	CLEANUP(free_ptr) char *folder = xasprintf("%s/old-%s", home->folder, times_format(times_now(), at));
	CLEANUP(home_free_p) struct home *old = home_new(folder);
	const char *const parts[][2] = {
		{home->enrolment, old->enrolment}, {home->spool, old->spool}, {home->receipts, old->receipts}};
	if (!has_past(home))
		return true;
	if (!file_make_folder(old->folder, 0700, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (access(parts[i][0], F_OK) == 0 && !file_move(parts[i][0], parts[i][1], err))
			return false;
	return home_make_like(home, old, err);
}

static bool may_enrol(const struct home *home, const struct enrol_options *options, struct err *err) {
	if (options->force || access(home->enrolment, F_OK) != 0)
		return true;
	return err_set(err, ERR_REFUSED, home->enrolment,
		       "this host is enrolled already; --force sets that enrolment, its chain and spool aside");
}

/* From nothing to the enrolment in its place, under both locks: who ships holds the keys of the old line. */
static bool make_enrolment(const struct home *home, const struct enrol_options *options, struct draft *draft,
			   struct err *err) {
	CLEANUP(close_fd) int lock = -1;
	CLEANUP(close_fd) int ship_lock = -1;
	if (!may_enrol(home, options, err) || !know_host(options, draft->header, err) || !home_make(home, err) ||
	    !home_lock(home, &lock, err) || !home_lock_shipping(home, &ship_lock, err))
		return false;
	throw_away(draft->home);
	if (options->attester)
		keep_id(home, draft);
	bool ok = file_make_folder(draft->home->folder, 0700, err) && put_together(options, draft, err) &&
		  set_aside(home, err) && file_move(draft->home->enrolment, home->enrolment, err) &&
		  home_make(home, err);
	if (!ok)
		host_key_forget(draft->evidence);
	throw_away(draft->home);
	/* Before the first statement is sealed: a token or a TPM may have room for one who asks. */
	host_key_free(draft->evidence);
	draft->evidence = NULL;
	return ok;
}

/* The first statement of the line. Should this fail, or be left to a sealer or to another user, vouchd seals it before
 * its first round. */
static bool seal_first(const struct home *home, const struct draft *draft, struct err *err) {
	CLEANUP(sealer_close_p) struct sealer *sealer = NULL;
	if (home_is_shared(home))
		return true;
	return sealer_open(home, draft->enrolment, NULL, "", SPOOL_LIMIT_DEFAULT, &sealer, err) &&
	       seal_enrolment(sealer, draft->header, err);
}

bool enrol(const struct home *home, const struct enrol_options *options, struct enrolment **ret_enrolment,
	   struct err *err) {
	CLEANUP(free_ptr) char *folder = file_join(home->folder, HOME_DRAFT);
	CLEANUP(draft_done)
	struct draft draft = {.home = home_new(folder),
			      .header = xcalloc(1, sizeof(struct round)),
			      .enrolment = xcalloc(1, sizeof(struct enrolment))};
	if (!make_enrolment(home, options, &draft, err) || (!options->helpers && !seal_first(home, &draft, err)))
		return false;
	*ret_enrolment = draft.enrolment;
	draft.enrolment = NULL;
	return true;
}
