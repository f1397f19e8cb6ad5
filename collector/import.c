#include "collector/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/peer.h"
#include "core/base64.h"
#include "core/file.h"
#include "core/parcel.h"
#include "core/tile.h"
#include "core/times.h"

#define WHERE "order"
#define CLOCK_SLACK_S 300
#define PIECE (1U << 20) /* read at once */

static void x509_free_p(X509 **certificate) { X509_free(*certificate); }

/* --- whose it is -------------------------------------------------------------------------------------------------- */

struct carried {
	int folder; /* descriptor */
	struct peer peer;
	struct parcel parcel;
	bool has_ended; /* its certificate */
};

static void carried_done(struct carried *carried) {
	close_fd(&carried->folder);
	peer_done(&carried->peer);
	parcel_done(&carried->parcel);
}

/* Nothing of a stranger's folder may hang or lead elsewhere. */
static bool open_file(const struct carried *carried, const char *name, int *ret_fd, struct err *err) {
	struct stat status;
	int fd = openat(carried->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, errno == ENOENT ? ERR_ABSENT : ERR_DENIED, name, "open");
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		*ret_fd = fd;
		return true;
	}
	close(fd);
	return err_set(err, ERR_REFUSED, name, "it is no file");
}

static bool read_file(const struct carried *carried, const char *name, struct buf *ret_bytes, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	return open_file(carried, name, &fd, err) && file_read_fd(fd, name, PARCEL_LARGEST, ret_bytes, err);
}

static bool read_certificate(const struct carried *carried, X509 **ret_certificate, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	if (!read_file(carried, PARCEL_CERTIFICATE, &pem, err))
		return false;
	BIO *bio = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	*ret_certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return *ret_certificate || err_set(err, ERR_MALFORMED, PARCEL_CERTIFICATE, "it is no certificate");
}

static bool is_ours(const struct collector *collector, const struct carried *carried, int64_t now, struct err *err) {
	const struct parcel *parcel = &carried->parcel;
	if (strcmp(parcel->host, carried->peer.host) != 0)
		return err_set(err, ERR_REFUSED, PARCEL_FILE, "it is by another host than its certificate");
	if (strcmp(parcel->origin, log_origin(collector->log)) != 0)
		return err_set(err, ERR_REFUSED, PARCEL_FILE, "it is for the log \"%.128s\"", parcel->origin);
	return parcel->made_at <= now + CLOCK_SLACK_S ||
	       err_set(err, ERR_REFUSED, PARCEL_FILE, "it was made in the future: one of two clocks is wrong");
}

static bool may_begin(const struct collector *collector, const struct carried *carried, struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	if (!carried->has_ended)
		return true;
	return store_line_of(collector->store, carried->peer.transport, &line, err) &&
	       (line.id != 0 ||
		err_set(err, ERR_REFUSED, PARCEL_CERTIFICATE, "it has ended, and a new line is not begun with it"));
}

/* One of an outside CA is known from the first time on, as over the network. */
static bool admit(const struct collector *collector, X509 *certificate, int64_t now, struct err *err) {
	char host[CA_HOST_ID + 1] = "";
	if (!outside_is_issuer(collector->outside, certificate, now))
		return true;
	if (!outside_admit(collector->store, certificate, collector->own->id, now, host, err))
		return false;
	if (host[0])
		collector_say(collector, "import: the certificate of an outside CA for host %s", host);
	return true;
}

static bool is_enrolled(const struct carried *carried, struct err *err) {
	return carried->peer.host[0] || err_set(err, ERR_REFUSED, PARCEL_CERTIFICATE, "it is not of an enrolled host");
}

