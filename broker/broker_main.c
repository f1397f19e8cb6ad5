/* vouch-broker: looks for vouchd at what only its unit's one capability opens. Reads no request but a name, and answers
 * by the list that root wrote. */
#include <stdio.h>

#include "broker/journal.h"
#include "broker/serve.h"
#include "broker/start.h"
#include "core/confine.h"
#include "sources/namespace.h"

static const char usage[] =
	"usage: vouch-broker [options] fs|net|audit|audit-notices|ptrace\n\n"
	"Looks for vouchd at what only this unit's capability opens. Started by its socket unit.\n\n"
	"  --client USER   who may ask beside root (default: " START_CLIENT ")\n"
	"  --paths FILE    what may be asked for (default: " PATHS_FILE ")\n"
	"  --socket PATH   make the socket, where no socket unit passes one\n"
	"  --idle SECONDS  end after so long without a connection (default: 1200; 0: never)\n\n"
	"Exit: 0 ended by a signal or idle; 1 it could not go on; 2 it could not start.\n";

static int run(const struct start_arguments *arguments) {
	struct serve_options options = {
		.unit = unit_find(arguments->operand), .list.path = arguments->file, .idle_s = arguments->idle_s};
	CLEANUP(close_fd) int listening = -1;
	struct err err;
	char text[sizeof err.where + sizeof err.why];
	if (!options.unit) {
		fputs(usage, stderr);
		return 2;
	}
	journal_open(options.unit->name);
	if ((!options.unit->runs_commands && !confine_to_this_program(&err)) ||
	    !start_find_user(arguments->client, &options.client, &err) ||
	    !start_listening(arguments->socket, &listening, &err))
		return start_fail(&err, 2);
	/* It serves all the same: whoever asks is told why, which the evidence then says, until the list is good. */
	if (!paths_file_refresh(&options.list, &err))
		journal_error("nothing may be looked at: %s", err_text(&err, text, sizeof text));
	if (options.unit->needs_network && !arguments->socket && namespace_prove_net(listening) == NAMESPACE_OTHER)
		journal_error("this is not the network of the first process: nothing can be seen from here");
	bool is_done = serve(listening, &options, &err);
	paths_file_done(&options.list);
	journal_close();
	return is_done ? 0 : start_fail(&err, 1);
}

int main(int argc, char **argv) {
	static const struct start_program program = {.name = "vouch-broker",
						     .usage = usage,
						     .file_option = "paths",
						     .file = PATHS_FILE,
						     .has_operand = true};
	struct start_arguments arguments;
	start_hold_signals();
	int stop = start_read_arguments(&program, argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}
