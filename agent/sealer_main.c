/* vouch-sealer: the evidence keys alone in their process. Started by its socket; ends on any signal: what has to last
 * is on the disk before it leaves. */
#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/home.h"
#include "agent/notice.h"
#include "agent/notice_ids.h"
#include "agent/sealer_keeper.h"
#include "core/confine.h"
#include "core/times.h"

#define KEEP VOUCH_STATEDIR "-sealer"
#define CLIENT "vouch"
#define EPOCH_NAME "epoch" /* in the descriptor store */
#define REPORTS_MOST 20
#define REPORT_SPAN_S 10
#define SECRET_BYTES 65536 /* of locked memory, for the key */

static const char usage[] =
	"usage: vouch-sealer [options]\n\n"
	"Holds this host's evidence key and signs the statements of vouchd, each number once. Started by systemd with "
	"a\n"
	"listening SOCK_SEQPACKET socket (LISTEN_FDS). evidence.pem and enrolment.json are taken from\n"
	"$CREDENTIALS_DIRECTORY where that is set, else from the enrolment.\n\n"
	"  --client USER  who may ask, besides root (default " CLIENT ")\n"
	"  --state DIR    the state folder with the enrolment (default " VOUCH_STATEDIR ")\n"
	"  --keep DIR     where the place in the chain is kept, for this program alone (default " KEEP ")\n"
	"  --epoch TIME   how long a key signs before the next takes its place (default 24h)\n\n"
	"Exit: 2 it could not start.\n";

struct arguments {
	const char *client, *state, *keep;
	int64_t epoch; /* seconds */
};

static int fail(const struct err *err) { return notice_failed("vouch-sealer", err); }

/* Who asks can be refused as often as he likes: so many are written in a span. */
static bool has_room(void) {
	static time_t span;
	static unsigned lines;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec / REPORT_SPAN_S != span) {
		if (lines > REPORTS_MOST)
			notice("vouch-sealer", NOTICE_NOTICE, "%u more are not written here", lines - REPORTS_MOST);
		lines = 0;
	}
	span = now.tv_sec / REPORT_SPAN_S;
	return lines++ < REPORTS_MOST;
}

/* A refusal is worth a line in the journal, a failure a louder one. */
static void report(enum notice priority, const char *what, const char *why) {
	if (has_room())
		notice("vouch-sealer", priority, "%s: %s", what, why);
}

static void report_refused(const char *why) {
	if (has_room())
		notice_about("vouch-sealer", NOTICE_WARNING, NOTICE_SEALER_REFUSED, NULL, 0, "refused: %s", why);
}

/* 0 go on, otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"client", required_argument, NULL, 'c'},
						{"state", required_argument, NULL, 's'},
						{"keep", required_argument, NULL, 'k'},
						{"epoch", required_argument, NULL, 'e'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{0}};
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (option == 'c')
			arguments->client = optarg;
		else if (option == 's')
			arguments->state = optarg;
		else if (option == 'k')
			arguments->keep = optarg;
		else if (option == 'e' && times_parse_duration(optarg, &arguments->epoch) && arguments->epoch > 0)
			continue;
		else if (option == 'h')
			return fputs(usage, stdout), 1;
		else if (option == 'v')
			return puts("vouch-sealer " VOUCH_VERSION), 1;
		else
			return fputs(usage, stderr), 3;
	}
	return optind == argc ? 0 : (fputs(usage, stderr), 3);
}

/* Nobody reads this memory but this process: no core, no ptrace by the same user; the key is in locked pages where the
 * limit allows. */
static void close_shutters(void) {
	const struct rlimit none = {0, 0};
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (CRYPTO_secure_malloc_init(SECRET_BYTES, 32) != 1)
		report(NOTICE_NOTICE, "memory",
		       "the key's pages cannot be locked; without encrypted swap it may be written there");
}

static bool find_client(const char *name, uid_t *ret_uid, struct err *err) {
	const struct passwd *user = getpwnam(name);
	if (!user)
		return err_set(err, ERR_USAGE, name, "there is no such user");
	*ret_uid = user->pw_uid;
	return true;
}

struct from_systemd {
	int listening;
	int epoch; /* what we put into the descriptor store; -1: nothing */
};

