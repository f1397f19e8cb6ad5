/* vouch enrol: this host joins a collector. */
#include "agent/enrol.h"

#include <unistd.h>

#include "agent/attest.h"
#include "agent/sealer_wire.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/text.h"

static const char usage[] =
	"usage: vouch enrol URL --token TOKEN --ca-fingerprint SHA256 [options]\n\n"
	"Makes this host's keys, has the transport key certified by the collector at URL (its agents' address,\n"
	"such as https://collector.example:8443) and pins the key of the collector's log.\n\n"
	"  --token TOKEN          one-time token from `vouch-collector token add`\n"
	"  --token-file FILE      read it from a file instead: other users see a command's arguments\n"
	"  --ca-fingerprint HEX   SHA-256 of the collector's CA certificate; nothing is trusted before it matches\n"
	"  --state DIR            where keys and chain are kept (default " VOUCH_STATEDIR ")\n"
	"  --helpers DIR          a sealer behind DIR/" SEALER_SOCKET " signs for this host: the first statement is\n"
	"                         left to it (default " VOUCH_RUNDIR
	", where a sealer listens there and there is no --state)\n"
	"  --key KIND             where the evidence key is kept: file (default), tpm2 (a TPM 2.0), or a\n"
	"                         pkcs11:token=NAME?module-path=FILE&pin-source=FILE URI (a token)\n"
	"  --root DIR             enrol the host whose files are in this folder\n"
	"  --attester             an identity that only attests (vouch attest) and is no host: for CI, for people;\n"
	"                         any user, in a folder of its own (--state, or $VOUCH_STATE)\n"
	"  --name NAME            what an attester is called (default: the host's name)\n"
	"  --force                set an existing enrolment aside: a new chain begins\n\n"
	"Exit: 0 enrolled; 1 not; 2 wrong use.\n";

#define TOKEN_LARGEST 4096

static bool token_of(const char *given, const char *file, char **ret_token, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (given) {
		*ret_token = xstrdup(given);
		return true;
	}
	if (!file_read(file, TOKEN_LARGEST, &bytes, err))
		return false;
	CLEANUP(free_ptr) char *text = buf_take(&bytes);
	*ret_token = xstrdup(text_trim(text));
	return true;
}

/* So that the collector knows it from now on. It is enrolled in any case: what could not be shipped waits. */
static void send_attester(const struct home *home, const struct enrolment *enrolment) {
	struct shipped sent;
	struct err err;
	if (!attest_send(home, enrolment, &sent, &err))
		cli_fail(&err, CLI_OK);
	if (sent.refused)
		say(stderr, "vouch enrol: the collector refused %s\n", sent.refused_why);
	say(stdout, "next: vouch attest --state %s, one at a time, and keep that folder as a whole\n", home->folder);
}

static int enrol_host(const char *state, const struct enrol_options *options) {
	CLEANUP(home_free_p) struct home *home = home_new(state);
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	struct err err;
	if (!enrol(home, options, &enrolment, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	say(stdout, "enrolled %s (%s) with %s\n", enrolment->host_name, enrolment->host_id, enrolment->collector);
	say(stdout, "log %s\n", enrolment->vkey);
	if (options->helpers && options->force)
		say(stdout, "the sealer takes the new key when it starts: systemctl restart vouch-sealer\n");
	else if (options->helpers)
		say(stdout, "next: systemctl enable --now vouchd\n");
	else if (options->attester)
		send_attester(home, enrolment);
	return CLI_OK;
}

static int enrol_verb(int argc, char **argv) {
	struct enrol_options options = {0};
	const char *state = NULL, *token = NULL, *token_file = NULL;
	const struct option_row rows[] = {{"token", 0, OPTION_TEXT, &token},
					  {"token-file", 0, OPTION_TEXT, &token_file},
					  {"ca-fingerprint", 0, OPTION_TEXT, &options.ca_fingerprint},
					  {"state", 0, OPTION_TEXT, &state},
					  {"key", 0, OPTION_TEXT, &options.key},
					  {"helpers", 0, OPTION_TEXT, &options.helpers},
					  {"root", 0, OPTION_TEXT, &options.root},
					  {"attester", 0, OPTION_FLAG, &options.attester},
					  {"name", 0, OPTION_TEXT, &options.name},
					  {"force", 0, OPTION_FLAG, &options.force},
					  {0}};
	CLEANUP(free_ptr) char *secret = NULL;
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_enrol, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (!operands[0] || operands[1])
		return cli_misuse(&verb_enrol, "needs the collector's address");
	if (!token == !token_file || !options.ca_fingerprint)
		return cli_misuse(&verb_enrol, "needs --token or --token-file, and --ca-fingerprint");
	if (options.attester && !state)
		state = getenv("VOUCH_STATE");
	if (options.attester && (!state || !*state))
		return cli_misuse(&verb_enrol, "an attester has a folder of its own: --state DIR");
	if (options.attester ? options.helpers || options.root : options.name != NULL)
		return cli_misuse(&verb_enrol, "an attester has neither --helpers nor --root, and alone a --name");
	if (!token_of(token, token_file, &secret, &err))
		return cli_fail(&err, CLI_USAGE);
	if (!options.helpers && !state && access(VOUCH_RUNDIR "/" SEALER_SOCKET, F_OK) == 0)
		options.helpers = VOUCH_RUNDIR;
	options.collector = operands[0];
	options.token = secret;
	return enrol_host(state, &options);
}

const struct verb verb_enrol = {"enrol", "make keys and join a collector", usage, enrol_verb};
