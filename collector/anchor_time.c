#include "collector/anchor_time.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/post.h"
#include "collector/stamps.h"
#include "core/file.h"
#include "core/times.h"
#include "core/timestamp.h"

#define PAUSE_SHORTEST_S 60
#define PAUSE_LONGEST_S 3600
#define SCAN_EVERY_S 86400  /* all anchors are looked through for ones to renew */
#define LOOKED_MOST 1000    /* anchors in one pass */
#define RENEWED_MOST 64     /* in one pass */
#define ROUNDS_PASS_S 40    /* spent on full rounds in one pass */
#define SKEW_S 300          /* between the authority's clock and ours, before it is said */
#define WANTED_MOST 1000000 /* entries of the folder that are looked at */

struct anchor_time {
	struct timestamp_trust *trust;
	int64_t stamped;        /* when an anchor got its first response last; -1: not known yet */
	int64_t retry, pause;   /* the authority is not asked before, and how long it was spared last */
	int64_t authority_ends; /* of the certificate that signed the last response; 0: not known yet */
	bool is_useless_said;
	uint64_t *sizes; /* what is still to be looked through: from next on */
	size_t count, next, lost;
	int64_t scanned;
};

void anchor_time_free(struct anchor_time *time) {
	if (!time)
		return;
	timestamp_trust_free(time->trust);
	free(time->sizes);
	free(time);
}

/* --- asking the authority ------------------------------------------------------------------------------------------
 */

static bool ask(const struct anchor *anchor, const struct timestamp_request *request, struct buf *ret_response,
		struct err *err) {
	const char *url = anchor->config->timestamp_url;
	const struct post question = {.url = url,
				      .content_type = TIMESTAMP_QUERY_TYPE,
				      .accept = TIMESTAMP_REPLY_TYPE,
				      .body = request->der.data,
				      .len = request->der.len,
				      .ends = &anchor->ends};
	struct post_answer answer = {0};
	if (!post(&question, &answer, err))
		return false;
	const long status = answer.status;
	if (status == 200)
		*ret_response = answer.body;
	else
		post_answer_done(&answer);
	return status == 200 || err_set(err, ERR_REFUSED, url, "it answers %ld", status);
}

static void compare_clocks(struct anchor *anchor, int64_t time) {
	const int64_t ahead = time - times_now();
	if (ahead > SKEW_S || ahead < -SKEW_S)
		anchor_trouble(anchor, "time-stamp authority's clock", "it is %lld s %s ours",
			       (long long)(ahead < 0 ? -ahead : ahead), ahead > 0 ? "ahead of" : "behind");
	else
		anchor_well(anchor, "time-stamp authority's clock");
}

/* The chain of each signer is kept once, for the trust file. */
static bool keep_authority(const struct anchor *anchor, const struct timestamp *said, const struct buf *chain,
			   struct err *err) {
	char hex[HASH_HEX];
	CLEANUP(free_ptr)
	char *path = xasprintf("%s/timestamps/authorities/%s.pem", anchor->folder, hash_hex(&said->certificate, hex));
	return access(path, F_OK) == 0 || file_write(path, chain->data, chain->len, 0644, err);
}

struct stamp {
	struct buf response, chain;
	struct timestamp said;
};

static void stamp_done(struct stamp *stamp) {
	buf_done(&stamp->response);
	buf_done(&stamp->chain);
	timestamp_done(&stamp->said);
}

static void spare(struct anchor_time *time) {
	time->pause = time->pause == 0 ? PAUSE_SHORTEST_S : 2 * time->pause;
	if (time->pause > PAUSE_LONGEST_S)
		time->pause = PAUSE_LONGEST_S;
	time->retry = times_now() + time->pause;
}

/* A verified response over this digest. False: it was said why, and the authority is spared for a while. */
static bool get(struct anchor *anchor, const struct hash *imprint, struct stamp *ret_stamp) {
	struct anchor_time *time = anchor->time;
	const char *url = anchor->config->timestamp_url;
	CLEANUP(timestamp_request_done) struct timestamp_request request = {0};
	CLEANUP(stamp_done) struct stamp stamp = {0};
	struct err err;
	if (!timestamp_ask(imprint, &request, &err) || !ask(anchor, &request, &stamp.response, &err) ||
	    !timestamp_take(&request, stamp.response.data, stamp.response.len, time->trust, url, &stamp.said,
			    &stamp.chain, &err) ||
	    !keep_authority(anchor, &stamp.said, &stamp.chain, &err)) {
		spare(time);
		anchor_trouble(anchor, "time-stamp authority", "%s: %s", err.where, err.why);
		return false;
	}
	anchor_well(anchor, "time-stamp authority");
	compare_clocks(anchor, stamp.said.time);
	time->pause = 0;
	if (time->authority_ends != 0 && stamp.said.signer_expires > time->authority_ends)
		time->scanned = 0; /* a new certificate: renewals may have waited for it */
	time->authority_ends = stamp.said.signer_expires;
	*ret_stamp = stamp;
	stamp = (struct stamp){0};
	return true;
}