static bool find_descriptors(struct from_systemd *ret_from, struct err *err) {
	char **names = NULL;
	struct from_systemd from = {-1, -1};
	int count = sd_listen_fds_with_names(1, &names);
	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		if (!strcmp(names[i], EPOCH_NAME))
			from.epoch = fd;
		else if (sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0)
			from.listening = fd;
		free(names[i]);
	}
	free(names);
	if (from.listening < 0)
		return err_set(err, ERR_USAGE, "LISTEN_FDS", "there is no listening SOCK_SEQPACKET socket");
	*ret_from = from;
	return true;
}

/* The store has room for one: the old key goes first. Without a store the next start makes a key again. */
static void store_epoch(int fd) {
	if (fd < 0)
		return;
	sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" EPOCH_NAME);
	if (sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" EPOCH_NAME, &fd, 1) <= 0)
		report(NOTICE_NOTICE, "epoch", "there is no descriptor store: its key ends with this process");
}

static char *credential(const char *name, const char *otherwise) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	return folder && *folder ? file_join(folder, name) : xstrdup(otherwise);
}

static bool open_keeper(const struct arguments *arguments, int kept, struct keeper **ret_keeper, struct err *err) {
	CLEANUP(home_free_p) struct home *home = home_new(arguments->state);
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	CLEANUP(free_ptr) char *pem = credential("evidence.pem", home->evidence_key);
	CLEANUP(free_ptr) char *identity = credential("enrolment.json", home->identity);
	struct host_key *key = NULL;
	free(home->identity);
	home->identity = xstrdup(identity);
	if (!enrolment_read(home, &enrolment, err) || !host_key_open(pem, &key, err))
		return false;
	if (keeper_open(arguments->keep, key, enrolment->host_id, arguments->epoch, kept, ret_keeper, err))
		return true;
	host_key_free(key);
	return false;
}

static bool may_ask(int connection, uid_t client) {
	struct ucred peer;
	socklen_t len = sizeof peer;
	return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == client);
}

static void serve_one(int connection, uid_t client, struct keeper *keeper) {
	CLEANUP(buf_done) struct buf payload = {0};
	struct sealer_reply reply;
	struct err err;
	if (!may_ask(connection, client)) {
		report_refused("a connection of another user");
		return;
	}
	if (!sealer_receive(connection, &payload, &err)) {
		report_refused(err.why);
		return;
	}
	keeper_sign(keeper, payload.data, payload.len, &reply);
	if (reply.outcome == SEALER_REFUSED)
		report_refused(reply.why);
	if (reply.outcome == SEALER_FAILED)
		report(NOTICE_ERROR, "failed", reply.why);
	sealer_reply(connection, &reply);
}

/* Waits for ever, or from one word to the watchdog to the next. */
static int serve(int listening, uid_t client, struct keeper *keeper) {
	uint64_t watchdog = 0;
	int wait_ms = sd_watchdog_enabled(0, &watchdog) > 0 ? (int)(watchdog / 2000) : -1;
	struct pollfd waiting = {.fd = listening, .events = POLLIN};
	for (;;) {
		int ready = poll(&waiting, 1, wait_ms);
		if (ready < 0 && errno != EINTR)
			return 2;
		if (wait_ms >= 0)
			sd_notify(0, "WATCHDOG=1");
		if (ready <= 0)
			continue;
		CLEANUP(close_fd) int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
		if (connection >= 0)
			serve_one(connection, client, keeper);
	}
}

int main(int argc, char **argv) {
	struct arguments arguments = {.client = CLIENT, .keep = KEEP, .epoch = KEEPER_SPAN};
	CLEANUP(keeper_free_p) struct keeper *keeper = NULL;
	struct err err;
	uid_t client;
	struct from_systemd from;
	int stop = read_arguments(argc, argv, &arguments);
	if (stop)
		return stop - 1;
	close_shutters();
	if (!confine_to_this_program(&err) || !find_client(arguments.client, &client, &err) ||
	    !find_descriptors(&from, &err) || !open_keeper(&arguments, from.epoch, &keeper, &err))
		return fail(&err);
	store_epoch(keeper_epoch(keeper));
	sd_notify(0, "READY=1\nSTATUS=Holding the evidence key");
	return serve(from.listening, client, keeper);
}
