#include "agent/courier.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/lines.h"
#include "core/parcel.h"
#include "core/paths.h"
#include "core/statement.h"
#include "core/text.h"
#include "core/times.h"

#define ANSWERS_LARGEST (256U << 20)
#define PARCELS_MOST 4096 /* of one host below a folder */
#define DRAFT ".tmp-parcel-"

/* --- the way out -------------------------------------------------------------------------------------------------- */

struct sending {
	const struct home *home;
	const struct enrolment *enrolment;
	struct spool_list queue;
	EVP_PKEY *key;
	struct shipper *shipper;
	struct renewal *renewal;
	char *draft, *path;
	struct parcel parcel;
};

static void sending_done(struct sending *sending) {
	spool_list_done(&sending->queue);
	EVP_PKEY_free(sending->key);
	shipper_close(sending->shipper);
	renewal_free(sending->renewal);
	free(sending->draft);
	free(sending->path);
	parcel_done(&sending->parcel);
}

void courier_sent_done(struct courier_sent *sent) {
	free(sent->path);
	*sent = (struct courier_sent){0};
}

static bool add_line(struct sending *sending, const char *name, FILE *file, struct evp_md_ctx_st *hash,
		     struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(sending->home->queue, name);
	CLEANUP(buf_done) struct buf line = {0};
	if (!file_read_plain(path, SPOOL_LINE_LARGEST, &line, err))
		return false;
	if (line.len == 0 || line.data[line.len - 1] != '\n')
		buf_adds(&line, "\n");
	hash_more(hash, line.data, line.len);
	sending->parcel.bytes += (int64_t)line.len;
	sending->parcel.statements++;
	return fwrite(line.data, 1, line.len, file) == line.len ||
	       err_errno(err, errno, ERR_IO, PARCEL_STATEMENTS, "write");
}

static bool add_lines(struct sending *sending, FILE *file, struct err *err) {
	struct evp_md_ctx_st *hash = hash_begin();
	bool ok = true;
	for (size_t i = 0; ok && i < sending->queue.count; i++)
		ok = add_line(sending, sending->queue.names[i], file, hash, err);
	sending->parcel.sha256 = hash_end(hash);
	return ok;
}

static bool write_statements(struct sending *sending, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(sending->draft, PARCEL_STATEMENTS);
	CLEANUP(close_stream) FILE *file = fopen(path, "wxe");
	if (!file)
		return err_errno(err, errno, ERR_IO, path, "make");
	if (!add_lines(sending, file, err))
		return false;
	return (fflush(file) == 0 && fsync(fileno(file)) == 0) || err_errno(err, errno, ERR_IO, path, "write");
}

static bool write_certificate(const struct sending *sending, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(sending->draft, PARCEL_CERTIFICATE);
	CLEANUP(buf_done) struct buf pem = {0};
	return file_read(renewal_certificate(sending->renewal), KEY_FILE_LARGEST, &pem, err) &&
	       file_create(path, pem.data, pem.len, 0644, err);
}

static bool write_manifest(struct sending *sending, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(sending->draft, PARCEL_FILE);
	CLEANUP(buf_done) struct buf text = {0};
	const struct receipts *receipts = sending->shipper->receipts;
	sending->parcel.host = xstrdup(sending->enrolment->host_id);
	sending->parcel.origin = xstrdup(sending->enrolment->origin);
	sending->parcel.made_at = times_now();
	sending->parcel.seen = receipts->has_last ? (int64_t)receipts->last.size : 0;
	return parcel_write(&sending->parcel, sending->key, &text, err) &&
	       file_create(path, text.data, text.len, 0644, err);
}

/* A draft of an earlier try may hold some of them. */
static bool clear_draft(const char *draft, struct err *err) {
	static const char *const names[] = {PARCEL_STATEMENTS, PARCEL_CERTIFICATE, PARCEL_FILE};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(free_ptr) char *path = file_join(draft, names[i]);
		if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, ERR_IO, path, "remove");
	}
	return true;
}

/* The folder was in others' hands: a link of the draft's name would have us write somewhere else. */
static bool make_draft(const char *draft, struct err *err) {
	struct stat status;
	if (mkdir(draft, 0755) == 0)
		return true;
	if (errno != EEXIST || lstat(draft, &status) != 0)
		return err_errno(err, errno, ERR_IO, draft, "make folder");
	return S_ISDIR(status.st_mode) ? clear_draft(draft, err)
				       : err_set(err, ERR_REFUSED, draft, "it is no folder: take it away");
}

static bool write_parcel(struct sending *sending, struct err *err) {
	if (!make_draft(sending->draft, err))
		return false;
	return write_statements(sending, err) && write_certificate(sending, err) && write_manifest(sending, err) &&
	       file_sync_folder(sending->draft, err) && file_move(sending->draft, sending->path, err);
}

static bool open_sending(struct sending *sending, const char *folder, struct err *err) {
	if (!key_load(sending->home->transport_key, &sending->key, err) ||
	    !shipper_open_offline(sending->home, sending->enrolment, &sending->shipper, err) ||
	    !renewal_open(sending->home, sending->enrolment, sending->key, &sending->renewal, err) ||
	    !spool_list(sending->home->queue, &sending->queue, err))
		return false;
	if (sending->queue.count == 0)
		return true;
	/* One level: a stick that is not mounted is no place to write to. */
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return err_errno(err, errno, ERR_IO, folder, "make folder");
	sending->draft = xasprintf("%s/" DRAFT "%s", folder, sending->enrolment->host_id);
	sending->path = xasprintf("%s/%s-%.20s-%.37s", folder, sending->enrolment->host_id, sending->queue.names[0],
				  sending->queue.names[sending->queue.count - 1]);
	return true;
}

