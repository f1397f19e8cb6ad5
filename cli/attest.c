/* vouch attest: what no host can show becomes evidence: a review, a report from CI, a restore that was tried. */
#include "agent/attest.h"

#include <pwd.h>
#include <unistd.h>

#include "cli/attest_file.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/text.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch attest --control CONTROL [--control CONTROL]... --note TEXT --valid TIME [options]\n"
	"       vouch attest --send [--state DIR]\n\n"
	"Seals what no host can show (a review, a report of a scanner, a restore that was tried, a training list)\n"
	"under the identity of the state folder, and ships it to its collector at once. For CI and for people:\n"
	"vouch enrol --attester makes an identity that only attests.\n\n"
	"  --control CONTROL  one of the 93 of ISO/IEC 27001:2022 Annex A: A.5.9, or 5.9; may be repeated\n"
	"  --note TEXT        what was done and what came of it; at most 4096 bytes\n"
	"  --valid TIME       how long it stands: 90d, 52w, 12h; at most two years\n"
	"  --file FILE        its name, size and SHA-256 are sealed\n"
	"  --include          the file itself goes along, at most 4 MiB\n"
	"  --media-type TYPE  of the file (default: by its extension)\n"
	"  --author NAME      who says so (default: login name @ host name)\n"
	"  --state DIR        keys and chain (default $VOUCH_STATE, else " VOUCH_STATEDIR ")\n"
	"  --send             only ship what could not be shipped before\n\n"
	"Exit: 0 it is in the log, its receipt verified; 1 it was not sealed, or the collector refused it; 2 wrong\n"
	"use; 3 sealed, but the collector could not be reached: it waits in the queue for the next vouch attest.\n";

enum { ATTEST_WAITS = 3 };

struct asked {
	struct texts controls;
	const char *note, *valid, *file, *media_type, *author, *state;
	bool include, send;
};

static void asked_done(struct asked *asked) { texts_done(&asked->controls); }

static char *default_author(void) {
	char host[256] = "";
	const struct passwd *user = getpwuid(geteuid());
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	if (user)
		return xasprintf("%s@%s", user->pw_name, host);
	return xasprintf("%lu@%s", (unsigned long)geteuid(), host);
}

/* "8.28" is short for "A.8.28". */
static char *control_of(const char *text) {
	return *text >= '0' && *text <= '9' ? xasprintf("A.%s", text) : xstrdup(text);
}

static bool take_controls(const struct texts *given, json_t *controls, struct err *err) {
	for (size_t i = 0; i < given->count; i++) {
		CLEANUP(free_ptr) char *id = control_of(given->items[i]);
		if (!attestation_is_control(id))
			return err_set(err, ERR_USAGE, "--control", "there is no control %s", given->items[i]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(json_string_value(json_array_get(controls, j)), id))
				return err_set(err, ERR_USAGE, "--control", "%s is named twice", id);
		json_array_append_new(controls, json_string(id));
	}
	return true;
}

static bool take_valid(const char *text, struct attestation *attestation, struct err *err) {
	int64_t seconds;
	if (!times_parse_duration(text, &seconds) || seconds <= 0)
		return err_set(err, ERR_USAGE, "--valid", "\"%s\" is not a time such as 90d", text);
	if (seconds > ATTESTATION_VALID_MOST)
		return err_set(err, ERR_USAGE, "--valid", "%s is more than two years", text);
	attestation->collected = times_now();
	attestation->expires = attestation->collected + seconds;
	return true;
}

static bool is_whole(const struct attestation *attestation, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	return attestation_write(attestation, &body, err);
}

/* What was asked for, as it will be sealed. */
static bool make(const struct asked *asked, struct attestation **ret_attestation, struct err *err) {
	CLEANUP(attestation_free_p) struct attestation *attestation = xcalloc(1, sizeof *attestation);
	attestation->controls = json_array();
	attestation->note = xstrdup(asked->note);
	attestation->author = asked->author ? xstrdup(asked->author) : default_author();
	if (!take_controls(&asked->controls, attestation->controls, err) ||
	    !take_valid(asked->valid, attestation, err) ||
	    (asked->file && !attest_file(asked->file, asked->media_type, asked->include, &attestation->file, err)) ||
	    !is_whole(attestation, err))
		return false;
	*ret_attestation = attestation;
	attestation = NULL;
	return true;
}

