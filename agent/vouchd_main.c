/* vouchd: looks at the host again and again and seals what it saw. In the foreground; ends on SIGTERM or SIGINT. */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <openssl/rand.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "agent/approved.h"
#include "agent/clock.h"
#include "agent/notice.h"
#include "agent/notice_ids.h"
#include "agent/owned.h"
#include "agent/settings.h"
#include "agent/settings_text.h"
#include "agent/textfile.h"
#include "agent/verdicts.h"
#include "agent/vitals.h"
#include "agent/vouchd.h"
#include "core/confine.h"
#include "core/text.h"
#include "core/times.h"

#define LARGE_BYTES (128 << 10)

struct arguments {
	const char *state, *settings, *root, *data, *helpers;
	bool once;
};

/* All that a reload may put in the place of something else. */
struct service {
	const struct arguments *arguments;
	struct settings *settings;
	struct stack *stack;
	struct sealer *sealer;
	struct vouchd *vouchd;
	struct clock *clock;
	struct textfile state; /* as it was said last */
	struct buf results;    /* that it borrows */
	bool is_textfile_bad;  /* which was said */
};

static void service_done(struct service *service) {
	vouchd_free(service->vouchd);
	clock_free(service->clock);
	buf_done(&service->results);
	sealer_close(service->sealer);
	stack_free(service->stack);
	settings_free(service->settings);
}

static void print_usage(FILE *to) {
	CLEANUP(buf_done) struct buf keys = {0};
	settings_help(&keys);
	fprintf(to, "usage: vouchd [options]\n\n"
		    "Looks at this host on a timer and when something changes, judges, signs and spools; vouch-ship\n"
		    "ships. Needs vouch enrol first.\n\n"
		    "  --once         one round, then end\n"
		    "  --state DIR    keys, chain and spool (default " VOUCH_STATEDIR ")\n"
		    "  --config FILE  default " SETTINGS_FILE "; need not exist\n"
		    "  --root DIR     look at this folder instead of the live host\n"
		    "  --data DIR     where the catalogue and the shipped policies are\n"
		    "  --helpers DIR  sockets of the brokers, the prober and the sealer; without, vouchd looks and\n"
		    "                 signs by itself\n\n"
		    "Keys of the configuration:\n");
	fprintf(to, "%s\nExit: 0 ended by a signal, or the one round was sealed; 1 it was not; 2 it could not start.\n",
		buf_str(&keys));
}

/* For who writes the manual and packages: what the table of settings makes. */
static int print_settings(const char *form) {
	CLEANUP(buf_done) struct buf text = {0};
	if (!strcmp(form, "man"))
		settings_man(&text);
	else
		settings_example(&text);
	fputs(buf_str(&text), stdout);
	return 1;
}

static int fail(const struct err *err) { return notice_failed("vouchd", err); }

/* --- the text file */

/* What cannot be written is said once, until it can be again. */
static void write_textfile(struct service *service) {
	CLEANUP(buf_done) struct buf text = {0};
	const char *path = service->settings->textfile;
	struct err err;
	if (!*path || !service->state.round_at)
		return;
	service->state.results = buf_str(&service->results);
	service->state.sequence = service->sealer->chain->sequence;
	service->state.spool_limit = service->settings->spool_limit;
	vitals_read(service->sealer->home, &service->state);
	textfile_text(&service->state, &text);
	bool ok = file_write(path, text.data, text.len, 0644, &err);
	if (!ok && !service->is_textfile_bad)
		fail(&err);
	service->is_textfile_bad = !ok;
}

static void note_round(struct service *service, const struct round *round, bool is_sealed) {
	buf_done(&service->results);
	if (*service->settings->textfile)
		textfile_results(service->stack->policies, round->results, &service->results);
	service->state.round_at = round->finished_at;
	service->state.is_sealed = is_sealed;
	write_textfile(service);
}

/* --- what is said of a round */

static size_t count_looked(const struct round *round) {
	size_t count = 0;
	for (size_t i = 0; i < round->rule_count; i++)
		count += round->looked[i];
	return count;
}

static void say_not_sealed(const struct err *err) {
	char text[640];
	notice_about("vouchd", NOTICE_ERROR, NOTICE_NOT_SEALED, NULL, 0, "%s", err_text(err, text, sizeof text));
}

