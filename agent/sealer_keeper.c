#include "agent/sealer_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base64.h"
#include "core/file.h"
#include "core/text.h"

#define POSITION_LARGEST 4096
#define SEED_LEN 32 /* RFC 8032: an Ed25519 private key */
#define SLOTS 2     /* of seeds in the memfd: the epoch's and the next one's */

struct epoch {
	EVP_PKEY *key; /* NULL: there is none */
	char *base64;
	char id[HASH_HEX];
	unsigned slot;
};

struct keeper {
	char *folder, *path, *host_id;
	int lock, seeds;
	bool is_made;              /* the memfd is not the kept one */
	int64_t span;              /* seconds */
	struct host_key *enrolled; /* NULL when an epoch statement names the epoch's */
	char *enrolled_base64;
	char enrolled_id[HASH_HEX];
	struct epoch epoch, next;
	struct position last;
};

void position_done(struct position *position) {
	buf_done(&position->signature);
	buf_done(&position->signer);
	*position = (struct position){0};
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

static bool is_next(const struct position *last, const struct statement *statement, struct err *err) {
	char hex[HASH_HEX] = "";
	long long came = (long long)statement->sequence, next = (long long)last->sequence + 1;
	if (came < next)
		return err_set(err, ERR_REFUSED, "sequence", "a fork: another statement was signed as number %lld",
			       came);
	if (came > next)
		return err_set(err, ERR_REFUSED, "sequence", "a gap: %lld came and %lld is next%s", came, next,
			       next > 1 ? "" : "; this sealer has not signed the host's enrolment: enrol it anew");
	if (last->sequence > 0)
		hash_hex(&last->digest, hex);
	return !strcmp(statement->previous, hex) ||
	       err_set(err, ERR_REFUSED, "previous", "a fork: not the digest of the statement signed last");
}

static bool is_of_type(const struct statement *statement, const struct terms *terms, struct err *err) {
	bool is_enrolment = !strcmp(statement->type, "enrolment");
	if (!statement_has_type(statement) || statement_is_collectors(statement))
		return err_set(err, ERR_REFUSED, "type", "statements of this type are not signed");
	if (is_enrolment != (statement->sequence == 1))
		return err_set(err, ERR_REFUSED, "type", "number 1 is the enrolment, and no other");
	return !is_enrolment || !strcmp(statement->evidence_key, terms->enrolled) ||
	       err_set(err, ERR_REFUSED, "evidenceKey", "not the key that signs");
}

static const char *reason_of(const struct position *last, const struct statement *statement,
			     const struct terms *terms) {
	if (!terms->is_epoch_new)
		return "rotation";
	if (last->sequence == 1)
		return "enrolment";
	return strcmp(statement->boot_id, last->boot_id) != 0 ? "boot" : "reset";
}

/* An epoch is opened once, with the truth about why. */
static bool may_open_epoch(const struct position *last, const struct statement *statement, const struct terms *terms,
			   struct err *err) {
	const char *key = terms->is_epoch_new ? terms->epoch : terms->next;
	const char *reason = reason_of(last, statement, terms);
	if (!key)
		return err_set(err, ERR_REFUSED, "type", "the epoch goes on: its key is named already");
	if (strcmp(statement->epoch_key, key) != 0)
		return err_set(err, ERR_REFUSED, "epochKey", "not the key that signs");
	if (strcmp(statement->last_boot_id, last->boot_id) != 0)
		return err_set(err, ERR_REFUSED, "lastBootId", "not the boot of the statement signed last");
	return !strcmp(statement->reason, reason) || err_set(err, ERR_REFUSED, "reason", "it is \"%s\"", reason);
}

bool position_admits(const struct position *position, const struct terms *terms, const void *payload, size_t len,
		     struct statement **ret_statement, bool *ret_is_early, struct err *err) {
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!statement_read(payload, len, "statement", &statement, err) || !is_next(position, statement, err) ||
	    !is_of_type(statement, terms, err))
		return false;
	if (strcmp(statement->host_id, terms->host_id) != 0)
		return err_set(err, ERR_REFUSED, "host", "not the host that was enrolled");
	/* The next epoch has to name it in full. */
	if (strlen(statement->boot_id) >= sizeof position->boot_id)
		return err_set(err, ERR_REFUSED, "bootId", "longer than any kernel's");
	bool is_epoch = !strcmp(statement->type, "epoch");
	if (is_epoch && !may_open_epoch(position, statement, terms, err))
		return false;
	*ret_is_early = !is_epoch && (terms->is_epoch_new || terms->next) && statement->sequence > 1;
	*ret_statement = statement;
	statement = NULL;
	return true;
}

