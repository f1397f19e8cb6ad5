/* vouch: look at this host, read policies, enrol, export and verify evidence. */
#include "cli/cli.h"
#include "cli/say.h"

static const struct verb *const verbs[] = {
	&verb_run,     &verb_status,  &verb_history, &verb_lint,   &verb_explain, &verb_checks,  &verb_controls,
	&verb_sources, &verb_capture, &verb_paths,   &verb_waive,  &verb_apply,   &verb_enrol,   &verb_reset,
	&verb_doctor,  &verb_attest,  &verb_approve, &verb_export, &verb_verify,  &verb_posture, &verb_witness};

static void print_usage(FILE *to) {
	fprintf(to, "usage: vouch VERB [option]... [operand]...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		fprintf(to, "  %-9s %s\n", verbs[i]->name, verbs[i]->about);
	fprintf(to, "\nvouch VERB --help says more of each; vouch --version prints the version.\n");
}

/* Output that did not arrive must not end as if all were well. */
static int end(int exit_code) {
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	fprintf(stderr, "vouch: the standard output could not be written\n");
	return CLI_USAGE;
}

int main(int argc, char **argv) {
	if (argc > 1)
		for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
			if (!strcmp(argv[1], verbs[i]->name))
				return end(verbs[i]->run(argc - 1, argv + 1));
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("vouch " VOUCH_VERSION);
		return end(CLI_OK);
	}
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_usage(stdout);
		return end(CLI_OK);
	}
	if (argc > 1)
		say(stderr, "vouch: there is no verb %s\n\n", argv[1]);
	print_usage(stderr);
	return CLI_USAGE;
}
