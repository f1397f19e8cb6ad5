/* vouch export: what an auditor takes away, from the collector. */
#include "cli/cli.h"
#include "cli/reader.h"
#include "core/file.h"
#include "core/hash.h"

static const char usage[] = "usage: vouch export --sigstore DIGEST | --body DIGEST | --trust [options]\n\n"
			    "  --sigstore DIGEST  the statement as a Sigstore bundle v0.3\n"
			    "  --body DIGEST      the body that the statement signs\n"
			    "  --trust            the trust file: the log's key and the hosts' evidence keys\n"
			    "  -o, --output FILE  write there instead of the standard output\n" READER_USAGE
			    "\nDIGEST is the statement's: 64 hexadecimal digits.\n\n"
			    "Exit: 0 exported; 1 not; 2 wrong use.\n";

struct wanted {
	const char *sigstore, *body, *output;
	bool trust;
};

static bool write_out(const char *output, const struct buf *bytes, struct err *err) {
	if (output)
		return file_write(output, bytes->data, bytes->len, 0644, err);
	if (fwrite(buf_str(bytes), 1, bytes->len, stdout) != bytes->len || fflush(stdout) != 0)
		return err_set(err, ERR_IO, "standard output", "it could not be written");
	return true;
}

static char *path_of(const struct wanted *wanted) {
	if (wanted->trust)
		return xstrdup("/api/v1/trust");
	return wanted->body ? xasprintf("/api/v1/statements/%s/body", wanted->body)
			    : xasprintf("/api/v1/statements/%s/bundle", wanted->sigstore);
}

static bool is_digest(const char *text) {
	struct hash hash;
	return !text || hash_from_hex(text, &hash);
}

static int export_verb(int argc, char **argv) {
	CLEANUP(reader_done) struct reader reader = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	struct wanted wanted = {0};
	const struct option_row rows[] = {{"sigstore", 0, OPTION_TEXT, &wanted.sigstore},
					  {"body", 0, OPTION_TEXT, &wanted.body},
					  {"trust", 0, OPTION_FLAG, &wanted.trust},
					  {"output", 'o', OPTION_TEXT, &wanted.output},
					  READER_ROWS(reader),
					  {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_export, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands || (wanted.sigstore != NULL) + (wanted.body != NULL) + wanted.trust != 1)
		return cli_misuse(&verb_export, "needs one of --sigstore DIGEST, --body DIGEST and --trust");
	if (!is_digest(wanted.sigstore) || !is_digest(wanted.body))
		return cli_misuse(&verb_export, "a digest is 64 lower-case hexadecimal digits");
	CLEANUP(free_ptr) char *path = path_of(&wanted);
	if (!reader_open(&reader, &err) || !reader_get(&reader, path, &bytes, &err) ||
	    !write_out(wanted.output, &bytes, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	return CLI_OK;
}

const struct verb verb_export = {"export", "fetch evidence and trust from a collector", usage, export_verb};
