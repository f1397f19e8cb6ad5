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
#define FORMAT_LARGEST 32
#define FORMAT_DIGITS_MOST 6

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
	home->spool = file_join(home->folder, "spool");
	home->receipts = file_join(home->folder, "receipts");
	home->chain = file_join(home->spool, "chain.json");
	home->blinds = file_join(home->spool, "blinds.json");
	home->memory = file_join(home->spool, "memory.json");
	home->reserve = file_join(home->spool, "reserve");
	home->current = file_join(home->spool, "current.json");
	home->status = file_join(home->spool, "status.json");
	home->history = file_join(home->spool, "history.jsonl");
	home->history_before = file_join(home->spool, "history.1.jsonl");
	home->checkpoint = file_join(home->receipts, "checkpoint");
	home->incomplete = file_join(home->receipts, "incomplete");
	home->format = file_join(home->spool, "format");
	home->lock = file_join(home->spool, "lock");
	home->ship_lock = file_join(home->receipts, "ship.lock");
	home->incoming = file_join(home->spool, "incoming");
	home->queue = file_join(home->spool, "queue");
	home->refused = file_join(home->spool, "refused");
	home->epochs = file_join(home->spool, "epochs");
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
			       home->memory,
			       home->reserve,
			       home->current,
			       home->status,
			       home->history,
			       home->history_before,
			       home->checkpoint,
			       home->incomplete,
			       home->format,
			       home->receipts,
			       home->lock,
			       home->ship_lock,
			       home->spool,
			       home->incoming,
			       home->queue,
			       home->refused,
			       home->epochs};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	free(home);
}

static void use_credential(const char *folder, const char *name, char **path) {
	free(*path);
	*path = file_join(folder, name);
}

void home_use_credentials(struct home *home) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || !*folder)
		return;
	use_credential(folder, "evidence.pem", &home->evidence_key);
	use_credential(folder, "transport.pem", &home->transport_key);
}

/* Where earlier versions kept them: in the folder itself. */
static bool move_old(const struct home *home, struct err *err) {
	const char *const moved[][2] = {
		{"chain.json", home->chain}, {"blinds.json", home->blinds}, {"checkpoint", home->checkpoint}};
	for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
		CLEANUP(free_ptr) char *from = file_join(home->folder, moved[i][0]);
		if (access(from, F_OK) == 0 && access(moved[i][1], F_OK) != 0 && !file_move(from, moved[i][1], err))
			return false;
	}
	return true;
}

bool home_make(const struct home *home, struct err *err) {
	return file_make_folder(home->folder, 0700, err) && file_make_folder(home->receipts, 0700, err) &&
	       file_make_folder(home->incoming, 0700, err) && file_make_folder(home->queue, 0700, err) &&
	       file_make_folder(home->refused, 0700, err) && file_make_folder(home->epochs, 0700, err) &&
	       file_sync_folder(home->spool, err) && file_sync_folder(home->folder, err) && move_old(home, err);
}

/* Gives a file or folder the owner, and where mode is set the mode, of another; for root, who makes it for somebody. */
static bool give(int fd, const char *path, const struct stat *like, bool mode, struct err *err) {
	if ((geteuid() == 0 && fchown(fd, like->st_uid, like->st_gid) != 0) ||
	    (mode && fchmod(fd, like->st_mode & 07777) != 0))
		return err_errno(err, errno, ERR_IO, path, "give to its owner");
	return true;
}

