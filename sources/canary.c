#include "sources/canary.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "sources/action.h"
#include "sources/approvals.h"
#include "sources/journal.h"
#include "sources/journal_open.h"

#define TAG "vouch-canary"
#define DEV_LOG "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FACILITY_USER 1
#define SEVERITY_NOTICE 5
#define ENTRIES_MOST 200 /* of our tag, that are looked at */
#define TRY_MS 100
#define SEND_MS 2000
#define BEFORE_US 60000000ULL /* files are looked at that were written to so shortly before we sent */

static uint64_t now_usec(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* One datagram, waiting no longer than SEND_MS for a log that is full. */
static void send_to(const char *path, const char *text, struct canary_path *ret_path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval most = {.tv_sec = SEND_MS / 1000};
	CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	ret_path->sent_at = now_usec();
	ret_path->is_sent = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0 &&
			    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
				   sizeof address) == (ssize_t)strlen(text);
	ret_path->error = ret_path->is_sent ? 0 : errno;
}

void canary_send(struct canary *canary, const char *dev_log, const char *journal_socket) {
	unsigned char drawn[16];
	if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
		abort(); /* of at most 256 bytes it cannot fail */
	for (size_t i = 0; i < sizeof drawn; i++)
		snprintf(canary->nonce + 2 * i, 3, "%02x", drawn[i]);
	CLEANUP(free_ptr)
	char *plain = xasprintf("<%d>" TAG ": vouch canary %s", FACILITY_USER * 8 + SEVERITY_NOTICE, canary->nonce);
	CLEANUP(free_ptr)
	char *native = xasprintf("MESSAGE=vouch canary %s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=" TAG
				 "\nVOUCH_CANARY=%s\n",
				 canary->nonce, SEVERITY_NOTICE, FACILITY_USER, canary->nonce);
	send_to(dev_log, plain, &canary->syslog);
	send_to(journal_socket, native, &canary->journal);
}

/* Whether a field of the entry we are at ends in this text. */
static bool has_field(sd_journal *journal, const char *field, const char *end) {
	const void *data;
	size_t len, size = strlen(end);
	return sd_journal_get_data(journal, field, &data, &len) >= 0 && len >= size &&
	       !memcmp((const char *)data + len - size, end, size);
}

static bool is_here(sd_journal *journal, const char *field, const char *value) {
	CLEANUP(free_ptr) char *whole = xasprintf("%s=%s", field, value);
	const void *data;
	size_t len;
	return sd_journal_get_data(journal, field, &data, &len) >= 0 && len == strlen(whole) &&
	       !memcmp(data, whole, len);
}

static int take(sd_journal *journal, const char *machine, struct canary_path *path) {
	char host[256] = "", priority[4];
	uint64_t at;
	int error = sd_journal_get_realtime_usec(journal, &at);
	if (error < 0)
		return error;
	snprintf(priority, sizeof priority, "%d", SEVERITY_NOTICE);
	(void)gethostname(host, sizeof host - 1);
	path->is_found = true;
	path->latency_us = (int64_t)(at - path->sent_at);
	path->is_host = journal_is_of(journal, machine) && is_here(journal, "_HOSTNAME", host);
	path->is_severity = is_here(journal, "PRIORITY", priority);
	return 0;
}

/* Among the newest entries of our tag that came this way. */
static int find(sd_journal *journal, const char *transport, const char *nonce, const char *machine,
		struct canary_path *path) {
	int more = 0;
	if (!path->is_sent || path->is_found)
		return 0;
	sd_journal_flush_matches(journal);
	more = sd_journal_add_match(journal, transport, 0);
	if (more >= 0)
		more = sd_journal_add_match(journal, "SYSLOG_IDENTIFIER=" TAG, 0);
	if (more >= 0)
		more = sd_journal_seek_tail(journal);
	for (int i = 0; more >= 0 && i < ENTRIES_MOST && (more = sd_journal_previous(journal)) > 0; i++)
		if (has_field(journal, "MESSAGE", nonce))
			return take(journal, machine, path);
	return more;
}

bool canary_find(const struct ask *ask, struct journal_files *files, const char *machine, struct canary *canary,
		 struct err *err) {
	CLEANUP(journal_close_files) sd_journal *journal = NULL;
	if (files->has_folder && files->count == 0 && files->passed > 0)
		return true; /* nothing has been written yet */
	if (!journal_open_files(ask, files, &journal, err))
		return false;
	int error = find(journal, "_TRANSPORT=syslog", canary->nonce, machine, &canary->syslog);
	if (error >= 0)
		error = find(journal, "_TRANSPORT=journal", canary->nonce, machine, &canary->journal);
	return error >= 0 || journal_fault(ask, error, "look for the message", err);
}

