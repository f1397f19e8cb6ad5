/* vouch-ship: ships what vouchd spooled, as soon as it is there. In the foreground; ends on SIGTERM or SIGINT. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/inotify.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent/courier.h"
#include "agent/notice.h"
#include "agent/notice_ids.h"
#include "agent/ship.h"
#include "core/confine.h"
#include "core/times.h"

struct shipping {
	sd_event *event;
	struct shipper *shipper;
	sd_event_source *work;  /* runs a batch when nothing else is to be done */
	sd_event_source *later; /* runs it after a failure's delay */
	sd_event_source *renew; /* looks whether the certificate is due */
	unsigned failures;      /* in a row */
	bool once;
	bool was_refused; /* something, since the start */
};

static const char usage[] =
	"usage: vouch-ship [options]\n\n"
	"Ships statements from the spool to the collector over mutual TLS, verifies each receipt, and\n"
	"only then takes the statement out of the spool.\n\n"
	"  --once       ship what is there, then end\n"
	"  --state DIR  keys, spool and receipts (default " VOUCH_STATEDIR "); the transport key is\n"
	"               taken from $CREDENTIALS_DIRECTORY where that is set\n\n"
	"Where no network leads to the collector, one of these, then end:\n"
	"  --to DIR     write what is in the spool into a new folder below DIR, to be carried to the\n"
	"               collector (vouch-collector import); it stays in the spool\n"
	"  --from DIR   take the answers that came back, verify each receipt, and only then take the\n"
	"               statement out of the spool\n"
	"  --believe-refusals  with --from: move aside what the answers say was refused for good\n\n"
	"Exit: 0 ended by a signal, or everything was stored, or written; 1 (--once, --from) something was\n"
	"not; 2 it could not start, or (--to, --from) it failed.\n";

struct arguments {
	const char *state, *to, *from;
	bool once, believes_refusals;
};

static int fail(const struct err *err) { return notice_failed("vouch-ship", err); }

static int start_work(struct shipping *shipping) {
	return sd_event_source_set_enabled(shipping->work, SD_EVENT_ONESHOT);
}

/* What is missing is missing for good, so this has to be heard. */
static void warn_of_refused(void) {
	notice_about("vouch-ship", NOTICE_ERROR, NOTICE_COLLECTOR_REFUSED, NULL, 0,
		     "what was refused is not in the log: the collector shows it as a gap in this host's line; "
		     "see spool/refused/*.reason");
}

/* Nobody but a host that remembers can notice it. */
static void warn_of_fork(void) {
	notice_about("vouch-ship", NOTICE_ERROR, NOTICE_LOG_CONTRADICTS, NULL, 0,
		     "the collector's log contradicts what this host saw of it: it was set back, or it shows different "
		     "histories to different hosts; nothing is believed from it and everything stays in the spool; "
		     "keep receipts/ and ask who answers for the collector");
}

static void report(const struct shipped *shipped) {
	if (shipped->stored)
		notice("vouch-ship", NOTICE_INFO, "%zu stored, receipts verified", shipped->stored);
	if (!shipped->refused)
		return;
	notice("vouch-ship", NOTICE_ERROR, "%zu refused for good and moved aside, last %s", shipped->refused,
	       shipped->refused_why);
	warn_of_refused();
}

static int wait_and_try_again(struct shipping *shipping, const struct shipped *shipped) {
	uint64_t delay = ship_delay(shipping->failures, shipped->retry_after);
	notice("vouch-ship", NOTICE_INFO, "next try in %.1f s", (double)delay / 1e6);
	malloc_trim(0);
	int code = sd_event_source_set_time_relative(shipping->later, delay);
	return code < 0 ? code : sd_event_source_set_enabled(shipping->later, SD_EVENT_ONESHOT);
}

