/* vouch-prober: reaches out to other machines for vouchd, which has no network, and only where an approval names whom
 * and what for. Holds no capability and no key. */
#include <getopt.h>
#include <stdio.h>

#include "broker/journal.h"
#include "broker/serve.h"
#include "broker/start.h"
#include "core/text.h"
#include "sources/approvals.h"
#include "sources/probe.h"

struct arguments {
	const char *client, *approvals, *socket, *idle;
};

static const char usage[] = "usage: vouch-prober [options]\n\n"
			    "Probes for vouchd what the approvals file names. Started by its socket unit.\n\n"
			    "  --client USER     who may ask beside root (default: " START_CLIENT ")\n"
			    "  --approvals FILE  who answers for which probe, and until when (default:\n"
			    "                    " APPROVALS_FILE ")\n"
			    "  --socket PATH     make the socket, where no socket unit passes one\n"
			    "  --idle SECONDS    end after so long without a connection (default: 60; 0: never)\n\n"
			    "Exit: 0 ended by a signal or idle; 1 it could not go on; 2 it could not start.\n";

static int fail(const struct err *err, int exit_code) {
	char text[sizeof err->where + sizeof err->why];
	journal_error("%s", err_text(err, text, sizeof text));
	return exit_code;
}

/* 0 go on, otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"client", required_argument, NULL, 'c'},
						{"approvals", required_argument, NULL, 'a'},
						{"socket", required_argument, NULL, 's'},
						{"idle", required_argument, NULL, 'i'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{0}};
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			arguments->client = optarg;
			break;
		case 'a':
			arguments->approvals = optarg;
			break;
		case 's':
			arguments->socket = optarg;
			break;
		case 'i':
			arguments->idle = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'v':
			puts("vouch-prober " VOUCH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (optind == argc)
		return 0;
	fputs(usage, stderr);
	return 3;
}

/* context: the path of the approvals. */
static bool permit(void *context, const char *name, const struct place **ret_place, int *ret_error, struct err *err) {
	CLEANUP(buf_done) struct buf who = {0};
	if (!approvals_ask(context, name, &who, err))
		return false; /* *ret_error is EACCES already */
	journal_record("%s: approved by %s", name, buf_str(&who));
	return true;
}

static int run(const struct arguments *arguments) {
	static const struct unit unit = {.name = "prober", .kinds = probes_all};
	struct serve_options options = {.unit = &unit, .permit = permit};
	unsigned long long idle_s = SERVE_IDLE_S;
	CLEANUP(close_fd) int listening = -1;
	struct err err;
	if (arguments->idle && !text_to_u64(arguments->idle, 86400, &idle_s)) {
		fputs(usage, stderr);
		return 2;
	}
	options.idle_s = (unsigned)idle_s;
	CLEANUP(free_ptr) char *approvals = xstrdup(arguments->approvals ? arguments->approvals : APPROVALS_FILE);
	options.context = approvals;
	journal_open(unit.name);
	if (!start_find_user(arguments->client ? arguments->client : START_CLIENT, &options.client, &err) ||
	    !start_listening(arguments->socket, &listening, &err))
		return fail(&err, 2);
	bool is_done = serve(listening, &options, &err);
	journal_close();
	return is_done ? 0 : fail(&err, 1);
}

int main(int argc, char **argv) {
	struct arguments arguments = {0};
	start_hold_signals();
	int stop = read_arguments(argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}