/* --- on the disk -------------------------------------------------------------------------------------------------- */

static bool read_base64(const json_t *object, const char *name, const char *where, size_t most, struct buf *ret_bytes,
			struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err) ||
	    !base64_decode(text, strlen(text), where, ret_bytes, err))
		return false;
	return (ret_bytes->len > 0 && ret_bytes->len <= most) ||
	       err_set(err, ERR_MALFORMED, where, "\"%s\" is empty or too long", name);
}

static bool fill(const json_t *object, const char *where, struct position *position, struct err *err) {
	const char *digest, *boot_id, *epoch;
	if (!json_get_int(object, "sequence", where, &position->sequence, err) ||
	    !json_get_string(object, "digest", where, &digest, err) ||
	    !json_get_string(object, "bootId", where, &boot_id, err) ||
	    !json_get_string(object, "epoch", where, &epoch, err) ||
	    !read_base64(object, "signature", where, KEY_SIGNATURE_LONGEST, &position->signature, err) ||
	    !read_base64(object, "signer", where, SEALER_KEY_LARGEST, &position->signer, err))
		return false;
	snprintf(position->boot_id, sizeof position->boot_id, "%s", boot_id);
	snprintf(position->epoch, sizeof position->epoch, "%s", epoch);
	/* Earlier versions did not write it: 0 has the key changed as soon as the host runs longer than the span. */
	position->epoch_at = json_integer_value(json_object_get(object, "epochAt"));
	return (position->sequence >= 1 && position->sequence < INT64_MAX &&
		hash_from_hex(digest, &position->digest)) ||
	       err_set(err, ERR_MALFORMED, where, "not a position that this program wrote");
}

/* A position of another key is none of ours. */
static bool keeper_read(struct keeper *keeper, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err why;
	const char *enrolled;
	if (!file_read(keeper->path, POSITION_LARGEST, &bytes, &why)) {
		if (why.code == ERR_ABSENT)
			return true;
		*err = why;
		return false;
	}
	if (!json_read(bytes.data, bytes.len, POSITION_LARGEST, keeper->path, &object, err) ||
	    !json_get_string(object, "enrolled", keeper->path, &enrolled, err))
		return false;
	return strcmp(enrolled, keeper->enrolled_id) != 0 || fill(object, keeper->path, &keeper->last, err);
}

static bool keeper_write(const struct keeper *keeper, const struct position *position, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *signature = base64_encode(position->signature.data, position->signature.len);
	CLEANUP(free_ptr) char *signer = base64_encode(position->signer.data, position->signer.len);
	char hex[HASH_HEX];
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "bootId", json_text(position->boot_id),
				   "digest", hash_hex(&position->digest, hex), "enrolled", keeper->enrolled_id, "epoch",
				   position->epoch, "epochAt", (json_int_t)position->epoch_at, "sequence",
				   (json_int_t)position->sequence, "signature", signature, "signer", signer);
	return json_canonical(object, &bytes, err) && file_write(keeper->path, bytes.data, bytes.len, 0600, err);
}

