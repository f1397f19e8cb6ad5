/* vouch enrol: this host joins a collector. */
#include "agent/enrol.h"

#include <unistd.h>

#include "agent/attest.h"
#include "agent/sealer_wire.h"
#include "cli/cli.h"
#include "cli/enrol_ways.h"
#include "cli/say.h"
#include "core/text.h"

static const char usage[] =
	"usage: vouch enrol URL --token TOKEN --ca-fingerprint SHA256 [options]\n"
	"       vouch enrol URL --request FILE [options]\n"
	"       vouch enrol URL --certificate FILE --ca FILE --log-key KEY [--transport-key FILE] [options]\n"
	"       vouch enrol --renew --certificate FILE\n"
	"       vouch enrol --from-credentials\n\n"
	"Makes this host's keys, has the transport key certified by the collector at URL (its agents' address,\n"
	"such as https://collector.example:8443) and pins the key of the collector's log. With a token:\n\n"
	"  --token TOKEN          from `vouch-collector token add`\n"
	"  --token-file FILE      read it from a file instead: other users see a command's arguments\n"
	"  --ca-fingerprint HEX   SHA-256 of the collector's CA certificate; nothing is trusted before it matches\n\n"
	"With files, and a CA that the collector trusts beside its own (agent_ca); nothing goes over the network:\n\n"
	"  --request FILE         make the keys, and write a request (PKCS#10) for any CA; - is the standard output\n"
	"  --certificate FILE     the certificate for it, and the CAs in between, in PEM\n"
	"  --transport-key FILE   the certificate is not for a request, but for this key (P-256 or Ed25519, PEM)\n"
	"  --ca FILE              PEM: the CAs that the host trusts, that of its certificate and the collector's\n"
	"  --log-key KEY          what `vouch-collector log-key` prints, or a file of it\n"
	"  --renew                the certificate is the next one for the same key, by the same CA\n\n"
	"At a first boot:\n\n"
	"  --from-credentials     what is needed is in $CREDENTIALS_DIRECTORY: " ENROL_CREDENTIAL_URL ",\n"
	"                         " ENROL_CREDENTIAL_TOKEN ", " ENROL_CREDENTIAL_FINGERPRINT ". Waits until the\n"
	"                         collector can be reached. Without any of them there is nothing to do\n\n"
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

/* What the command line said. */
struct asked {
	struct enrol_options options;
	struct enrol_files files;
	const char *state, *token, *token_file, *request;
	bool is_renewal, has_credentials;
	char *secret; /* owned */
};

static void asked_done(struct asked *asked) { free(asked->secret); }

static int with_token(const struct home *home, const struct enrol_options *options) {
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	struct err err;
	if (!enrol(home, options, &enrolment, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	enrol_say(enrolment, options);
	if (options->attester)
		send_attester(home, enrolment);
	return CLI_OK;
}

/* NULL: what was asked for makes sense by itself. */
static const char *what_is_wrong(const struct asked *asked, bool has_url) {
	const bool has_token = asked->token || asked->token_file,
		   has_files = asked->request || asked->files.certificate;
	const bool alone = asked->has_credentials || asked->is_renewal;
	if (alone ? has_url : !has_url)
		return alone ? "takes no address with --renew and --from-credentials" : "needs the collector's address";
	if (has_token + has_files + asked->has_credentials != 1 || (asked->request && asked->files.certificate))
		return "needs one way: --token or --token-file, --request, --certificate, or --from-credentials";
	if (has_token && (!asked->token == !asked->token_file || !asked->options.ca_fingerprint))
		return "needs --token or --token-file, and --ca-fingerprint";
	if (asked->is_renewal && !asked->files.certificate)
		return "--renew needs --certificate";
	if (asked->files.certificate && !asked->is_renewal && (!asked->files.ca || !asked->files.log_key))
		return "--certificate needs --ca and --log-key";
	if (!asked->options.attester)
		return asked->options.name ? "a --name is an attester's" : NULL;
	if (!asked->state || !*asked->state)
		return "an attester has a folder of its own: --state DIR";
	return asked->options.helpers || asked->options.root || !has_token
		       ? "an attester has neither --helpers nor --root, and enrols with a token"
		       : NULL;
}

static int go(struct asked *asked) {
	CLEANUP(home_free_p) struct home *home = home_new(asked->state);
	struct err err;
	if (!asked->options.helpers && !asked->state && access(VOUCH_RUNDIR "/" SEALER_SOCKET, F_OK) == 0)
		asked->options.helpers = VOUCH_RUNDIR;
	if (asked->has_credentials)
		return enrol_way_credentials(home, &asked->options);
	if (asked->is_renewal)
		return enrol_way_renew(home, asked->files.certificate);
	if (asked->request)
		return enrol_way_request(home, &asked->options, asked->request);
	if (asked->files.certificate)
		return enrol_way_files(home, &asked->options, &asked->files);
	if (!token_of(asked->token, asked->token_file, &asked->secret, &err))
		return cli_fail(&err, CLI_USAGE);
	asked->options.token = asked->secret;
	return with_token(home, &asked->options);
}

static int enrol_verb(int argc, char **argv) {
	CLEANUP(asked_done) struct asked asked = {0};
	const struct option_row rows[] = {{"token", 0, OPTION_TEXT, &asked.token},
					  {"token-file", 0, OPTION_TEXT, &asked.token_file},
					  {"ca-fingerprint", 0, OPTION_TEXT, &asked.options.ca_fingerprint},
					  {"request", 0, OPTION_TEXT, &asked.request},
					  {"certificate", 0, OPTION_TEXT, &asked.files.certificate},
					  {"transport-key", 0, OPTION_TEXT, &asked.files.transport_key},
					  {"ca", 0, OPTION_TEXT, &asked.files.ca},
					  {"log-key", 0, OPTION_TEXT, &asked.files.log_key},
					  {"renew", 0, OPTION_FLAG, &asked.is_renewal},
					  {"from-credentials", 0, OPTION_FLAG, &asked.has_credentials},
					  {"state", 0, OPTION_TEXT, &asked.state},
					  {"key", 0, OPTION_TEXT, &asked.options.key},
					  {"helpers", 0, OPTION_TEXT, &asked.options.helpers},
					  {"root", 0, OPTION_TEXT, &asked.options.root},
					  {"attester", 0, OPTION_FLAG, &asked.options.attester},
					  {"name", 0, OPTION_TEXT, &asked.options.name},
					  {"force", 0, OPTION_FLAG, &asked.options.force},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_enrol, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (asked.options.attester && !asked.state)
		asked.state = getenv("VOUCH_STATE");
	const char *wrong = what_is_wrong(&asked, operands[0] != NULL);
	if (wrong || (operands[0] && operands[1]))
		return cli_misuse(&verb_enrol, "%s", wrong ? wrong : "takes one address");
	asked.options.collector = operands[0];
	return go(&asked);
}

const struct verb verb_enrol = {"enrol", "make keys and join a collector", usage, enrol_verb};
