/* vouch verify: check exported evidence offline, and say what was proved and what was not. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "cli/verify_package.h"
#include "core/bundle.h"
#include "core/file.h"
#include "core/statement.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch verify FILE... --trust FILE [--body FILE]...\n"
	"       vouch verify PACKAGE --trust FILE [--strict] [--json]\n\n"
	"Verifies Sigstore bundles (vouch export --sigstore) without any network: the signature by an evidence key of\n"
	"the trust file, the log's entry, its inclusion, the checkpoint by a log of the trust file, and the "
	"time-stamp\n"
	"by an authority of the trust file where there is one.\n\n"
	"  --trust FILE  from somebody whom you trust (vouch export --trust)\n"
	"  --body FILE   a statement's body (vouch export --body); each must belong to one of the bundles\n\n"
	"An audit package (vouch export --package) is a folder, its manifest.json, or an archive. It says what is "
	"proved,\n"
	"what every rule came to on every host in seconds of the period, and what could not be established.\n\n"
	"  --strict      fail as well when something could not be established\n"
	"  --json        the whole as JSON\n\n"
	"Exit: 0 everything was proved, or nothing in the package contradicts; 1 something was refused, or "
	"contradicts;\n"
	"2 wrong use, or something that cannot be read.\n";

#define VERIFY_FILES_MOST 10000

/* One bundle that was proved. */
struct proved {
	const char *file;
	struct hash digest;
	struct statement *statement;
	bool has_time; /* a trusted authority signed when */
	bool has_unproved_time;
};

struct verifying {
	const struct trust *trust;
	struct proved *proved;
	size_t count;
	size_t bodies; /* that belong to one of them */
	size_t refused;
};

static void verifying_done(struct verifying *verifying) {
	for (size_t i = 0; i < verifying->count; i++)
		statement_free(verifying->proved[i].statement);
	free(verifying->proved);
}

static void refuse(struct verifying *verifying, const char *file, const struct err *err) {
	say(stdout, "%s: ", file);
	char text[640];
	say_coloured(COLOUR_RED, "REFUSED");
	say(stdout, ": %s\n", strcmp(err->where, file) != 0 ? err_text(err, text, sizeof text) : err->why);
	verifying->refused++;
}

static void print_time(const struct bundle_proved *proved) {
	char time[TIMES_TEXT], ends[TIMES_TEXT];
	if (!proved->has_time)
		return;
	const struct timestamp *said = &proved->timestamp;
	say(stdout, "  existed at  %s", times_format(said->time, time));
	if (said->accuracy_us > 0)
		say(stdout, " (give or take %" PRId64 " ms)", (said->accuracy_us + 999) / 1000);
	say(stdout, ", signed by the time-stamp authority %s, whose certificate %s %s\n", said->authority,
	    said->signer_expires < times_now() ? "ended" : "ends", times_format(said->signer_expires, ends));
}

static void print_proved(const char *file, const struct bundle_proved *proved, const struct statement *statement,
			 const struct hash *digest) {
	char hex[HASH_HEX], started[TIMES_TEXT], finished[TIMES_TEXT];
	say(stdout, "%s: ", file);
	say_coloured(COLOUR_GREEN, "verified");
	say(stdout, "\n  statement   %s\n", hash_hex(digest, hex));
	say(stdout, "  signed by   the evidence key of %s (%s)\n", proved->key->name, proved->key->host);
	say(stdout, "  says        %s number %" PRId64 " of host %s (%s, %s), by its clock %s to %s\n", statement->type,
	    statement->sequence, statement->host_id, statement->host_name, statement->host_os,
	    times_format(statement->started_at, started), times_format(statement->finished_at, finished));
	print_time(proved);
	say(stdout, "  logged      entry %" PRIu64 " of %" PRIu64 " in %s, under its signed checkpoint\n",
	    proved->index, proved->checkpoint.size, proved->checkpoint.origin);
}

/* The statement inside speaks for the host whose key signed it. */
static bool is_of_key(const struct statement *statement, const struct bundle_proved *proved, struct err *err) {
	if (!strcmp(statement->host_id, proved->key->host))
		return true;
	return err_set(err, ERR_REFUSED, "statement", "statement: it names host %s, but the key is that of host %s",
		       statement->host_id, proved->key->host);
}

