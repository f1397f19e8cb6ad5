/* vouch-prober: reaches out to other machines for vouchd, which has no network, and only where an approval names whom
 * and what for. Holds no capability and no key. */
#include "broker/journal.h"
#include "broker/serve.h"
#include "broker/start.h"
#include "core/confine.h"
#include "sources/action.h"
#include "sources/approvals.h"
#include "sources/probe.h"

static const char usage[] = "usage: vouch-prober [options]\n\n"
			    "Probes for vouchd what the approvals file names. Started by its socket unit.\n\n"
			    "  --client USER     who may ask beside root (default: " START_CLIENT ")\n"
			    "  --approvals FILE  who answers for which probe, and until when (default:\n"
			    "                    " APPROVALS_FILE ")\n"
			    "  --socket PATH     make the socket, where no socket unit passes one\n"
			    "  --idle SECONDS    end after so long without a connection (default: 1200; 0: never)\n\n"
			    "Exit: 0 ended by a signal or idle; 1 it could not go on; 2 it could not start.\n";

struct prober {
	const char *approvals; /* the file's path */
	struct buf who;        /* answers for the probe that is made now */
};

static bool permit(void *context, const char *name, const struct place **ret_place, int *ret_error, struct err *err) {
	struct prober *prober = context;
	buf_done(&prober->who);
	return approvals_ask(prober->approvals, name, &prober->who, err); /* *ret_error is EACCES already */
}

static void looked(void *context, const char *name, const struct err *err) {
	const struct prober *prober = context;
	CLEANUP(free_ptr) char *by = xasprintf("approved by %s", buf_str(&prober->who));
	CLEANUP(free_ptr)
	char *line = action_send(&(struct action){.program = "vouch-prober", .what = name, .by = by}, err);
	if (line)
		journal_record("%s", line);
}

static int run(const struct start_arguments *arguments) {
	static const struct unit unit = {.name = "prober", .kinds = probes_all};
	struct prober prober = {.approvals = arguments->file};
	struct serve_options options = {
		.unit = &unit, .permit = permit, .looked = looked, .context = &prober, .idle_s = arguments->idle_s};
	CLEANUP(close_fd) int listening = -1;
	struct err err;
	journal_open(unit.name);
	if (!confine_to_this_program(&err) || !start_find_user(arguments->client, &options.client, &err) ||
	    !start_listening(arguments->socket, &listening, &err))
		return start_fail(&err, 2);
	bool is_done = serve(listening, &options, &err);
	journal_close();
	return is_done ? 0 : start_fail(&err, 1);
}

int main(int argc, char **argv) {
	static const struct start_program program = {
		.name = "vouch-prober", .usage = usage, .file_option = "approvals", .file = APPROVALS_FILE};
	struct start_arguments arguments;
	start_hold_signals();
	int stop = start_read_arguments(&program, argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}