static bool open_parcel(const struct collector *collector, const char *path, int64_t now, struct carried *carried,
			struct err *err) {
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	time_t then = (time_t)now;
	carried->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (carried->folder < 0)
		return err_errno(err, errno, errno == ENOENT ? ERR_ABSENT : ERR_DENIED, path,
				 "open, as the user that the collector runs as,");
	if (!read_certificate(carried, &certificate, err) || !read_file(carried, PARCEL_FILE, &text, err) ||
	    !admit(collector, certificate, now, err) ||
	    !peer_of_certificate(collector->store, certificate, &carried->peer, err) || !is_enrolled(carried, err) ||
	    !parcel_read(buf_str(&text), text.len, X509_get0_pubkey(certificate), PARCEL_FILE, &carried->parcel, err))
		return false;
	carried->has_ended = X509_cmp_time(X509_get0_notAfter(certificate), &then) <= 0;
	return is_ours(collector, carried, now, err) && may_begin(collector, carried, err);
}

/* --- its lines ---------------------------------------------------------------------------------------------------- */

static bool is_whole(const struct carried *carried, int fd, struct err *err) {
	CLEANUP(buf_done) struct buf piece = {0};
	struct evp_md_ctx_st *hash = hash_begin();
	int64_t size = 0;
	ssize_t len;
	char *room = buf_room(&piece, PIECE);
	while ((len = pread(fd, room, PIECE, size)) > 0) {
		hash_more(hash, room, (size_t)len);
		size += len;
		if (size > carried->parcel.bytes)
			break;
	}
	const struct hash sha256 = hash_end(hash);
	if (len < 0)
		return err_errno(err, errno, ERR_IO, PARCEL_STATEMENTS, "read");
	return (size == carried->parcel.bytes && hash_equal(&sha256, &carried->parcel.sha256)) ||
	       err_set(err, ERR_REFUSED, PARCEL_STATEMENTS, "these are not the bytes that the host signed for");
}

/* From here whole lines of at most so many bytes, one at least. */
static bool read_lines(int fd, int64_t from, struct buf *lines, size_t *ret_count, struct err *err) {
	size_t end = 0, count = 0;
	for (;;) {
		char *room = buf_room(lines, PIECE);
		const ssize_t len = pread(fd, room, PIECE, from + (int64_t)lines->len);
		if (len < 0)
			return err_errno(err, errno, ERR_IO, PARCEL_STATEMENTS, "read");
		lines->len += (size_t)len;
		for (const char *at; count < IMPORT_LINES_MOST && end < lines->len &&
				     (at = memchr(lines->data + end, '\n', lines->len - end));) {
			const size_t behind = (size_t)(at + 1 - lines->data);
			if (count && behind > IMPORT_BYTES_MOST)
				break;
			end = behind;
			count++;
		}
		if (len == 0 || count == IMPORT_LINES_MOST || (count && lines->len > IMPORT_BYTES_MOST))
			break;
		if (lines->len - end > RECEIVE_LINE_LARGEST)
			return err_set(err, ERR_TOO_BIG, PARCEL_STATEMENTS, "a line is larger than %u bytes",
				       RECEIVE_LINE_LARGEST);
	}
	if (count == 0)
		return err_set(err, ERR_MALFORMED, PARCEL_STATEMENTS, "there is no whole line behind byte %" PRId64,
			       from);
	lines->len = end;
	*ret_count = count;
	return true;
}

/* --- what proves the log ------------------------------------------------------------------------------------------ */

struct recording {
	struct log *log;
	json_t *tiles; /* borrowed */
};

static bool record_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
			struct err *err) {
	struct recording *recording = context;
	char path[TILE_PATH_LONGEST];
	if (!log_file(recording->log, tile_path(level, index, width, path), ret_bytes, err))
		return false;
	CLEANUP(free_ptr) char *base64 = base64_encode(ret_bytes->data, ret_bytes->len);
	json_object_set_new(recording->tiles, path, json_string(base64));
	return true;
}