bool courier_send(const struct home *home, const struct enrolment *enrolment, const char *folder,
		  struct courier_sent *ret_sent, struct err *err) {
	CLEANUP(sending_done) struct sending sending = {.home = home, .enrolment = enrolment};
	struct stat status;
	*ret_sent = (struct courier_sent){0};
	if (!open_sending(&sending, folder, err))
		return false;
	if (sending.queue.count == 0)
		return true;
	CLEANUP(free_ptr) char *manifest = file_join(sending.path, PARCEL_FILE);
	const bool is_there = lstat(manifest, &status) == 0 && S_ISREG(status.st_mode);
	if (!is_there && !write_parcel(&sending, err))
		return false;
	*ret_sent = (struct courier_sent){.statements = sending.queue.count,
					  .bytes = sending.parcel.bytes,
					  .path = sending.path,
					  .is_there = is_there};
	sending.path = NULL;
	return true;
}

/* --- the way back ------------------------------------------------------------------------------------------------- */

/* The queue, by the digits of the digest that are in a name. */
struct taking {
	struct shipper *shipper;
	struct spool_list queue;
	struct courier_taken *taken;
};

#define DIGITS 16
#define DIGITS_AT 21 /* in an entry's name */

static int by_digits(const void *a, const void *b) {
	return strncmp(*(char *const *)a + DIGITS_AT, *(char *const *)b + DIGITS_AT, DIGITS);
}

/* NULL: it is not in the queue, so it went before. */
static const char *entry_of(const struct taking *taking, const char *digest) {
	if (strlen(digest) != HASH_HEX - 1 || taking->queue.count == 0)
		return NULL;
	CLEANUP(free_ptr) char *like = xasprintf("%0*d%s", DIGITS_AT, 0, digest);
	char **found = bsearch(&like, taking->queue.names, taking->queue.count, sizeof(char *), by_digits);
	return found ? *found : NULL;
}

static bool take_answer(struct taking *taking, const char *line, const char *where, struct err *err) {
	CLEANUP(json_decref_p) json_t *answer = NULL;
	CLEANUP(buf_done) struct buf entry = {0}, body = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	const char *digest;
	if (!json_read(line, strlen(line), LINES_LONGEST, where, &answer, err) ||
	    !json_get_string(answer, "digest", where, &digest, err))
		return false;
	const char *name = entry_of(taking, digest);
	if (!name)
		return true;
	CLEANUP(free_ptr) char *path = file_join(taking->shipper->home->queue, name);
	if (access(path, F_OK) != 0) /* an answer that comes twice */
		return true;
	return file_read(path, SPOOL_LINE_LARGEST, &entry, err) &&
	       statement_wire_read(entry.data, entry.len, name, &envelope, &body, err) &&
	       ship_settle(taking->shipper, name, envelope, answer, &taking->taken->shipped, err);
}

static bool take_parcel(struct taking *taking, const char *folder, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, PARCEL_ANSWERS);
	CLEANUP(buf_done) struct buf bytes = {0};
	const char *line;
	bool ok = true;
	if (!file_read_plain(path, ANSWERS_LARGEST, &bytes, err))
		return false;
	struct lines lines = lines_over(path, bytes.data, bytes.len);
	taking->shipper->folder = folder;
	taking->shipper->is_log_seen = false;
	while (ok && (line = lines_next(&lines)))
		ok = take_answer(taking, line, path, err);
	ok = ok && lines_ok(&lines, err);
	lines_done(&lines);
	taking->taken->parcels += ok;
	return ok;
}

/* Those named "<host>-...": their order is that of the chain. */
static bool find_parcels(const char *folder, const char *host, struct paths *parcels, struct err *err) {
	CLEANUP(close_folder) DIR *open = opendir(folder);
	if (!open)
		return err_errno(err, errno, errno == ENOENT ? ERR_ABSENT : ERR_IO, folder, "open folder");
	for (struct dirent *entry = readdir(open); entry; entry = readdir(open)) {
		if (!text_starts(entry->d_name, host) || entry->d_name[strlen(host)] != '-')
			continue;
		if (parcels->count == PARCELS_MOST)
			return err_set(err, ERR_TOO_BIG, folder, "more than %d parcels of one host", PARCELS_MOST);
		paths_add(parcels, file_join(folder, entry->d_name));
	}
	paths_sort(parcels);
	return true;
}

static bool take_parcels(struct taking *taking, const char *folder, struct err *err) {
	CLEANUP(paths_done) struct paths parcels = {0};
	if (!find_parcels(folder, taking->shipper->enrolment->host_id, &parcels, err))
		return false;
	for (size_t i = 0; i < parcels.count; i++)
		if (!take_parcel(taking, parcels.items[i], err))
			return false;
	return true;
}

bool courier_take(const struct home *home, const struct enrolment *enrolment, const char *folder,
		  bool believes_refusals, struct courier_taken *ret_taken, struct err *err) {
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	*ret_taken = (struct courier_taken){0};
	if (!shipper_open_offline(home, enrolment, &shipper, err))
		return false;
	shipper->leaves_refused = !believes_refusals;
	struct taking taking = {.shipper = shipper, .taken = ret_taken};
	bool ok = spool_list(home->queue, &taking.queue, err);
	if (ok && taking.queue.count > 0)
		qsort(taking.queue.names, taking.queue.count, sizeof(char *), by_digits);
	ok = ok && take_parcels(&taking, folder, err);
	spool_list_done(&taking.queue);
	return ok;
}
