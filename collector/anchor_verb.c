/* vouch-collector anchor: has the log's checkpoints signed by others, until a signal ends it. */
#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "collector/anchor.h"
#include "collector/verbs.h"

struct anchor_options {
	bool is_once;
};

static bool take_option(int option, const char *value, void *context, struct err *err) {
	struct anchor_options *options = context;
	options->is_once = true;
	return true;
}

/* Whether the process goes on. */
static bool sleep_until_next(const struct anchor *anchor) {
	const struct timespec pause = {.tv_sec = anchor->config->witness_every};
	int number;
	do
		number = sigtimedwait(&anchor->ends, NULL, &pause);
	while (number < 0 && errno == EINTR);
	return number < 0;
}

static bool run_once(struct anchor *anchor, struct err *err) {
	if (!anchor_pass(anchor, err))
		return false;
	if (anchor->troubles > 0)
		return err_set(err, ERR_REFUSED, anchor->anchors, "the newest anchor is not complete: %u event%s",
			       anchor->troubles, anchor->troubles == 1 ? "" : "s");
	return true;
}

static void run_on(struct anchor *anchor) {
	struct err err;
	anchor_say(anchor, "anchors of %s, every %lld s", anchor->verifier->name,
		   (long long)anchor->config->witness_every);
	sd_notify(0, "READY=1");
	do {
		if (!anchor_pass(anchor, &err))
			anchor_trouble(anchor, err.where, "%s", err.why);
	} while (sleep_until_next(anchor));
	sd_notify(0, "STOPPING=1");
	anchor_say(anchor, "stopped");
}

static bool run(const struct verb_call *call, struct err *err) {
	static const struct option known[] = {{"once", no_argument, NULL, 'o'}, {0}};
	struct anchor_options options = {0};
	const char *folder;
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL;
	if (!collector_options(call, known, take_option, &options, 1, &folder, err))
		return false;
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (!anchor_open(folder, call->say, &anchor, err))
		return false;
	sigprocmask(SIG_BLOCK, &anchor->ends, NULL);
	if (options.is_once)
		return run_once(anchor, err);
	run_on(anchor);
	return true;
}

const struct verb collector_anchor = {
	"anchor",
	"DIR [--once]",
	"Have the log's checkpoints signed by others, beside `run`, until SIGTERM or SIGINT.",
	"  --once             the newest checkpoint, once; fails unless everything was had\n",
	run,
};