static bool verify_bytes(struct verifying *verifying, const char *file, const struct buf *bytes, struct err *err) {
	struct bundle_proved proved;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!bundle_verify(bytes->data, bytes->len, file, verifying->trust, &proved, err))
		return false;
	struct hash digest = dsse_digest(proved.envelope);
	bool ok = statement_read(proved.envelope->payload.data, proved.envelope->payload.len, file, &statement, err) &&
		  is_of_key(statement, &proved, err);
	if (ok) {
		print_proved(file, &proved, statement, &digest);
		verifying->proved[verifying->count++] =
			(struct proved){.file = file,
					.digest = digest,
					.statement = statement,
					.has_time = proved.has_time,
					.has_unproved_time = proved.timestamp_count > 0 && !proved.has_time};
		statement = NULL;
	}
	bundle_proved_done(&proved);
	return ok;
}

/* False: the file cannot be read at all. */
static bool verify_file(struct verifying *verifying, const char *file, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err why;
	if (!file_read(file, BUNDLE_LARGEST, &bytes, &why)) {
		if (why.code != ERR_TOO_BIG) {
			*err = why;
			return false;
		}
		refuse(verifying, file, &why);
	} else if (!verify_bytes(verifying, file, &bytes, &why)) {
		refuse(verifying, file, &why);
	}
	return true;
}

/* A round's body that carries all results must have the state root that the statement commits to. */
static bool state_holds(const struct statement *statement, const struct buf *body, const char *file, bool *ret_compared,
			struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(json_decref_p) json_t *state = NULL;
	json_t *results;
	*ret_compared = false;
	if (strcmp(statement->type, "round") != 0 || !statement->state)
		return true;
	if (!json_read(body->data, body->len, STATEMENT_BODY_LARGEST, file, &object, err) ||
	    !json_get_array(object, "results", file, &results, err))
		return false;
	if ((json_int_t)json_array_size(results) != json_integer_value(json_object_get(statement->state, "size")))
		return true;
	if (!statement_state(results, &state, err))
		return false;
	if (!json_equal(state, statement->state))
		return err_set(err, ERR_REFUSED, file,
			       "body: its results have another state root than the statement says");
	*ret_compared = true;
	return true;
}

static bool verify_body(struct verifying *verifying, const char *file, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	struct err why;
	bool compared;
	if (!file_read(file, STATEMENT_BODY_LARGEST, &body, err))
		return false;
	struct hash digest = hash_of(body.data, body.len);
	for (size_t i = 0; i < verifying->count; i++) {
		const struct proved *proved = &verifying->proved[i];
		if (!hash_equal(&digest, &proved->statement->body_sha256))
			continue;
		if (!state_holds(proved->statement, &body, file, &compared, &why)) {
			refuse(verifying, file, &why);
			return true;
		}
		verifying->bodies++;
		say(stdout, "%s: ", file);
		say_coloured(COLOUR_GREEN, "verified");
		say(stdout, "\n  is the body that %s signs%s\n", proved->file,
		    compared ? ", and its results have the state root that it commits to" : "");
		return true;
	}
	err_set(&why, ERR_REFUSED, file, "body: no verified bundle given here signs these bytes");
	refuse(verifying, file, &why);
	return true;
}

static bool follows(const struct proved *later, const struct proved *earlier) {
	char hex[HASH_HEX];
	return !strcmp(later->statement->host_id, earlier->statement->host_id) &&
	       later->statement->sequence == earlier->statement->sequence + 1 &&
	       !strcmp(later->statement->previous, hash_hex(&earlier->digest, hex));
}

/* Statements given here whose predecessor was given too. */
static size_t count_linked(const struct verifying *verifying) {
	size_t linked = 0;
	for (size_t i = 0; i < verifying->count; i++)
		for (size_t k = 0; k < verifying->count; k++)
			if (follows(&verifying->proved[i], &verifying->proved[k])) {
				linked++;
				break;
			}
	return linked;
}

