#include "agent/draft.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/est.h"
#include "agent/identity.h"
#include "agent/seal.h"
#include "core/times.h"
#include "sources/gather.h"

void draft_start(struct draft *draft, const struct home *home, const char *name) {
	CLEANUP(free_ptr) char *folder = file_join(home->folder, name);
	*draft = (struct draft){.home = home_new(folder),
				.header = xcalloc(1, sizeof(struct round)),
				.enrolment = xcalloc(1, sizeof(struct enrolment))};
}

void draft_done(struct draft *draft) {
	home_free(draft->home);
	host_key_free(draft->evidence);
	EVP_PKEY_free(draft->transport);
	X509_free(draft->ca);
	X509_free(draft->certificate);
	round_free(draft->header);
	enrolment_free(draft->enrolment);
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

static char *without_slash(const char *base) {
	char *copy = xstrdup(base);
	const size_t len = strlen(copy);
	if (len && copy[len - 1] == '/')
		copy[len - 1] = '\0';
	return copy;
}

static bool know_id(const struct home *home, const struct enrol_options *options, struct draft *draft,
		    struct err *err) {
	struct enrolment *enrolment = draft->enrolment;
	if (options->attester)
		keep_id(home, draft);
	enrolment->is_drawn = !*draft->header->host_id;
	if (!enrolment->is_drawn)
		enrolment->host_id = xstrdup(draft->header->host_id);
	return enrolment->host_id || identity_draw(&enrolment->host_id, err);
}

bool draft_know(const struct home *home, const struct enrol_options *options, struct draft *draft, struct err *err) {
	struct enrolment *enrolment = draft->enrolment;
	if (!enrol_header(options->root, draft->header, err))
		return false;
	if (options->attester)
		rename_attester(options, draft->header);
	enrolment->collector = without_slash(options->collector);
	enrolment->enrolled_at = draft->header->started_at;
	enrolment->host_name = xstrdup(draft->header->host_name);
	enrolment->os = xstrdup(draft->header->host_os);
	enrolment->purpose = xstrdup(options->attester ? "attestation" : NULL);
	return know_id(home, options, draft, err);
}

static bool save_public(const char *path, EVP_PKEY *key, struct err *err) {
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	return file_write(path, pem, strlen(pem), 0644, err);
}

bool draft_make_keys(const struct enrol_options *options, EVP_PKEY *transport, struct draft *draft, struct err *err) {
	draft->transport = transport;
	return file_make_folder(draft->home->enrolment, 0700, err) &&
	       host_key_make(options->key, draft->home->evidence_key, &draft->evidence, err) &&
	       save_public(draft->home->evidence_public, host_key_public(draft->evidence), err) &&
	       (draft->transport || key_make_p256(&draft->transport, err)) &&
	       key_save(draft->home->transport_key, draft->transport, err) &&
	       save_public(draft->home->transport_public, draft->transport, err);
}

/* What others need of it is in files that they may read; the private keys are not. */
static bool open_to_all(const char *folder, struct err *err) {
	return chmod(folder, 0755) == 0 || err_errno(err, errno, ERR_IO, folder, "let others into the folder");
}

bool draft_write(struct draft *draft, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return enrolment_write(draft->enrolment, &bytes, err) &&
	       file_write(draft->home->identity, bytes.data, bytes.len, 0644, err) &&
	       open_to_all(draft->home->enrolment, err);
}

void draft_throw_away(const struct home *draft) {
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

bool draft_may_enrol(const struct home *home, bool force, struct err *err) {
	if (force || access(home->enrolment, F_OK) != 0)
		return true;
	return err_set(err, ERR_REFUSED, home->enrolment,
		       "this host is enrolled already; --force sets that enrolment, its chain and spool aside");
}

bool draft_lock(const struct home *home, int *ret_seal, int *ret_ship, struct err *err) {
	return home_make(home, err) && home_lock(home, ret_seal, err) && home_lock_shipping(home, ret_ship, err);
}

bool draft_install(const struct home *home, const struct draft *draft, struct err *err) {
	return set_aside(home, err) && file_move(draft->home->enrolment, home->enrolment, err) && home_make(home, err);
}

bool draft_seal(const struct home *home, const struct draft *draft, struct err *err) {
	CLEANUP(sealer_close_p) struct sealer *sealer = NULL;
	if (home_is_shared(home))
		return true;
	return sealer_open(home, draft->enrolment, NULL, "", SPOOL_LIMIT_DEFAULT, &sealer, err) &&
	       seal_enrolment(sealer, draft->header, err);
}