static void report(void *context, const struct round *round, const struct news *news, const char *trigger,
		   enum sealed sealed, const struct err *err) {
	struct service *service = context;
	CLEANUP(free_ptr) char *text = news_text(news, trigger, count_looked(round), round->rule_count);
	if (err)
		say_not_sealed(err);
	else if (sealed == SEALED_NO_ROOM)
		notice_about("vouchd", NOTICE_ERROR, NOTICE_SPOOL_FULL, NULL, 0,
			     "the spool is full: this round is not kept");
	else
		notice("vouchd", NOTICE_INFO, "a round is sealed, %s", text);
	verdicts_notice("vouchd", news, round, service->stack->policies, service->sealer->chain->sequence);
	note_round(service, round, !err && sealed == SEALED_KEPT);
}

static void say(void *context, const char *text) { notice("vouchd", NOTICE_WARNING, "%s", text); }

/* Options: 0 go on, otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"once", no_argument, NULL, 'o'},
						{"state", required_argument, NULL, 's'},
						{"config", required_argument, NULL, 'c'},
						{"root", required_argument, NULL, 'r'},
						{"data", required_argument, NULL, 'd'},
						{"helpers", required_argument, NULL, 'p'},
						{"print-config", required_argument, NULL, 'P'},
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
		case 'c':
			arguments->settings = optarg;
			break;
		case 'r':
			arguments->root = optarg;
			break;
		case 'd':
			arguments->data = optarg;
			break;
		case 'p':
			arguments->helpers = optarg;
			break;
		case 'P':
			return print_settings(optarg);
		case 'h':
			print_usage(stdout);
			return 1;
		case 'v':
			puts("vouchd " VOUCH_VERSION);
			return 1;
		default:
			print_usage(stderr);
			return 3;
		}
	}
	if (optind == argc)
		return 0;
	print_usage(stderr);
	return 3;
}

/* --- settings and policies, at the start and again when they are reloaded */

static bool load(const struct arguments *arguments, struct settings **ret_settings, struct stack **ret_stack,
		 struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	const char *path = arguments->settings ? arguments->settings : SETTINGS_FILE;
	const struct host host = {.root = arguments->root, .helpers = arguments->helpers};
	if (!settings_load(path, arguments->settings != NULL, &settings, err) ||
	    !owned_configuration(path, settings, err) ||
	    !stack_of_host(settings, arguments->data, &host, &stack, err) ||
	    !approved_read(stack, settings, times_now(), err))
		return false;
	stack_shed(stack);
	*ret_settings = settings;
	*ret_stack = stack;
	settings = NULL;
	stack = NULL;
	return true;
}

static void take(struct service *service, struct settings *settings, struct stack *stack) {
	vouchd_take(service->vouchd, stack->policies, settings->history_limit);
	service->sealer->environment = settings->environment;
	service->sealer->spool_limit = settings->spool_limit;
	stack_free(service->stack);
	settings_free(service->settings);
	service->stack = stack;
	service->settings = settings;
}

static void say_not_reloaded(const struct err *err) {
	char text[640];
	err_text(err, text, sizeof text);
	text_replace_controls(text);
	notice_about("vouchd", NOTICE_ERROR, NOTICE_RELOAD_FAILED, NULL, 0,
		     "the configuration was not read anew, what was read before counts: %s", text);
	sd_notifyf(false, "READY=1\nSTATUS=Looking by an earlier configuration: %s", text);
}

/* No look is under way. What cannot be read changes nothing. */
static void reload(void *context) {
	struct service *service = context;
	struct settings *settings;
	struct stack *stack;
	struct err err;
	if (load(service->arguments, &settings, &stack, &err)) {
		take(service, settings, stack);
		service->state.is_reload_failed = false;
		notice_about("vouchd", NOTICE_NOTICE, NOTICE_RELOADED, NULL, 0,
			     "the configuration was read anew: %zu rules", stack->policies->rule_count);
		sd_notify(false, "READY=1\nSTATUS=Looking at this host");
		return;
	}
	say_not_reloaded(&err);
	service->state.is_reload_failed = true;
	write_textfile(service);
}