static void say_hint(const struct enrolment *enrolment) {
	if (!enrolment->purpose)
		say(stderr,
		    "vouch attest: where vouchd runs, the host's line is its own. Attest as an identity made for "
		    "it: vouch enrol URL --attester --state DIR, then --state DIR here\n");
}

/* Ships; says what did not go well, except for this statement's own refusal. */
static bool send_all(const struct home *home, const struct enrolment *enrolment, struct shipped *ret_sent) {
	struct err err;
	bool ok = attest_send(home, enrolment, ret_sent, &err);
	if (!ok)
		cli_fail(&err, CLI_FAILED);
	if (ret_sent->refused)
		say(stderr, "vouch attest: the collector refused %zu for good, last %s\n", ret_sent->refused,
		    ret_sent->refused_why);
	return ok;
}

static int send_waiting(const struct home *home, const struct enrolment *enrolment) {
	struct shipped sent;
	bool ok = send_all(home, enrolment, &sent);
	say(stdout, "%zu shipped, receipts verified\n", sent.stored);
	return sent.refused || sent.is_ended ? CLI_FAILED : ok ? CLI_OK : ATTEST_WAITS;
}

static int report(const struct home *home, const struct enrolment *enrolment, const char *digest,
		  const struct shipped *sent) {
	uint64_t index;
	struct err err;
	if (attest_index(home, digest, &index, &err)) {
		say(stdout, "in the log %s, index %llu, receipt verified\n", enrolment->origin,
		    (unsigned long long)index);
		return CLI_OK;
	}
	if (sent->refused)
		return CLI_FAILED;
	if (sent->is_ended) {
		say(stderr, "vouch attest: it will not be taken under this identity: vouch enrol --attester --force "
			    "makes a new one\n");
		return CLI_FAILED;
	}
	say(stderr, "vouch attest: it waits in %s: vouch attest --send ships it\n", home->queue);
	return ATTEST_WAITS;
}

static int seal_and_send(const struct home *home, const struct enrolment *enrolment,
			 const struct attestation *attestation) {
	char digest[HASH_HEX], until[TIMES_TEXT];
	struct shipped sent;
	struct err err;
	if (!attest_seal(home, enrolment, attestation, digest, &err)) {
		cli_fail(&err, CLI_FAILED);
		say_hint(enrolment);
		return CLI_FAILED;
	}
	say(stdout, "%s\n", digest);
	say(stdout, "sealed as %s, stands until %s\n", enrolment->host_name, times_format(attestation->expires, until));
	(void)send_all(home, enrolment, &sent);
	return report(home, enrolment, digest, &sent);
}

static int attest(const struct asked *asked) {
	const char *state = asked->state ? asked->state : getenv("VOUCH_STATE");
	CLEANUP(home_free_p) struct home *home = home_new(state && *state ? state : NULL);
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	struct err err;
	if (!asked->send && !make(asked, &attestation, &err))
		return cli_fail(&err, CLI_USAGE);
	if (!enrolment_read(home, &enrolment, &err))
		return cli_fail(&err, CLI_FAILED);
	return asked->send ? send_waiting(home, enrolment) : seal_and_send(home, enrolment, attestation);
}

static int attest_verb(int argc, char **argv) {
	CLEANUP(asked_done) struct asked asked = {0};
	const struct option_row rows[] = {
		{"control", 0, OPTION_TEXTS, &asked.controls}, {"note", 0, OPTION_TEXT, &asked.note},
		{"valid", 0, OPTION_TEXT, &asked.valid},       {"file", 0, OPTION_TEXT, &asked.file},
		{"include", 0, OPTION_FLAG, &asked.include},   {"media-type", 0, OPTION_TEXT, &asked.media_type},
		{"author", 0, OPTION_TEXT, &asked.author},     {"state", 0, OPTION_TEXT, &asked.state},
		{"send", 0, OPTION_FLAG, &asked.send},         {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_attest, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands)
		return cli_misuse(&verb_attest, "takes no operand: a file is named with --file");
	bool has_any = asked.controls.count || asked.note || asked.valid || asked.file || asked.author;
	if (asked.send && has_any)
		return cli_misuse(&verb_attest, "--send only ships what waits");
	if (!asked.send && (!asked.controls.count || !asked.note || !asked.valid))
		return cli_misuse(&verb_attest, "needs --control, --note and --valid");
	if (!asked.file && (asked.include || asked.media_type))
		return cli_misuse(&verb_attest, "--include and --media-type are of a --file");
	return attest(&asked);
}

const struct verb verb_attest = {"attest", "seal what no host can show, as somebody's word", usage, attest_verb};
