/* vouch reset: before an image is sealed, what made this host the one that was enrolled goes. */
#include "agent/reset.h"

#include <unistd.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "core/text.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch reset [--image] [options]\n\n"
	"Without --image: says what would go, and changes nothing. With it keys, certificate, chain, spool,\n"
	"receipts, history and what earlier enrolments left go, before an image of this host is "
	"sealed; " VOUCH_SYSCONFDIR "\n"
	"stays. Refuses while vouchd, vouch-ship or vouch-sealer runs.\n\n"
	"  --image      do it\n"
	"  --force      also where this host is enrolled, or statements wait that no collector has acknowledged:\n"
	"               neither can be had again\n"
	"  --state DIR  the state folder (default " VOUCH_STATEDIR ")\n"
	"  --keep DIR   the sealer's folder (default " RESET_KEEP ", where there is no --state)\n\n"
	"Exit: 0 done, or said; 1 refused, or it failed; 2 wrong use.\n";

struct telling {
	bool is_dry;
	size_t receipts; /* there may be ten thousand: they are counted */
};

static void print(void *context, const char *path, bool stays) {
	struct telling *telling = context;
	if (!stays && text_ends(path, ".tlog-proof"))
		telling->receipts++;
	else
		say(stdout, "%s %s\n", stays ? "stays:" : telling->is_dry ? "would go:" : "gone:", path);
}

static void print_receipts(const struct telling *telling) {
	if (telling->receipts > 0)
		say(stdout, "%s %zu %s of the log\n", telling->is_dry ? "would go:" : "gone:", telling->receipts,
		    plural(telling->receipts, "receipt", "receipts"));
}

static void say_enrolment(const struct reset_found *found) {
	char at[TIMES_TEXT];
	const struct enrolment *enrolment = found->enrolment;
	if (enrolment)
		say(stdout, "enrolled as %s (%s) with %s since %s\n", enrolment->host_name, enrolment->host_id,
		    enrolment->collector, times_format(enrolment->enrolled_at, at));
	else if (found->is_enrolled)
		say(stdout, "there is an enrolment that cannot be read\n");
	else
		say(stdout, "this host is not enrolled\n");
	if (found->has_request)
		say(stdout, "keys wait for a certificate that was asked for\n");
	if (found->waiting)
		say(stdout, "%zu %s never acknowledged by the collector\n", found->waiting,
		    plural(found->waiting, "statement was", "statements were"));
	if (found->refused)
		say(stdout, "%zu %s refused by the collector\n", found->refused,
		    plural(found->refused, "statement was", "statements were"));
	if (found->is_uncounted)
		say(stdout, "how many is not sure: the spool is not as it has to be\n");
	if (found->is_key_in_token)
		say(stdout,
		    "the evidence key is a pair in a token, and stays there: take it out with the token's tools\n");
}

static bool has_machine_id(const char *path) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err ignored;
	if (!file_read(path, 4096, &bytes, &ignored))
		return false;
	CLEANUP(free_ptr) char *text = buf_take(&bytes);
	const char *id = text_trim(text);
	return *id && strcmp(id, "uninitialized") != 0;
}

/* Hosts of one machine id have one host id: the second to enrol would end the first one's line. */
static void warn_of_machine_id(void) {
	if (has_machine_id("/etc/machine-id")) {
		say(stderr, "warning: /etc/machine-id is not empty: every host of this image would be the same host\n");
		say(stderr, "next: truncate -s 0 /etc/machine-id\n");
	}
	if (access("/var/lib/dbus/machine-id", F_OK) == 0 && has_machine_id("/var/lib/dbus/machine-id"))
		say(stderr, "next: rm -f /var/lib/dbus/machine-id\n");
}

static int refuse(const struct reset_found *found) {
	say(stderr, "vouch reset: refused: %s; --force does it in spite of that\n",
	    found->waiting       ? "statements wait that no collector has acknowledged"
	    : found->is_enrolled ? "this host is enrolled"
				 : "keys wait for a certificate");
	return CLI_FAILED;
}

static int reset_host(const struct home *home, struct reset_plan *plan, bool force) {
	CLEANUP(reset_found_done) struct reset_found found = {0};
	struct err err;
	reset_look(home, &found);
	say_enrolment(&found);
	if (!plan->is_dry && !force && (found.is_enrolled || found.waiting || found.is_uncounted || found.has_request))
		return refuse(&found);
	bool is_done = reset(home, plan, &err);
	print_receipts(plan->context);
	if (!is_done)
		return cli_fail(&err, CLI_FAILED);
	say(stdout, plan->is_dry ? "nothing was changed; vouch reset --image does it\n"
				 : "nothing is left here that a copy of this host must not have\n");
	fflush(stdout); /* the warning stands behind it */
	warn_of_machine_id();
	return CLI_OK;
}

static int reset_verb(int argc, char **argv) {
	const char *state = NULL, *keep = NULL;
	bool image = false, force = false;
	const struct option_row rows[] = {{"image", 0, OPTION_FLAG, &image},
					  {"force", 0, OPTION_FLAG, &force},
					  {"state", 0, OPTION_TEXT, &state},
					  {"keep", 0, OPTION_TEXT, &keep},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_reset, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0])
		return cli_misuse(&verb_reset, "takes no operand");
	CLEANUP(home_free_p) struct home *home = home_new(state);
	struct telling telling = {.is_dry = !image};
	struct reset_plan plan = {.keep = keep    ? keep
					  : state ? NULL
						  : RESET_KEEP,
				  .is_dry = !image,
				  .visit = print,
				  .context = &telling};
	return reset_host(home, &plan, force);
}

const struct verb verb_reset = {"reset", "before an image is sealed: take away what made this one host", usage,
				reset_verb};