static int reload_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	struct service *service = context;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reading the configuration anew",
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	vouchd_reload(service->vouchd);
	return 0;
}

static int end_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static void clock_jumped(void *context, const struct clock_jump *jump) {
	struct service *service = context;
	CLEANUP(free_ptr) char *text = clock_jump_text(jump);
	notice_about("vouchd", NOTICE_WARNING, NOTICE_CLOCK, NULL, 0, "%s", text);
	service->state.clock_jumps++;
	vouchd_clock_jumped(service->vouchd);
}

/* Without it the rules that read clocks follow on schedule. */
static void watch_clock(sd_event *event, struct service *service) {
	struct err err;
	if (!service->arguments->once && !clock_watch(event, clock_jumped, service, &service->clock, &err))
		fail(&err);
}

static int ignore_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) { return 0; }

static int add_sources(sd_event *event, struct service *service) {
	int code = sd_event_set_watchdog(event, true); /* where the unit wants one */
	if (code >= 0)
		code = sd_event_add_signal(event, NULL, SIGTERM, end_on_signal, NULL);
	if (code >= 0)
		code = sd_event_add_signal(event, NULL, SIGINT, end_on_signal, NULL);
	if (code >= 0)
		code = sd_event_add_signal(event, NULL, SIGHUP,
					   service->arguments->once ? ignore_signal : reload_on_signal, service);
	return code;
}

/* The loop until its end; returns the exit code. */
static int run(struct service *service, struct err *err) {
	const struct arguments *arguments = service->arguments;
	const struct vouchd_options options = {.stack = service->stack->policies,
					       .sealer = service->sealer,
					       .host = {.root = arguments->root, .helpers = arguments->helpers},
					       .history_limit = service->settings->history_limit,
					       .once = arguments->once,
					       .lists = VOUCH_SYSCONFDIR,
					       .report = report,
					       .say = say,
					       .reload = reload,
					       .context = service};
	sd_event *event = NULL;
	int code = sd_event_default(&event);
	if (code >= 0)
		code = add_sources(event, service);
	if (code < 0) {
		err_errno(err, -code, ERR_IO, "event loop", "make");
		code = fail(err);
	} else if (!vouchd_start(event, &options, &service->vouchd, err)) {
		code = fail(err);
	} else {
		watch_clock(event, service);
		sd_notify(false, "READY=1\nSTATUS=Looking at this host");
		code = sd_event_loop(event);
		sd_notify(false, "STOPPING=1");
	}
	vouchd_free(service->vouchd);
	service->vouchd = NULL;
	clock_free(service->clock);
	service->clock = NULL;
	sd_event_unref(event);
	return code < 0 ? 2 : code;
}

static int fail_to_start(const struct err *err) {
	char text[640];
	if (err->code != ERR_ABSENT || !strstr(err->why, "enrol"))
		return fail(err);
	notice_about("vouchd", NOTICE_ERROR, NOTICE_NOT_ENROLLED, NULL, 0, "%s", err_text(err, text, sizeof text));
	return 2;
}

/* Between rounds little is kept, and the pages that it lies in. So what is large goes back to the host by itself, and
 * what lasts as long as the process, OpenSSL's tables, comes before the rounds and not into the middle of one. */
static void keep_small(void) {
	unsigned char any;
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)!RAND_bytes(&any, sizeof any);
}

static int vouchd(const struct arguments *arguments) {
	CLEANUP(home_free_p) struct home *home = home_new(arguments->state);
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	CLEANUP(service_done) struct service service = {.arguments = arguments};
	struct err err;
	if (!enrolment_read(home, &enrolment, &err) || !load(arguments, &service.settings, &service.stack, &err) ||
	    !sealer_open(home, enrolment, arguments->helpers, service.settings->environment,
			 service.settings->spool_limit, &service.sealer, &err))
		return fail_to_start(&err);
	if (arguments->helpers && !confine_to_this_program(&err)) /* commands are theirs to run */
		return fail(&err);
	return run(&service, &err);
}

int main(int argc, char **argv) {
	struct arguments arguments = {0};
	sigset_t handled;
	sigemptyset(&handled);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGHUP);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	int stop = read_arguments(argc, argv, &arguments);
	if (stop)
		return stop - 1;
	keep_small();
	return vouchd(&arguments);
}
