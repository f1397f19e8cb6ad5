#include "agent/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"
#include "core/text.h"
#include "core/times.h"

#define ENROLMENT_LARGEST 65536

struct home *home_new(const char *folder) {
	struct home *home = xcalloc(1, sizeof *home);
	home->folder = xstrdup(folder ? folder : VOUCH_STATEDIR);
	home->enrolment = file_join(home->folder, "enrolment");
	home->identity = file_join(home->enrolment, "enrolment.json");
	home->evidence_key = file_join(home->enrolment, "evidence.pem");
	home->evidence_public = file_join(home->enrolment, "evidence.pub.pem");
	home->transport_public = file_join(home->enrolment, "transport.pub.pem");
	home->transport_key = file_join(home->enrolment, "transport.pem");
	home->transport_certificate = file_join(home->enrolment, "transport-cert.pem");
	home->ca = file_join(home->enrolment, "ca.pem");
	home->chain = file_join(home->folder, "chain.json");
	home->blinds = file_join(home->folder, "blinds.json");
	home->checkpoint = file_join(home->folder, "checkpoint");
	home->receipts = file_join(home->folder, "receipts");
	home->lock = file_join(home->folder, "lock");
	home->ship_lock = file_join(home->folder, "ship.lock");
	home->spool = file_join(home->folder, "spool");
	home->incoming = file_join(home->spool, "incoming");
	home->queue = file_join(home->spool, "queue");
	home->refused = file_join(home->spool, "refused");
	return home;
}

void home_free(struct home *home) {
	if (!home)
		return;
	char *const owned[] = {home->folder,
			       home->enrolment,
			       home->identity,
			       home->evidence_key,
			       home->evidence_public,
			       home->transport_public,
			       home->transport_key,
			       home->transport_certificate,
			       home->ca,
			       home->chain,
			       home->blinds,
			       home->checkpoint,
			       home->receipts,
			       home->lock,
			       home->ship_lock,
			       home->spool,
			       home->incoming,
			       home->queue,
			       home->refused};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	free(home);
}

bool home_make(const struct home *home, struct err *err) {
	return file_make_folder(home->folder, 0700, err) && file_make_folder(home->receipts, 0700, err) &&
	       file_make_folder(home->incoming, 0700, err) && file_make_folder(home->queue, 0700, err) &&
	       file_make_folder(home->refused, 0700, err) && file_sync_folder(home->spool, err) &&
	       file_sync_folder(home->folder, err);
}

static void close_folder(DIR **folder) {
	if (*folder)
		closedir(*folder);
}

bool home_sweep(const char *folder, const char *prefix, struct err *err) {
	CLEANUP(close_folder) DIR *open_folder = opendir(folder);
	if (!open_folder)
		return err_errno(err, errno, ERR_IO, folder, "open folder");
	for (struct dirent *entry = readdir(open_folder); entry; entry = readdir(open_folder))
		if (text_starts(entry->d_name, prefix) && unlinkat(dirfd(open_folder), entry->d_name, 0) != 0)
			return err_errno(err, errno, ERR_IO, folder, "throw away a leftover");
	return true;
}

static bool take_lock(const char *path, const char *taken, int *ret_lock, struct err *err) {
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		close(lock);
		return err_set(err, ERR_REFUSED, path, "%s", taken);
	}
	*ret_lock = lock;
	return true;
}

bool home_lock(const struct home *home, int *ret_lock, struct err *err) {
	return take_lock(home->lock, "another process seals for this state folder", ret_lock, err);
}

bool home_lock_shipping(const struct home *home, int *ret_lock, struct err *err) {
	return take_lock(home->ship_lock, "another process ships from this state folder", ret_lock, err);
}

bool home_public_key(const char *path, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	return file_read(path, KEY_FILE_LARGEST, &pem, err) && key_from_public_pem(buf_str(&pem), path, ret_key, err);
}

static bool fill(const json_t *object, const char *where, struct enrolment *enrolment, struct err *err) {
	const struct {
		const char *name;
		char **member;
	} texts[] = {
		{"collector", &enrolment->collector}, {"hostId", &enrolment->host_id},
		{"hostName", &enrolment->host_name},  {"os", &enrolment->os},
		{"origin", &enrolment->origin},       {"vkey", &enrolment->vkey},
	};
	const char *text;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!json_get_string(object, texts[i].name, where, &text, err))
			return false;
		*texts[i].member = xstrdup(text);
	}
	enrolment->is_drawn = json_is_true(json_object_get(object, "drawn"));
	if (!json_get_string(object, "enrolledAt", where, &text, err))
		return false;
	if (!times_parse(text, &enrolment->enrolled_at))
		return err_set(err, ERR_MALFORMED, where, "\"enrolledAt\" is not a time");
	return true;
}

bool enrolment_read(const struct home *home, struct enrolment **ret_enrolment, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct stat status;
	if (stat(home->enrolment, &status) != 0 && errno == ENOENT)
		return err_set(err, ERR_ABSENT, home->folder, "this host is not enrolled: see vouch enrol --help");
	if (!file_read(home->identity, ENROLMENT_LARGEST, &bytes, err) ||
	    !json_read(bytes.data, bytes.len, ENROLMENT_LARGEST, home->identity, &object, err))
		return false;
	struct enrolment *enrolment = xcalloc(1, sizeof *enrolment);
	if (!fill(object, home->identity, enrolment, err)) {
		enrolment_free(enrolment);
		return false;
	}
	*ret_enrolment = enrolment;
	return true;
}

bool enrolment_write(const struct enrolment *enrolment, struct buf *bytes, struct err *err) {
	char at[TIMES_TEXT];
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s}", "collector", enrolment->collector, "hostId",
				   enrolment->host_id, "hostName", json_text(enrolment->host_name), "os",
				   json_text(enrolment->os), "origin", enrolment->origin, "vkey", enrolment->vkey,
				   "enrolledAt", times_format(enrolment->enrolled_at, at));
	if (!object)
		return err_set(err, ERR_MALFORMED, "enrolment.json", "a value is not UTF-8");
	if (enrolment->is_drawn)
		json_object_set_new(object, "drawn", json_true());
	return json_canonical(object, bytes, err);
}

void enrolment_free(struct enrolment *enrolment) {
	if (!enrolment)
		return;
	char *const owned[] = {enrolment->collector, enrolment->host_id, enrolment->host_name,
			       enrolment->os,        enrolment->origin,  enrolment->vkey};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	free(enrolment);
}