static void renew(const struct shipping *shipping) {
	char until[TIMES_TEXT];
	struct err err;
	if (!ship_should_renew(shipping->shipper))
		return;
	bool ok = ship_renew(shipping->shipper, &err);
	times_format(renewal_ends(shipping->shipper->renewal), until);
	if (ok) {
		notice("vouch-ship", NOTICE_NOTICE, "the certificate was renewed: it ends at %s", until);
		return;
	}
	fail(&err);
	notice("vouch-ship", NOTICE_WARNING, "the certificate, which ends at %s, was not renewed; it is tried again",
	       until);
}

/* When it is due, or in an hour: the clock may be set in between. */
static int look_at_certificate(sd_event_source *source, uint64_t due, void *context) {
	struct shipping *shipping = context;
	renew(shipping);
	int64_t wait = renewal_due(shipping->shipper->renewal) - times_now();
	if (wait < 1)
		wait = 1;
	if (wait > RENEW_LOOK_S)
		wait = RENEW_LOOK_S;
	int code = sd_event_source_set_time_relative(source, (uint64_t)wait * 1000000);
	return code < 0 ? code : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int work(sd_event_source *source, void *context) {
	struct shipping *shipping = context;
	struct shipped shipped;
	struct err err;
	bool ok = ship(shipping->shipper, &shipped, &err);
	report(&shipped);
	if (!ok)
		fail(&err);
	if (!ok && shipping->shipper->receipts->is_contradicted)
		warn_of_fork();
	shipping->was_refused |= shipped.refused > 0;
	if (shipping->once && !ok)
		return sd_event_exit(shipping->event, 1);
	shipping->failures = ok ? 0 : shipped.stored ? 1 : shipping->failures + 1;
	if (!ok)
		return wait_and_try_again(shipping, &shipped);
	if (shipped.more || shipped.stored || shipped.refused)
		return start_work(shipping);
	malloc_trim(0); /* what was on its way is there: until the next round the memory is the host's */
	return shipping->once ? sd_event_exit(shipping->event, shipping->was_refused) : 0;
}

static int try_again(sd_event_source *source, uint64_t due, void *context) { return start_work(context); }

/* Something new in the queue. While a failure's delay runs it waits with the rest. */
static int noticed(sd_event_source *source, const struct inotify_event *what, void *context) {
	struct shipping *shipping = context;
	return shipping->failures ? 0 : start_work(shipping);
}

static int end_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_sources(struct shipping *shipping, const struct home *home) {
	int code = sd_event_set_watchdog(shipping->event, true); /* where the unit wants one */
	if (code >= 0)
		code = sd_event_add_signal(shipping->event, NULL, SIGTERM, end_on_signal, NULL);
	if (code >= 0)
		code = sd_event_add_signal(shipping->event, NULL, SIGINT, end_on_signal, NULL);
	if (code >= 0)
		code = sd_event_add_defer(shipping->event, &shipping->work, work, shipping);
	if (code >= 0)
		code = sd_event_add_time_relative(shipping->event, &shipping->later, CLOCK_BOOTTIME, 0, 0, try_again,
						  shipping);
	if (code >= 0)
		code = sd_event_source_set_enabled(shipping->later, SD_EVENT_OFF);
	/* Before the first batch: a certificate that has ended is good for nothing else. */
	if (code >= 0)
		code = sd_event_add_time_relative(shipping->event, &shipping->renew, CLOCK_BOOTTIME, 0, 0,
						  look_at_certificate, shipping);
	if (code >= 0)
		code = sd_event_source_set_priority(shipping->renew, SD_EVENT_PRIORITY_IMPORTANT);
	if (code >= 0)
		code = sd_event_add_inotify(shipping->event, NULL, home->queue, IN_MOVED_TO, noticed, shipping);
	return code;
}

static int run(struct shipping *shipping, const struct home *home) {
	struct err err;
	int code = sd_event_default(&shipping->event);
	if (code >= 0)
		code = add_sources(shipping, home);
	if (code < 0) {
		err_errno(&err, -code, ERR_IO, "event loop", "make");
		code = fail(&err);
	} else {
		sd_notify(false, "READY=1\nSTATUS=Shipping");
		code = sd_event_loop(shipping->event);
		sd_notify(false, "STOPPING=1");
	}
	sd_event_source_unref(shipping->work);
	sd_event_source_unref(shipping->later);
	sd_event_source_unref(shipping->renew);
	sd_event_unref(shipping->event);
	return code < 0 ? 2 : code;
}

static int misuse(void) {
	fputs(usage, stderr);
	return 3;
}

/* 0: go on; otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"once", no_argument, NULL, 'o'},
						{"state", required_argument, NULL, 's'},
						{"to", required_argument, NULL, 't'},
						{"from", required_argument, NULL, 'f'},
						{"believe-refusals", no_argument, NULL, 'b'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{0}};
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (option) {
		case 'o':
			arguments->once = true;
			break;
		case 's':
			arguments->state = optarg;
			break;
		case 't':
			arguments->to = optarg;
			break;
		case 'f':
			arguments->from = optarg;
			break;
		case 'b':
			arguments->believes_refusals = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'v':
			puts("vouch-ship " VOUCH_VERSION);
			return 1;
		default:
			return misuse();
		}
	}
	if (optind != argc || arguments->once + !!arguments->to + !!arguments->from > 1 ||
	    (arguments->believes_refusals && !arguments->from))
		return misuse();
	return 0;
}

static int ship_to_folder(const struct home *home, const struct enrolment *enrolment, const char *folder) {
	CLEANUP(courier_sent_done) struct courier_sent sent;
	struct err err;
	if (!courier_send(home, enrolment, folder, &sent, &err))
		return fail(&err);
	if (!sent.path)
		puts("the spool is empty: there is nothing to carry");
	else if (sent.is_there)
		printf("%s is there already, with the same %zu statements\n", sent.path, sent.statements);
	else
		printf("%s: %zu statements, %lld bytes; they stay in the spool until their receipts come back\n",
		       sent.path, sent.statements, (long long)sent.bytes);
	return fflush(stdout) == 0 ? 0 : 2;
}

static int take_from_folder(const struct home *home, const struct enrolment *enrolment,
			    const struct arguments *arguments) {
	struct courier_taken taken;
	struct err err;
	bool ok = courier_take(home, enrolment, arguments->from, arguments->believes_refusals, &taken, &err);
	if (taken.shipped.stored)
		printf("%zu stored, receipts verified\n", taken.shipped.stored);
	if (taken.shipped.refused)
		printf("%zu refused and %s, last %s\n", taken.shipped.refused,
		       arguments->believes_refusals ? "moved aside"
						    : "left in the spool (--believe-refusals moves them aside)",
		       taken.shipped.refused_why);
	fflush(stdout);
	if (!ok)
		return fail(&err);
	if (!taken.parcels)
		notice("vouch-ship", NOTICE_ERROR, "there is no answer for host %s below %s", enrolment->host_id,
		       arguments->from);
	return taken.parcels == 0 || taken.shipped.refused > 0;
}

static int vouch_ship(const struct arguments *arguments, const sigset_t *ends) {
	CLEANUP(home_free_p) struct home *home = home_new(arguments->state);
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	struct err err;
	home_use_credentials(home);
	if (!confine_to_this_program(&err) || !enrolment_read(home, &enrolment, &err))
		return fail(&err);
	if (arguments->to)
		return ship_to_folder(home, enrolment, arguments->to);
	if (arguments->from)
		return take_from_folder(home, enrolment, arguments);
	if (!shipper_open(home, enrolment, ends, &shipper, &err))
		return fail(&err);
	if (shipper->set_aside) {
		notice("vouch-ship", NOTICE_ERROR, "%zu refused earlier and set aside", shipper->set_aside);
		warn_of_refused();
	}
	struct shipping shipping = {.shipper = shipper, .once = arguments->once};
	return run(&shipping, home);
}

int main(int argc, char **argv) {
	struct arguments arguments = {0};
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	int stop = read_arguments(argc, argv, &arguments);
	if (stop)
		return stop - 1;
	if (!arguments.to && !arguments.from)
		sigprocmask(SIG_BLOCK, &ends, NULL);
	return vouch_ship(&arguments, &ends);
}
