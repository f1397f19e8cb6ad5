/* vouch-broker: looks for vouchd at what only its unit's one capability opens. Reads no request but a name, and answers
 * by the list that root wrote. */
#include <getopt.h>
#include <stdio.h>

#include "broker/journal.h"
#include "broker/serve.h"
#include "broker/start.h"
#include "core/text.h"
#include "sources/namespace.h"

struct arguments {
	const char *unit, *client, *paths, *socket, *idle;
};

static const char usage[] =
	"usage: vouch-broker [options] fs|net|audit|ptrace\n\n"
	"Looks for vouchd at what only this unit's capability opens. Started by its socket unit.\n\n"
	"  --client USER   who may ask beside root (default: " START_CLIENT ")\n"
	"  --paths FILE    what may be asked for (default: " PATHS_FILE ")\n"
	"  --socket PATH   make the socket, where no socket unit passes one\n"
	"  --idle SECONDS  end after so long without a connection (default: 60; 0: never)\n\n"
	"Exit: 0 ended by a signal or idle; 1 it could not go on; 2 it could not start.\n";

static int fail(const struct err *err, int exit_code) {
	char text[sizeof err->where + sizeof err->why];
	journal_error("%s", err_text(err, text, sizeof text));
	return exit_code;
}

/* 0 go on, otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"client", required_argument, NULL, 'c'},
						{"paths", required_argument, NULL, 'p'},
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
		case 'p':
			arguments->paths = optarg;
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
			puts("vouch-broker " VOUCH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	arguments->unit = argv[optind];
	if (optind + 1 == argc)
		return 0;
	fputs(usage, stderr);
	return 3;
}

static int run(const struct arguments *arguments) {
	struct serve_options options = {.unit = unit_find(arguments->unit), .idle_s = SERVE_IDLE_S};
	unsigned long long idle_s = SERVE_IDLE_S;
	CLEANUP(close_fd) int listening = -1;
	struct err err;
	char text[sizeof err.where + sizeof err.why];
	options.list.path = arguments->paths ? arguments->paths : PATHS_FILE;
	if (!options.unit || (arguments->idle && !text_to_u64(arguments->idle, 86400, &idle_s))) {
		fputs(usage, stderr);
		return 2;
	}
	options.idle_s = (unsigned)idle_s;
	journal_open(options.unit->name);
	if (!start_find_user(arguments->client ? arguments->client : START_CLIENT, &options.client, &err) ||
	    !start_listening(arguments->socket, &listening, &err))
		return fail(&err, 2);
	/* It serves all the same: whoever asks is told why, which the evidence then says, until the list is good. */
	if (!paths_file_refresh(&options.list, &err))
		journal_error("nothing may be looked at: %s", err_text(&err, text, sizeof text));
	if (options.unit->needs_network && !arguments->socket && namespace_prove_net(listening) == NAMESPACE_OTHER)
		journal_error("this is not the network of the first process: nothing can be seen from here");
	bool is_done = serve(listening, &options, &err);
	paths_file_done(&options.list);
	journal_close();
	return is_done ? 0 : fail(&err, 1);
}

int main(int argc, char **argv) {
	struct arguments arguments = {0};
	start_hold_signals();
	int stop = read_arguments(argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}