static bool take_lock(struct keeper *keeper, struct err *err) {
	keeper->lock = open(keeper->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper->lock < 0)
		return err_errno(err, errno, ERR_IO, keeper->folder, "open");
	return flock(keeper->lock, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(err, ERR_REFUSED, keeper->folder, "another sealer has it");
}

/* --- the epoch's key ---------------------------------------------------------------------------------------------- */

static char *name_key(EVP_PKEY *key, char ret_id[HASH_HEX]) {
	CLEANUP(buf_done) struct buf der = {0};
	struct hash id = key_id(key);
	key_public_der(key, &der);
	hash_hex(&id, ret_id);
	return base64_encode(der.data, der.len);
}

static void epoch_done(struct epoch *epoch) {
	EVP_PKEY_free(epoch->key);
	free(epoch->base64);
	*epoch = (struct epoch){0};
}

static bool epoch_from_seed(const uint8_t seed[SEED_LEN], unsigned slot, struct epoch *ret_epoch, struct err *err) {
	struct epoch epoch = {.slot = slot};
	if (!key_from_seed(seed, &epoch.key, err))
		return false;
	epoch.base64 = name_key(epoch.key, epoch.id);
	*ret_epoch = epoch;
	return true;
}

/* What is overwritten is gone: pages of a memfd that is only closed keep their bytes until somebody needs them. */
static bool write_slot(int fd, unsigned slot, const uint8_t seed[SEED_LEN]) {
	static const uint8_t nothing[SEED_LEN];
	return pwrite(fd, seed ? seed : nothing, SEED_LEN, (off_t)slot * SEED_LEN) == SEED_LEN;
}

/* The slot whose key the position names; the other one's, of a change that a crash cut short, goes. */
static bool take_slot(struct keeper *keeper, const uint8_t *seeds, unsigned count) {
	struct err ignored;
	for (unsigned slot = 0; slot < count; slot++) {
		if (!epoch_from_seed(seeds + (size_t)slot * SEED_LEN, slot, &keeper->epoch, &ignored))
			continue;
		if (!strcmp(keeper->epoch.id, keeper->last.epoch))
			return true;
		epoch_done(&keeper->epoch);
	}
	return false;
}

static bool make_seeds(const uint8_t seed[SEED_LEN], int *ret_fd) {
	CLEANUP(close_fd) int fd = memfd_create("vouch-epoch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !write_slot(fd, 0, seed) || !write_slot(fd, 1, NULL) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* Earlier versions kept one seed, in a memfd that cannot be written: it moves into one that can. */
static bool keep_taken(struct keeper *keeper, int kept, const uint8_t *seeds, size_t len) {
	if (len == SEED_LEN) {
		keeper->is_made = true;
		return make_seeds(seeds, &keeper->seeds);
	}
	keeper->seeds = fcntl(kept, F_DUPFD_CLOEXEC, 3);
	return keeper->seeds >= 0 && write_slot(keeper->seeds, 1 - keeper->epoch.slot, NULL);
}

static bool take_kept(struct keeper *keeper, int kept) {
	uint8_t seeds[SLOTS * SEED_LEN + 1];
	ssize_t len = pread(kept, seeds, sizeof seeds, 0);
	bool is_whole = len == SEED_LEN || len == (ssize_t)SLOTS * SEED_LEN;
	bool is_taken = is_whole && take_slot(keeper, seeds, (unsigned)len / SEED_LEN) &&
			keep_taken(keeper, kept, seeds, (size_t)len);
	OPENSSL_cleanse(seeds, sizeof seeds);
	if (is_taken)
		return true;
	epoch_done(&keeper->epoch);
	close_fd(&keeper->seeds);
	keeper->seeds = -1;
	(void)!(write_slot(kept, 0, NULL) && write_slot(kept, 1, NULL));
	return false;
}

static bool make_epoch(struct keeper *keeper, struct err *err) {
	uint8_t seed[SEED_LEN];
	struct err why;
	bool is_made = RAND_priv_bytes(seed, sizeof seed) == 1 && epoch_from_seed(seed, 0, &keeper->epoch, &why) &&
		       make_seeds(seed, &keeper->seeds);
	OPENSSL_cleanse(seed, sizeof seed);
	keeper->is_made = true;
	return is_made || err_set(err, ERR_CRYPTO, "epoch", "its key cannot be made");
}

/* --- the next epoch's --------------------------------------------------------------------------------------------- */

static int64_t boot_clock(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* A clock that is behind the epoch's beginning is of another boot, or the file is: then too. */
static bool is_due(const struct keeper *keeper) {
	int64_t now = boot_clock(), since = keeper->last.epoch_at;
	return !strcmp(keeper->epoch.id, keeper->last.epoch) && (now < since || now - since >= keeper->span);
}

/* The seed is kept before any statement can name its key. */
static bool make_next(struct keeper *keeper, struct err *err) {
	uint8_t seed[SEED_LEN];
	struct err why;
	const unsigned slot = 1 - keeper->epoch.slot;
	if (keeper->next.key || !is_due(keeper))
		return true;
	bool is_made = RAND_priv_bytes(seed, sizeof seed) == 1 && epoch_from_seed(seed, slot, &keeper->next, &why) &&
		       write_slot(keeper->seeds, slot, seed);
	OPENSSL_cleanse(seed, sizeof seed);
	if (!is_made)
		epoch_done(&keeper->next);
	return is_made || err_set(err, ERR_CRYPTO, "epoch", "the next key cannot be made");
}

/* The statement that names the next key is on the disk: the key before it signs nothing more, and goes. */
static void rotate(struct keeper *keeper) {
	if (!keeper->next.key || strcmp(keeper->next.id, keeper->last.epoch) != 0)
		return;
	(void)!write_slot(keeper->seeds, keeper->epoch.slot, NULL);
	epoch_done(&keeper->epoch);
	keeper->epoch = keeper->next;
	keeper->next = (struct epoch){0};
}

int keeper_epoch(const struct keeper *keeper) { return keeper->is_made ? keeper->seeds : -1; }

/* Behind its statement an epoch needs the enrolled key no more. */
static void drop_enrolled(struct keeper *keeper) {
	if (strcmp(keeper->epoch.id, keeper->last.epoch) != 0)
		return;
	host_key_free(keeper->enrolled);
	keeper->enrolled = NULL;
}

bool keeper_open(const char *folder, struct host_key *enrolled, const char *host_id, int64_t span, int kept,
		 struct keeper **ret_keeper, struct err *err) {
	CLEANUP(keeper_free_p) struct keeper *keeper = xcalloc(1, sizeof *keeper);
	keeper->lock = keeper->seeds = -1;
	keeper->span = span;
	keeper->folder = xstrdup(folder);
	keeper->path = file_join(folder, "position");
	keeper->host_id = xstrdup(host_id);
	keeper->enrolled_base64 = name_key(host_key_public(enrolled), keeper->enrolled_id);
	if (!file_make_folder(folder, 0700, err) || !take_lock(keeper, err) || !file_sweep(folder, err) ||
	    !keeper_read(keeper, err) || (!take_kept(keeper, kept) && !make_epoch(keeper, err)))
		return false;
	keeper->enrolled = enrolled;
	drop_enrolled(keeper);
	*ret_keeper = keeper;
	keeper = NULL;
	return true;
}

void keeper_free(struct keeper *keeper) {
	if (!keeper)
		return;
	close_fd(&keeper->lock);
	close_fd(&keeper->seeds);
	host_key_free(keeper->enrolled);
	epoch_done(&keeper->epoch);
	epoch_done(&keeper->next);
	position_done(&keeper->last);
	free(keeper->enrolled_base64);
	free(keeper->host_id);
	free(keeper->path);
	free(keeper->folder);
	free(keeper);
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

/* The enrolled key signs what begins the line and the epochs that no other can vouch for. */
static bool is_for_enrolled(const struct keeper *keeper, const struct statement *statement) {
	bool is_first = !strcmp(statement->type, "epoch") && !keeper->next.key;
	return is_first || statement->sequence == 1;
}

static bool sign(const struct keeper *keeper, bool by_enrolled, const void *payload, size_t len,
		 struct position *position, struct err *err) {
	CLEANUP(buf_done) struct buf pae = {0};
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t signature_len;
	dsse_pae(DSSE_INTOTO, payload, len, &pae);
	bool is_signed = by_enrolled
				 ? host_key_sign(keeper->enrolled, pae.data, pae.len, signature, &signature_len, err)
				 : key_sign(keeper->epoch.key, pae.data, pae.len, signature, &signature_len, err);
	if (!is_signed)
		return false;
	buf_add(&position->signature, signature, signature_len);
	key_public_der(by_enrolled ? host_key_public(keeper->enrolled) : keeper->epoch.key, &position->signer);
	return true;
}

static struct terms terms_of(const struct keeper *keeper) {
	return (struct terms){.host_id = keeper->host_id,
			      .enrolled = keeper->enrolled_base64,
			      .epoch = keeper->epoch.base64,
			      .next = keeper->next.base64,
			      .is_epoch_new = strcmp(keeper->epoch.id, keeper->last.epoch) != 0};
}

static void place(const struct keeper *keeper, const struct statement *statement, struct position *next) {
	const struct epoch *named = keeper->next.key ? &keeper->next : &keeper->epoch;
	bool is_epoch = !strcmp(statement->type, "epoch");
	next->sequence = statement->sequence;
	next->epoch_at = is_epoch ? boot_clock() : keeper->last.epoch_at;
	snprintf(next->boot_id, sizeof next->boot_id, "%s", statement->boot_id);
	snprintf(next->epoch, sizeof next->epoch, "%s", is_epoch ? named->id : keeper->last.epoch);
}

/* On the disk first: what was signed and is not known to have been signed could be signed otherwise. */
static enum sealer_outcome advance(struct keeper *keeper, const void *payload, size_t len, struct err *err) {
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	CLEANUP(position_done) struct position next = {.digest = hash_of(payload, len)};
	bool is_early;
	if (!make_next(keeper, err))
		return SEALER_FAILED;
	const struct terms terms = terms_of(keeper);
	if (!position_admits(&keeper->last, &terms, payload, len, &statement, &is_early, err))
		return SEALER_REFUSED;
	if (is_early)
		return (void)err_set(err, ERR_REFUSED, "epoch", "its key has to be named first"), SEALER_EPOCH;
	place(keeper, statement, &next);
	if (!sign(keeper, is_for_enrolled(keeper, statement), payload, len, &next, err) ||
	    !keeper_write(keeper, &next, err))
		return SEALER_FAILED;
	position_done(&keeper->last);
	keeper->last = next;
	next = (struct position){0};
	rotate(keeper);
	drop_enrolled(keeper);
	return SEALER_SIGNED;
}

static void add_key(struct sealer_reply *reply, const void *der, size_t len) {
	memcpy(reply->key, der, len); /* under its cap: keys are Ed25519 or P-256 */
	reply->key_len = (uint32_t)len;
}

static bool is_last(const struct position *last, const void *payload, size_t len) {
	struct hash digest = hash_of(payload, len);
	return last->sequence > 0 && hash_equal(&digest, &last->digest);
}

void keeper_sign(struct keeper *keeper, const void *payload, size_t len, struct sealer_reply *ret_reply) {
	struct err err;
	const struct position *last = &keeper->last;
	*ret_reply = (struct sealer_reply){.outcome = SEALER_SIGNED};
	if (!is_last(last, payload, len))
		ret_reply->outcome = advance(keeper, payload, len, &err);
	if (ret_reply->outcome != SEALER_SIGNED) {
		char text[sizeof err.where + sizeof err.why + 64];
		CLEANUP(buf_done) struct buf der = {0};
		snprintf(ret_reply->why, sizeof ret_reply->why, "%s", err_text(&err, text, sizeof text));
		key_public_der(keeper->next.key ? keeper->next.key : keeper->epoch.key, &der);
		if (ret_reply->outcome == SEALER_EPOCH)
			add_key(ret_reply, der.data, der.len);
		ret_reply->is_rotation = ret_reply->outcome == SEALER_EPOCH && keeper->next.key;
		return;
	}
	ret_reply->signature_len = (uint32_t)last->signature.len;
	memcpy(ret_reply->signature, last->signature.data, last->signature.len);
	add_key(ret_reply, last->signer.data, last->signer.len);
}