/* FOLDER/NAME.pem, then .tsr. */
static bool keep(struct anchor *anchor, const char *folder, const char *name, const struct stamp *stamp) {
	CLEANUP(free_ptr) char *certificates = xasprintf("%s/%s.pem", folder, name);
	CLEANUP(free_ptr) char *response = xasprintf("%s/%s.tsr", folder, name);
	struct err err;
	if (file_write(certificates, stamp->chain.data, stamp->chain.len, 0644, &err) &&
	    file_write(response, stamp->response.data, stamp->response.len, 0644, &err)) {
		anchor_well(anchor, folder);
		return true;
	}
	anchor_trouble(anchor, folder, "%s: %s", err.where, err.why);
	return false;
}

/* --- the newest anchor ---------------------------------------------------------------------------------------------
 */

static char *response_path(const char *folder, size_t number) {
	return xasprintf("%s/timestamp-%zu.tsr", folder, number);
}

static bool has_response(const char *folder, size_t number) {
	CLEANUP(free_ptr) char *path = response_path(folder, number);
	return access(path, F_OK) == 0;
}

/* When the newest one that has a response got it, by the file's time; 0: never. */
static int64_t last_stamped(const struct anchor *anchor) {
	CLEANUP(free_ptr) uint64_t *sizes = NULL;
	size_t count = 0;
	struct err ignored;
	if (!anchor_sizes(anchor->anchors, &sizes, &count, &ignored))
		return 0;
	for (size_t i = 0; i < count && i < LOOKED_MOST; i++) {
		struct stat status;
		CLEANUP(free_ptr) char *folder = anchor_path(anchor->anchors, sizes[count - 1 - i]);
		CLEANUP(free_ptr) char *path = response_path(folder, 1);
		if (stat(path, &status) == 0)
			return status.st_mtime;
	}
	return 0;
}

/* A clock that was set back does not make anything wait. */
static bool is_due(const struct anchor *anchor, int64_t now) {
	struct anchor_time *time = anchor->time;
	if (time->stamped < 0)
		time->stamped = last_stamped(anchor);
	return now >= time->stamped + anchor->config->timestamp_every || now < time->stamped;
}

/* False: the authority is away. */
static bool stamp_newest(struct anchor *anchor, const struct anchor_point *point) {
	CLEANUP(stamp_done) struct stamp stamp = {0};
	const struct hash imprint = timestamp_imprint(point->text, point->text_len);
	const int64_t now = times_now();
	if (has_response(point->folder, 1) || !is_due(anchor, now))
		return true;
	if (!get(anchor, &imprint, &stamp))
		return false;
	if (keep(anchor, point->folder, "timestamp-1", &stamp))
		anchor->time->stamped = now;
	return true;
}

/* --- full rounds ---------------------------------------------------------------------------------------------------
 */

struct wanted {
	char *path, *timestamps;
	const char *digest;
};

static void wanted_done(struct wanted *wanted) {
	free(wanted->path);
	free(wanted->timestamps);
}

/* Taken away, whether it is there now or will never be. */
static void forget(struct anchor *anchor, const struct wanted *wanted) {
	if (unlink(wanted->path) != 0 && errno != ENOENT)
		anchor_trouble(anchor, "full rounds", "%s cannot be removed: %s", wanted->path, strerror(errno));
}

static bool is_late(struct anchor *anchor, const struct wanted *wanted) {
	struct stat status;
	if (stat(wanted->path, &status) != 0 || times_now() - status.st_mtime <= STAMPS_LATE_S)
		return false;
	anchor_say(anchor, "full round %s goes without a time-stamp of its own: it is older than a day",
		   wanted->digest);
	return true;
}

static bool read_imprint(const char *path, struct hash *ret_imprint) {
	CLEANUP(buf_done) struct buf hex = {0};
	struct err ignored;
	return file_read(path, HASH_HEX - 1, &hex, &ignored) && hash_from_hex(buf_str(&hex), ret_imprint);
}