static size_t count_timed(const struct verifying *verifying, bool is_unproved) {
	size_t timed = 0;
	for (size_t i = 0; i < verifying->count; i++)
		timed += is_unproved ? verifying->proved[i].has_unproved_time : verifying->proved[i].has_time;
	return timed;
}

static void print_time_limits(const struct verifying *verifying) {
	const size_t timed = count_timed(verifying, false), unproved = count_timed(verifying, true);
	if (unproved > 0)
		printf("  when: %zu of these %zu have a time-stamp, but the trust file names no time-stamp authority\n",
		       unproved, verifying->count);
	else if (timed == 0)
		printf("  when: no timestamp authority signed; times are those of the hosts' clocks\n");
	else if (timed < verifying->count)
		printf("  when, for all: a timestamp authority signed %zu of these %zu; other times are those of the "
		       "hosts' "
		       "clocks\n",
		       timed, verifying->count);
	else
		printf("  that a host's clock was right: its time-stamp says only that the statement existed by "
		       "then\n");
}

static void print_limits(const struct verifying *verifying) {
	printf("\nNot proved here\n");
	printf("  that the host told the truth: whoever has root on a host can have it sign anything\n");
	print_time_limits(verifying);
	printf("  that everybody sees the same log: no witness cosigned its checkpoint\n");
	if (verifying->count > 1)
		printf("  that nothing is left out: %zu of these %zu statements follow one another directly\n",
		       count_linked(verifying), verifying->count);
	else
		printf("  that nothing is left out: one statement shows nothing of those before and after it\n");
	if (!verifying->bodies)
		printf("  what the results are: no body was given that belongs to it (--body)\n");
	else if (verifying->bodies < verifying->count)
		printf("  what the results are, for all: %zu of %zu bodies were given\n", verifying->bodies,
		       verifying->count);
}

static bool verify_all(struct verifying *verifying, char **files, const struct texts *bodies, struct err *err) {
	for (; *files; files++)
		if (!verify_file(verifying, *files, err))
			return false;
	for (size_t i = 0; i < bodies->count; i++)
		if (!verify_body(verifying, bodies->items[i], err))
			return false;
	return true;
}

static bool read_trust(const char *path, struct trust **ret_trust, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return file_read(path, TRUST_LARGEST, &bytes, err) && trust_read(bytes.data, bytes.len, path, ret_trust, err);
}

static int verify(int argc, char **argv) {
	CLEANUP(verifying_done) struct verifying verifying = {0};
	CLEANUP(texts_done) struct texts bodies = {0};
	CLEANUP(trust_free_p) struct trust *trust = NULL;
	struct verify_package_options package = {0};
	const char *trust_file = NULL;
	const struct option_row rows[] = {{"trust", 0, OPTION_TEXT, &trust_file},
					  {"body", 0, OPTION_TEXTS, &bodies},
					  {"strict", 0, OPTION_FLAG, &package.is_strict},
					  {"json", 0, OPTION_FLAG, &package.is_json},
					  {0}};
	char **operands;
	size_t count = 0;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_verify, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	while (operands[count])
		count++;
	if (!count || count > VERIFY_FILES_MOST || !trust_file)
		return cli_misuse(&verb_verify, "needs a package, or up to %d bundles, and --trust FILE",
				  VERIFY_FILES_MOST);
	package.trust_file = trust_file;
	if (count == 1 && verify_is_package(operands[0]))
		return bodies.count ? cli_misuse(&verb_verify, "--body is for bundles: a package has its own")
				    : verify_package(operands[0], &package);
	if (package.is_strict || package.is_json)
		return cli_misuse(&verb_verify, "--strict and --json are for an audit package, which stands alone");
	if (!read_trust(trust_file, &trust, &err))
		return cli_fail(&err, CLI_USAGE);
	verifying.trust = trust;
	verifying.proved = xcalloc(count, sizeof *verifying.proved);
	if (!verify_all(&verifying, operands, &bodies, &err))
		return cli_fail(&err, CLI_USAGE);
	if (verifying.count)
		print_limits(&verifying);
	return verifying.refused ? CLI_FAILED : CLI_OK;
}

const struct verb verb_verify = {"verify", "check exported evidence offline", usage, verify};