/* One ask under way. */
struct sending {
	struct job *job;
	struct canary canary;
	struct journal_files files;
	char machine[33];
	uint64_t began; /* CLOCK_MONOTONIC; 0: nothing has been sent */
	char *by;       /* who lets it be sent */
	bool is_answered;
	struct err err; /* why it was not */
	sd_event_source *timer;
};

/* However it ended: what was sent is on record. */
static void record(const struct sending *sending) {
	const struct action action = {.program = "vouchd", .what = job_ask(sending->job)->name, .by = sending->by};
	struct err err;
	err_set(&err, ERR_TIMEOUT, action.what, "not done before its deadline");
	action_record(&action, sending->is_answered ? NULL : sending->err.code ? &sending->err : &err);
}

static void end(void *work) {
	struct sending *sending = work;
	if (sending->began)
		record(sending);
	sd_event_source_disable_unref(sending->timer);
	journal_files_done(&sending->files);
	free(sending->by);
	free(sending);
}

static json_t *path_json(const char *name, const struct canary_path *path) {
	json_t *value = json_pack("{s:s,s:b,s:b}", "path", name, "sent", path->is_sent, "found", path->is_found);
	if (!path->is_sent)
		json_object_set_new(value, "why", json_string(strerrorname_np(path->error)));
	if (!path->is_found)
		return value;
	json_object_set_new(value, "latency_us", json_integer(path->latency_us));
	json_object_set_new(value, "host", json_boolean(path->is_host));
	json_object_set_new(value, "severity", json_boolean(path->is_severity));
	return value;
}

static void answer(struct sending *sending) {
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:[o,o],s:I}", "paths", path_json("syslog", &sending->canary.syslog),
				  path_json("journal", &sending->canary.journal), "waited_us",
				  (json_int_t)(time_us() - sending->began));
	sending->is_answered = true;
	job_answer(sending->job, value);
}

static void fail(struct sending *sending, const struct err *err) {
	sending->err = *err;
	job_fail(sending->job, err);
}

static void look_next(struct sending *sending);

static void look_anew(struct sending *sending) {
	journal_files_done(&sending->files);
	journal_init_files(&sending->files, sending->machine, job_ask(sending->job));
	sending->files.with_users = true;
	sending->files.since = sending->canary.syslog.sent_at - BEFORE_US;
	look_next(sending);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context) {
	look_anew(context);
	return 0;
}

static bool is_over(const struct sending *sending) {
	const struct canary *canary = &sending->canary;
	return ((canary->syslog.is_found || !canary->syslog.is_sent) &&
		(canary->journal.is_found || !canary->journal.is_sent)) ||
	       time_us() - sending->began > CANARY_WAIT_MS * 1000ULL;
}

static void wait_or_answer(struct sending *sending) {
	struct err err;
	if (is_over(sending)) {
		answer(sending);
		return;
	}
	sending->timer = sd_event_source_disable_unref(sending->timer);
	if (sd_event_add_time_relative(job_event(sending->job), &sending->timer, CLOCK_MONOTONIC, TRY_MS * 1000ULL, 0,
				       on_timer, sending) >= 0)
		return;
	err_set(&err, ERR_UNREADABLE, job_ask(sending->job)->name, "no timer to wait by");
	fail(sending, &err);
}

static void on_part(void *context, struct answer *answer, const struct err *failed) {
	struct job *job = context;
	struct sending *sending = job_work(job);
	struct err err;
	if (journal_files_take(&sending->files, answer, failed, &err))
		look_next(sending);
	else
		fail(sending, &err);
}

static void look_next(struct sending *sending) {
	struct job *job = sending->job;
	const struct kind *kind;
	const char *name = journal_files_next(&sending->files, &kind);
	struct err err;
	if (name)
		job_reach(job, kind, name, on_part);
	else if (canary_find(job_ask(job), &sending->files, sending->machine, &sending->canary, &err))
		wait_or_answer(sending);
	else
		fail(sending, &err);
}

static void start(struct job *job) {
	CLEANUP(buf_done) struct buf who = {0};
	struct err err;
	struct sending *sending = xcalloc(1, sizeof *sending);
	sending->job = job;
	job_hold(job, sending, end);
	if (!approvals_ask(APPROVALS_FILE, job_ask(job)->name, &who, &err) ||
	    !journal_machine(job_ask(job), sending->machine, &err)) {
		job_fail(job, &err);
		return;
	}
	sending->by = xasprintf("approved by %s", buf_str(&who));
	sending->began = time_us();
	canary_send(&sending->canary, DEV_LOG, JOURNAL_SOCKET);
	look_anew(sending);
}

const struct kind kind_canary = {.prefix = "canary:log",
				 .is_whole = true,
				 .is_volatile = true,
				 .deadline_ms = CANARY_WAIT_MS + 10000,
				 .is_awaited = true,
				 .start = start,
				 .needs = journal_needs};
