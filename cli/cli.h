/* The verbs of `vouch`, and what they share: options, connection, exit codes. */
#pragma once

#include "core/err.h"

/* What a verb ends with. */
enum {
	CLI_OK = 0, /* done; of run: nothing failed and nothing is in doubt */
	CLI_FAILED =
		1,     /* of run: something failed; of verify: something was refused; of others: it could not be done */
	CLI_USAGE = 2, /* wrong use, or a policy or file that cannot be used */
	CLI_UNKNOWN = 3, /* of run: nothing failed, but something is unknown or error */
};

struct verb {
	const char *name, *about;
	const char *usage;                 /* the whole help text below the first line */
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

extern const struct verb verb_witness, verb_run, verb_lint, verb_explain, verb_checks, verb_controls, verb_enrol,
	verb_verify, verb_export, verb_attest, verb_approve, verb_posture, verb_sources, verb_capture, verb_paths,
	verb_waive, verb_reset, verb_doctor, verb_apply, verb_status, verb_history;

/* Options of a verb, one table each. */
enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_TEXTS };
struct option_row {
	const char *name; /* "policy" for --policy; NULL ends the table */
	char letter;      /* 'o' for -o, or 0 */
	enum option_kind kind;
	void *target; /* bool *, const char ** or struct texts * */
};
struct texts {
	const char **items; /* NULL behind the last; grows */
	size_t count;
};
void texts_done(struct texts *texts);
/* Reads options wherever they stand, and "--name=value"; "--" ends them. Operands are moved together: *ret_operands
 * points at them, NULL behind the last. --help prints the verb's help and ends the verb with *ret_exit 0; a wrong
 * option says so and ends it with 2. True: go on. */
MUST_CHECK bool cli_options(const struct verb *verb, const struct option_row *rows, int argc, char **argv,
			    char ***ret_operands, int *ret_exit);
/* "vouch: <err>" to the standard error; returns the exit code given. */
int cli_fail(const struct err *err, int exit_code);
/* "vouch VERB: <text>" and a hint at --help; returns CLI_USAGE. */
int cli_misuse(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