/* The tiles of the proof that the log as it is continues the one of `seen` entries. */
static bool add_tiles(struct collector *collector, int64_t seen, json_t *tiles, struct err *err) {
	struct recording recording = {collector->log, tiles};
	const uint64_t size = log_size(collector->log);
	struct hash path[MERKLE_PATH_LONGEST];
	size_t len = 0;
	if (seen < 0 || (uint64_t)seen > size)
		return err_set(err, ERR_REFUSED, "log",
			       "it has %" PRIu64 " entries, and the host has seen %" PRId64 ": this collector was set "
			       "back",
			       size, seen);
	if (seen == 0 || (uint64_t)seen == size)
		return true;
	CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(size, record_tile, &recording);
	return merkle_consistency((uint64_t)seen, size, tile_tree_hash, tree, path, &len, err);
}

static bool add_proof(struct collector *collector, const struct carried *carried, int64_t seen, bool is_last,
		      json_t *answer, struct err *err) {
	CLEANUP(buf_done) struct buf note = {0};
	json_t *tiles = json_object();
	json_object_set_new(answer, "tiles", tiles);
	if (!add_tiles(collector, seen, tiles, err) ||
	    (is_last && !add_tiles(collector, carried->parcel.seen, tiles, err)) ||
	    !log_file(collector->log, "checkpoint", &note, err))
		return false;
	json_object_set_new(answer, "checkpoint", json_stringn(note.data, note.len));
	json_object_set_new(answer, "seen", json_integer((json_int_t)log_size(collector->log)));
	return true;
}

/* --- a step ------------------------------------------------------------------------------------------------------- */

static void say_step(const struct collector *collector, const struct carried *carried,
		     const struct receive_tally *before) {
	const struct receive_tally *after = &collector->tally;
	collector_say(collector,
		      "import: host %s: %" PRIu64 " logged, %" PRIu64 " known, %" PRIu64 " refused, %" PRIu64
		      " to be retried",
		      carried->peer.host, after->logged - before->logged, after->known - before->known,
		      after->refused - before->refused, after->retry - before->retry);
}

static bool take_lines(struct collector *collector, const struct carried *carried, int64_t from, int64_t seen,
		       int64_t now, json_t *answer, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	CLEANUP(buf_done) struct buf lines = {0}, answers = {0};
	const struct receive_tally before = collector->tally;
	size_t count;
	if (!open_file(carried, PARCEL_STATEMENTS, &fd, err) || (from == 0 && !is_whole(carried, fd, err)) ||
	    !read_lines(fd, from, &lines, &count, err) ||
	    !receive(collector->store, collector->log, &carried->peer, lines.data, lines.len, now, &collector->tally,
		     &answers, err))
		return false;
	say_step(collector, carried, &before);
	const int64_t next = from + (int64_t)lines.len;
	if (next < carried->parcel.bytes)
		json_object_set_new(answer, "next", json_integer(next));
	json_object_set_new(answer, "answers", json_stringn(answers.data, answers.len));
	json_object_set_new(answer, "lines", json_integer((json_int_t)count));
	json_object_set_new(answer, "of", json_integer(carried->parcel.statements));
	json_object_set_new(answer, "host", json_string(carried->peer.host));
	return add_proof(collector, carried, seen, next >= carried->parcel.bytes, answer, err);
}

bool import_step(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer, struct err *err) {
	CLEANUP(carried_done) struct carried carried = {.folder = -1};
	CLEANUP(json_decref_p) json_t *answer = json_object();
	const char *path;
	int64_t from = 0, seen = 0;
	if (!json_get_string(order, "parcel", WHERE, &path, err) || !json_get_int(order, "from", WHERE, &from, err))
		return false;
	if (path[0] != '/' || from < 0)
		return err_set(err, ERR_MALFORMED, WHERE,
			       "a parcel has an absolute path, and no byte before its first");
	if (!open_parcel(collector, path, now, &carried, err))
		return false;
	seen = carried.parcel.seen;
	if (json_object_get(order, "seen") && !json_get_int(order, "seen", WHERE, &seen, err))
		return false;
	if (!take_lines(collector, &carried, from, seen, now, answer, err))
		return false;
	*ret_answer = json_incref(answer);
	return true;
}
