/* vouch export: what an auditor takes away, from the collector. */
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/export_package.h"
#include "core/attestation.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch export --package PATH --from TIME [--to TIME] [--host HOST]... [--control CONTROL]... [options]\n"
	"       vouch export --sigstore DIGEST | --body DIGEST | --trust [options]\n\n"
	"  --package PATH     an audit package, for `vouch verify`: a folder, or an archive where PATH ends in .zip, "
	".tar,\n"
	"                     .tar.gz or .tar.zst; nothing is overwritten\n"
	"  --from TIME        of receipt at the collector: 2026-11-01, or 2026-11-01T06:00:00Z\n"
	"  --to TIME          up to then, and not it itself; now, where it is left out\n"
	"  --host HOST        this one alone, by id or name; may be repeated\n"
	"  --control CONTROL  the results of this one alone, A.8.15 or 8.15; may be repeated\n"
	"  --by NAME          who made it, for the manifest; the user and this machine, where it is left out\n"
	"  --sigstore DIGEST  the statement as a Sigstore bundle v0.3\n"
	"  --body DIGEST      the body that the statement signs\n"
	"  --trust            the trust file: the log's key and the hosts' evidence keys\n"
	"  -o, --output FILE  write there instead of the standard output\n" READER_USAGE
	"\nDIGEST is the statement's: 64 hexadecimal digits.\n\n"
	"Exit: 0 exported; 1 not; 2 wrong use.\n";

struct wanted {
	const char *sigstore, *body, *output;
	bool trust;
	const char *package, *from, *to;
	struct export_query query;
};

static void wanted_done(struct wanted *wanted) {
	texts_done(&wanted->query.hosts);
	texts_done(&wanted->query.controls);
}

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

/* --- a package ---------------------------------------------------------------------------------------------------- */

/* A time, or a day, which begins at midnight UTC. */
static bool read_time(const char *option, const char *text, int64_t *ret_time, struct err *err) {
	CLEANUP(free_ptr) char *midnight = xasprintf("%sT00:00:00Z", text);
	if (times_parse(text, ret_time) || times_parse(midnight, ret_time))
		return true;
	return err_set(err, ERR_USAGE, option,
		       "%s is neither a day such as 2026-11-01 nor a time such as "
		       "2026-11-01T06:00:00Z",
		       text);
}

/* "8.15" becomes "A.8.15"; its text is kept for the life of the process. */
static bool read_controls(struct texts *controls, struct err *err) {
	for (size_t i = 0; i < controls->count; i++) {
		if (!text_starts(controls->items[i], "A."))
			controls->items[i] = xasprintf("A.%s", controls->items[i]);
		if (!attestation_is_control(controls->items[i]))
			return err_set(err, ERR_USAGE, "--control", "there is no control %s", controls->items[i]);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(controls->items[i], controls->items[k]))
				return err_set(err, ERR_USAGE, "--control", "%s is named twice", controls->items[i]);
	}
	return true;
}

/* "root at host.example"; the caller frees. */
static char *who(void) {
	char host[HOST_NAME_MAX + 1] = "";
	const struct passwd *user = getpwuid(getuid());
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	return user ? xasprintf("%s at %s", user->pw_name, host) : xasprintf("user %u at %s", (unsigned)getuid(), host);
}

/* SOURCE_DATE_EPOCH, as builds that can be repeated have it. */
static int64_t created_now(void) {
	const char *asked = getenv("SOURCE_DATE_EPOCH");
	unsigned long long instant;
	return asked && text_to_u64(asked, INT32_MAX, &instant) ? (int64_t)instant : times_now();
}

static bool read_query(struct wanted *wanted, struct err *err) {
	struct export_query *query = &wanted->query;
	query->created = created_now();
	query->to = query->created;
	if (!read_time("--from", wanted->from, &query->from, err) ||
	    (wanted->to && !read_time("--to", wanted->to, &query->to, err)) || !read_controls(&query->controls, err))
		return false;
	if (query->from >= query->to)
		return err_set(err, ERR_USAGE, "--from", "it is not before --to");
	return true;
}

static int export_to_package(struct wanted *wanted, struct reader *reader) {
	CLEANUP(free_ptr) char *by = who();
	struct err err;
	if (!wanted->query.by)
		wanted->query.by = by;
	setenv("TZ", "UTC0", 1); /* an archive's times are local ones */
	tzset();
	if (!read_query(wanted, &err) || !reader_open(reader, &err) ||
	    !export_package(reader, &wanted->query, wanted->package, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	return CLI_OK;
}

static bool is_right_use(const struct wanted *wanted) {
	const int whats =
		(wanted->sigstore != NULL) + (wanted->body != NULL) + wanted->trust + (wanted->package != NULL);
	const bool has_query = wanted->from || wanted->to || wanted->query.by || wanted->query.hosts.count ||
			       wanted->query.controls.count;
	return whats == 1 && (wanted->package ? wanted->from && !wanted->output : !has_query);
}

static int export_verb(int argc, char **argv) {
	CLEANUP(reader_done) struct reader reader = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(wanted_done) struct wanted wanted = {0};
	const struct option_row rows[] = {{"sigstore", 0, OPTION_TEXT, &wanted.sigstore},
					  {"body", 0, OPTION_TEXT, &wanted.body},
					  {"trust", 0, OPTION_FLAG, &wanted.trust},
					  {"output", 'o', OPTION_TEXT, &wanted.output},
					  {"package", 0, OPTION_TEXT, &wanted.package},
					  {"from", 0, OPTION_TEXT, &wanted.from},
					  {"to", 0, OPTION_TEXT, &wanted.to},
					  {"host", 0, OPTION_TEXTS, &wanted.query.hosts},
					  {"control", 0, OPTION_TEXTS, &wanted.query.controls},
					  {"by", 0, OPTION_TEXT, &wanted.query.by},
					  READER_ROWS(reader),
					  {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_export, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands || !is_right_use(&wanted))
		return cli_misuse(&verb_export, "needs --package PATH with --from TIME, or one of --sigstore DIGEST, "
						"--body DIGEST and --trust");
	if (wanted.package)
		return export_to_package(&wanted, &reader);
	if (!is_digest(wanted.sigstore) || !is_digest(wanted.body))
		return cli_misuse(&verb_export, "a digest is 64 lower-case hexadecimal digits");
	CLEANUP(free_ptr) char *path = path_of(&wanted);
	if (!reader_open(&reader, &err) || !reader_get(&reader, path, &bytes, &err) ||
	    !write_out(wanted.output, &bytes, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	return CLI_OK;
}

const struct verb verb_export = {"export", "fetch evidence and trust from a collector", usage, export_verb};