/* False: the authority is away. */
static bool stamp_round(struct anchor *anchor, const struct wanted *wanted) {
	CLEANUP(stamp_done) struct stamp stamp = {0};
	CLEANUP(free_ptr) char *there = stamps_path(anchor->folder, wanted->digest, ".tsr");
	struct hash imprint;
	if (access(there, F_OK) == 0 || is_late(anchor, wanted)) {
		forget(anchor, wanted);
		return true;
	}
	if (!read_imprint(wanted->path, &imprint)) {
		anchor_trouble(anchor, "full rounds", "%s is not a digest", wanted->path);
		return true;
	}
	if (!get(anchor, &imprint, &stamp))
		return false;
	if (keep(anchor, wanted->timestamps, wanted->digest, &stamp))
		forget(anchor, wanted);
	return true;
}

static bool stamp_rounds(struct anchor *anchor) {
	CLEANUP(free_ptr) char *folder = xasprintf("%s/timestamps/wanted", anchor->folder);
	const int64_t until = times_now() + ROUNDS_PASS_S;
	bool goes_on = true;
	struct hash unused;
	size_t looked = 0;
	DIR *open_folder = opendir(folder);
	if (!open_folder) {
		anchor_trouble(anchor, "full rounds", "%s cannot be read: %s", folder, strerror(errno));
		return true;
	}
	for (struct dirent *entry;
	     goes_on && times_now() <= until && looked < WANTED_MOST && (entry = readdir(open_folder)); looked++) {
		CLEANUP(wanted_done)
		struct wanted wanted = {.path = file_join(folder, entry->d_name),
					.timestamps = file_join(anchor->folder, "timestamps"),
					.digest = entry->d_name};
		if (hash_from_hex(entry->d_name, &unused))
			goes_on = stamp_round(anchor, &wanted);
	}
	closedir(open_folder);
	return goes_on;
}

/* --- renewals ------------------------------------------------------------------------------------------------------
 */

/* The end of the certificate that signed a response that we keep: the first one beside it. */
static bool read_end(const char *folder, size_t number, int64_t *ret_end, struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/timestamp-%zu.pem", folder, number);
	CLEANUP(buf_done) struct buf pem = {0};
	CLEANUP(certificates_free_p) STACK_OF(X509) *chain = NULL;
	if (!file_read(path, TIMESTAMP_PEM_LARGEST, &pem, err) ||
	    !timestamp_certificates(pem.data, pem.len, path, &chain, err))
		return false;
	if (!timestamp_instant(X509_get0_notAfter(sk_X509_value(chain, 0)), ret_end))
		return err_set(err, ERR_MALFORMED, path, "the end of the first certificate is not a time");
	return true;
}

/* The imprint of response number `number` + 1. */
static bool renewal_imprint(const struct anchor *anchor, const char *folder, size_t number, struct hash *ret_imprint,
			    struct err *err) {
	CLEANUP(free_ptr) char *note_path = file_join(folder, "checkpoint");
	CLEANUP(free_ptr) char *path = response_path(folder, number);
	CLEANUP(buf_done) struct buf note = {0}, text = {0}, response = {0};
	if (!file_read(note_path, NOTE_LARGEST, &note, err) ||
	    !note_open(note.data, note.len, anchor->verifier, &text, err) ||
	    !file_read(path, TIMESTAMP_RESPONSE_LARGEST, &response, err))
		return false;
	*ret_imprint = timestamp_imprint_renewal(text.data, text.len, response.data, response.len);
	return true;
}

/* Nothing is won by a certificate that ends no later. */
static bool is_useful(struct anchor *anchor, int64_t end) {
	char text[TIMES_TEXT];
	struct anchor_time *time = anchor->time;
	if (time->authority_ends == 0 || time->authority_ends > end)
		return true;
	if (!time->is_useless_said)
		anchor_say(anchor,
			   "renewals of time-stamps wait for the authority's next certificate: this one ends %s",
			   times_format(time->authority_ends, text));
	time->is_useless_said = true;
	return false;
}

/* False: the authority is away. */
static bool renew(struct anchor *anchor, const char *folder, size_t number, int64_t end, size_t *renewed) {
	CLEANUP(stamp_done) struct stamp stamp = {0};
	char name[32];
	struct hash imprint;
	struct err err;
	if (!is_useful(anchor, end))
		return true;
	if (!renewal_imprint(anchor, folder, number, &imprint, &err)) {
		anchor_trouble(anchor, folder, "it cannot be renewed: %s: %s", err.where, err.why);
		return true;
	}
	if (!get(anchor, &imprint, &stamp))
		return false;
	if (!is_useful(anchor, end) || stamp.said.time > end)
		return true;
	snprintf(name, sizeof name, "timestamp-%zu", number + 1);
	if (keep(anchor, folder, name, &stamp)) {
		anchor->time->is_useless_said = false;
		++*renewed;
	}
	return true;
}