bool home_make_like(const struct home *home, const struct home *old, struct err *err) {
	/* Who is given a folder can put a link in the place of what is in it: the spool itself comes last. */
	const char *const folders[][2] = {{home->incoming, old->incoming}, {home->queue, old->queue},
					  {home->refused, old->refused},   {home->epochs, old->epochs},
					  {home->spool, old->spool},       {home->receipts, old->receipts}};
	if (!home_make(home, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct stat like;
		if (lstat(folders[i][1], &like) != 0 || !S_ISDIR(like.st_mode))
			continue;
		CLEANUP(close_fd) int fd = open(folders[i][0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, errno, ERR_IO, folders[i][0], "open folder");
		if (!give(fd, folders[i][0], &like, true, err))
			return false;
	}
	return true;
}

bool home_is_shared(const struct home *home) {
	struct stat status;
	return stat(home->spool, &status) == 0 && status.st_uid != geteuid();
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

/* A lock that root makes belongs to whom its folder belongs: that user takes it from then on. That user may also have
 * put something in its place, to be given what is root's: neither what a link leads to, nor what has another name
 * elsewhere, is opened or given. */
static bool open_lock(const char *folder, const char *path, int *ret_lock, struct err *err) {
	struct stat owner, status;
	CLEANUP(close_fd)
	int lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (lock < 0 && errno == ELOOP)
		return err_set(err, ERR_REFUSED, path, "it is a link, and no lock: take it away");
	if (lock < 0 || stat(folder, &owner) != 0 || fstat(lock, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
		return err_set(err, ERR_REFUSED, path, "it is no lock, or has another name elsewhere: take it away");
	if (!give(lock, path, &owner, false, err))
		return false;
	*ret_lock = lock;
	lock = -1;
	return true;
}

static bool take_lock(const char *folder, const char *path, const char *taken, int *ret_lock, struct err *err) {
	CLEANUP(close_fd) int lock = -1;
	if (!open_lock(folder, path, &lock, err))
		return false;
	if (flock(lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_REFUSED, path, "%s", taken);
	*ret_lock = lock;
	lock = -1;
	return true;
}

/* The format of what is there; 0: nobody wrote one yet. */
static bool read_format(const struct home *home, unsigned *ret_format, struct err *err) {
	unsigned format = 0;
	CLEANUP(buf_done) struct buf text = {0};
	if (access(home->format, F_OK) != 0 && errno == ENOENT) {
		*ret_format = 0;
		return true;
	}
	if (!file_read_plain(home->format, FORMAT_LARGEST, &text, err))
		return false;
	const char *at = buf_str(&text);
	for (; *at >= '0' && *at <= '9'; at++)
		format = format * 10 + (unsigned)(*at - '0');
	if (format == 0 || text.len > FORMAT_DIGITS_MOST + 1 || strcmp(at, "\n") != 0)
		return err_set(err, ERR_MALFORMED, home->format, "it is not the number of a format");
	*ret_format = format;
	return true;
}

static bool check_format(const struct home *home, unsigned *ret_format, struct err *err) {
	if (!read_format(home, ret_format, err))
		return false;
	if (*ret_format > VOUCH_STATE_FORMAT)
		return err_set(err, ERR_REFUSED, home->format,
			       "a newer version wrote this state, in format %u; this one knows %d: install the newer "
			       "one again",
			       *ret_format, VOUCH_STATE_FORMAT);
	return true;
}

/* Under the lock of who seals. Others read the file by the folder's mode. */
static bool keep_format(const struct home *home, struct err *err) {
	char text[32];
	unsigned format;
	if (!check_format(home, &format, err))
		return false;
	const int len = snprintf(text, sizeof text, "%d\n", VOUCH_STATE_FORMAT);
	return format == VOUCH_STATE_FORMAT || file_write(home->format, text, (size_t)len, 0644, err);
}

bool home_lock(const struct home *home, int *ret_lock, struct err *err) {
	CLEANUP(close_fd) int lock = -1;
	if (!take_lock(home->spool, home->lock, "another process seals for this state folder", &lock, err) ||
	    !keep_format(home, err))
		return false;
	*ret_lock = lock;
	lock = -1;
	return true;
}

bool home_lock_shipping(const struct home *home, int *ret_lock, struct err *err) {
	unsigned format;
	return check_format(home, &format, err) &&
	       take_lock(home->receipts, home->ship_lock, "another process ships from this state folder", ret_lock,
			 err);
}

bool home_public_key(const char *path, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	return file_read(path, KEY_FILE_LARGEST, &pem, err) && key_from_public_pem(buf_str(&pem), path, ret_key, err);
}

bool home_keep_epoch(const struct home *home, EVP_PKEY *key, struct err *err) {
	char hex[HASH_HEX];
	struct hash id = key_id(key);
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s.pem", home->epochs, hash_hex(&id, hex));
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	return file_write(path, pem, strlen(pem), 0644, err);
}

static bool has_id(EVP_PKEY *key, const char *keyid) {
	char hex[HASH_HEX];
	struct hash id = key_id(key);
	return !strcmp(hash_hex(&id, hex), keyid);
}

static bool epoch_key(const struct home *home, const char *keyid, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s.pem", home->epochs, keyid);
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct hash hash;
	if (!hash_from_hex(keyid, &hash))
		return err_set(err, ERR_MALFORMED, "keyid", "not a SHA-256 in hexadecimal");
	if (!home_public_key(path, &key, err))
		return false;
	if (!has_id(key, keyid))
		return err_set(err, ERR_MALFORMED, path, "it holds another key than its name says");
	*ret_key = key;
	key = NULL;
	return true;
}

bool home_evidence_key(const struct home *home, const char *keyid, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(key_free_p) EVP_PKEY *enrolled = NULL;
	if (!home_public_key(home->evidence_public, &enrolled, err))
		return false;
	if (!has_id(enrolled, keyid))
		return epoch_key(home, keyid, ret_key, err);
	*ret_key = enrolled;
	enrolled = NULL;
	return true;
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
	enrolment->is_outside = json_is_true(json_object_get(object, "outside"));
	enrolment->is_drawn = json_is_true(json_object_get(object, "drawn"));
	enrolment->purpose = xstrdup(json_string_value(json_object_get(object, "purpose")));
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
	if (enrolment->is_outside)
		json_object_set_new(object, "outside", json_true());
	if (enrolment->is_drawn)
		json_object_set_new(object, "drawn", json_true());
	if (enrolment->purpose)
		json_object_set_new(object, "purpose", json_string(enrolment->purpose));
	return json_canonical(object, bytes, err);
}

void enrolment_free(struct enrolment *enrolment) {
	if (!enrolment)
		return;
	char *const owned[] = {enrolment->collector, enrolment->host_id, enrolment->host_name, enrolment->os,
			       enrolment->origin,    enrolment->vkey,    enrolment->purpose};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	free(enrolment);
}
