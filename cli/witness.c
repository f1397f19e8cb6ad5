/* vouch witness: a witness of transparency logs. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "core/file.h"
#include "witness/witness_serve.h"

static const char usage[] =
	"usage: vouch witness --listen ADDRESS:PORT --state DIR --key FILE --log VKEY [options]\n"
	"       vouch witness keygen --key FILE [--name NAME]\n\n"
	"Cosigns the checkpoints of logs for whoever asks (C2SP tlog-witness, over plain HTTP): only one that "
	"continues\n"
	"what it cosigned last, which it keeps in DIR before it answers. Run it where the logs' operators have no "
	"say.\n"
	"keygen makes a key, and prints the verifier key for the policies of those who believe this witness.\n\n"
	"  --listen ADDRESS:PORT  where to listen; port 0: any\n"
	"  --state DIR            its memory, which must be there; a witness that lost it must be given up\n"
	"  --key FILE             the witness's private key, used for nothing else\n"
	"  --log VKEY             a log that may ask; may come more than once\n"
	"  --name NAME            the witness's name in cosignatures, for ever; default: HOSTNAME/witness\n"
	"\nExit: 0 ended by a signal, or the key is made; 1 it failed; 2 wrong use.\n";

struct witness_options {
	const char *listen, *state, *key, *name;
	struct texts logs;
};

static void options_done(struct witness_options *options) { texts_done(&options->logs); }

static void say_line(const char *line) {
	say(stderr, "vouch witness: %s\n", line);
	fflush(stderr);
}

static char *default_name(void) {
	char name[256] = "localhost";
	if (gethostname(name, sizeof name - 1) != 0 || !name[0])
		snprintf(name, sizeof name, "localhost");
	return xasprintf("%s/witness", name);
}

static bool make_key(const struct witness_options *options, const char *name, struct err *err) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!key_make_ed25519(&key, err))
		return false;
	CLEANUP(free_ptr) char *vkey = note_cosigner_vkey(name, key);
	if (!vkey)
		return err_set(err, ERR_USAGE, name, "no name for a witness: no blanks, no '+', not empty");
	if (!key_save(options->key, key, err))
		return false;
	printf("%s\n", vkey);
	return true;
}

static bool run_witness(const struct witness_options *options, const char *name, struct err *err) {
	static char line[4096]; /* else each letter is a write(2) of its own, and a line of two processes may be one */
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(witness_free_p) struct witness *witness = NULL;
	umask(077);
	(void)!setvbuf(stderr, line, _IOLBF, sizeof line);
	if (!key_load(options->key, &key, err))
		return false;
	const struct witness_settings settings = {options->state, name, key, options->logs.items, options->logs.count};
	if (!witness_open(&settings, &witness, err))
		return false;
	CLEANUP(free_ptr) char *who = xasprintf("this is %s", witness_vkey(witness));
	say_line(who);
	return witness_serve(witness, options->listen, say_line, err);
}

static int misuse(const struct witness_options *options, char **operands, bool is_keygen) {
	if (operands[is_keygen])
		return cli_misuse(&verb_witness, "takes no operand: %s", operands[is_keygen]);
	if (!options->key)
		return cli_misuse(&verb_witness, "--key is missing");
	if (!is_keygen && (!options->listen || !options->state || options->logs.count == 0))
		return cli_misuse(&verb_witness, "--listen, --state and --log are needed");
	return CLI_OK;
}

static int witness(int argc, char **argv) {
	CLEANUP(options_done) struct witness_options options = {0};
	const struct option_row rows[] = {
		{"listen", 0, OPTION_TEXT, &options.listen}, {"state", 0, OPTION_TEXT, &options.state},
		{"key", 0, OPTION_TEXT, &options.key},       {"log", 0, OPTION_TEXTS, &options.logs},
		{"name", 0, OPTION_TEXT, &options.name},     {0}};
	CLEANUP(free_ptr) char *standard = default_name();
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_witness, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	const bool is_keygen = operands[0] && !strcmp(operands[0], "keygen");
	exit_code = misuse(&options, operands, is_keygen);
	if (exit_code != CLI_OK)
		return exit_code;
	const char *name = options.name ? options.name : standard;
	if (!(is_keygen ? make_key : run_witness)(&options, name, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	return CLI_OK;
}

const struct verb verb_witness = {"witness", "cosign the checkpoints of logs", usage, witness};