/* False: the authority is away. */
static bool look_through(struct anchor *anchor, uint64_t size, size_t *renewed) {
	CLEANUP(free_ptr) char *folder = anchor_path(anchor->anchors, size);
	const int64_t now = times_now();
	size_t number = 0;
	int64_t end;
	struct err err;
	while (number < TIMESTAMP_RENEWALS_MOST && has_response(folder, number + 1))
		number++;
	if (number == 0 || number == TIMESTAMP_RENEWALS_MOST)
		return true;
	if (!read_end(folder, number, &end, &err)) {
		anchor_trouble(anchor, folder, "%s: %s", err.where, err.why);
		return true;
	}
	if (end < now) {
		anchor->time->lost++;
		return true;
	}
	return end - now > anchor->config->timestamp_renew_before || renew(anchor, folder, number, end, renewed);
}

static bool begin_scan(struct anchor *anchor) {
	struct anchor_time *time = anchor->time;
	struct err err;
	uint64_t *sizes;
	size_t count;
	if (!anchor_sizes(anchor->anchors, &sizes, &count, &err)) {
		anchor_trouble(anchor, "renewals", "%s: %s", err.where, err.why);
		return false;
	}
	free(time->sizes);
	time->sizes = sizes;
	time->count = count;
	time->next = time->lost = 0;
	time->scanned = times_now();
	return true;
}

static void end_scan(struct anchor *anchor) {
	const size_t lost = anchor->time->lost;
	if (lost > 0)
		anchor_trouble(
			anchor, "renewals",
			"the certificates that signed the time-stamps of %zu anchor%s ended before they were renewed",
			lost, lost == 1 ? "" : "s");
	else
		anchor_well(anchor, "renewals");
}

static bool renew_some(struct anchor *anchor) {
	struct anchor_time *time = anchor->time;
	const int64_t now = times_now();
	size_t renewed = 0, looked = 0;
	if (time->next == time->count && now < time->scanned + SCAN_EVERY_S && now >= time->scanned)
		return true;
	if (time->next == time->count && !begin_scan(anchor))
		return true;
	for (; time->next < time->count && renewed < RENEWED_MOST && looked < LOOKED_MOST; looked++) {
		if (!look_through(anchor, time->sizes[time->next], &renewed))
			return false;
		time->next++;
	}
	if (renewed > 0)
		anchor_say(anchor, "time-stamps of %zu anchors renewed", renewed);
	if (time->next == time->count)
		end_scan(anchor);
	return true;
}

/* --- the part ------------------------------------------------------------------------------------------------------
 */

static bool read_trust(const struct anchor *anchor, struct timestamp_trust **ret_trust, struct err *err) {
	CLEANUP(free_ptr) char *path = config_path(anchor->folder, anchor->config->timestamp_ca);
	CLEANUP(buf_done) struct buf pem = {0};
	if (!path)
		return err_set(err, ERR_USAGE, "collector.yaml", "timestamp_url without timestamp_ca");
	if (!file_read(path, TIMESTAMP_PEM_LARGEST, &pem, err))
		return false;
	struct timestamp_trust *trust = timestamp_trust_new();
	if (!timestamp_trust_add(trust, pem.data, pem.len, path, err)) {
		timestamp_trust_free(trust);
		return false;
	}
	*ret_trust = trust;
	return true;
}

static bool prepare(struct anchor *anchor) {
	struct err err;
	if (!anchor->time) {
		anchor->time = xcalloc(1, sizeof *anchor->time);
		anchor->time->stamped = -1;
	}
	if (anchor->time->trust)
		return true;
	if (read_trust(anchor, &anchor->time->trust, &err) && stamps_prepare(anchor->folder, &err)) {
		anchor_well(anchor, "time-stamps");
		return true;
	}
	anchor_trouble(anchor, "time-stamps", "%s: %s", err.where, err.why);
	return false;
}

void anchor_time(struct anchor *anchor, const struct anchor_point *point) {
	if (!anchor->config->timestamp_url[0] || !prepare(anchor))
		return;
	const int64_t now = times_now();
	if (now < anchor->time->retry && anchor->time->retry - now <= PAUSE_LONGEST_S)
		return;
	if (stamp_newest(anchor, point) && (!anchor->config->timestamp_rounds || stamp_rounds(anchor)))
		renew_some(anchor);
}
