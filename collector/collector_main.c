/* vouch-collector. Exit codes: 0 done, 1 it failed, 2 called wrongly. */
#include "collector/verbs.h"
#include "core/text.h"

static const struct verb *const verbs[] = {
	&collector_init,         &collector_token_add,     &collector_token_list,      &collector_token_remove,
	&collector_log_key,      &collector_reader_add,    &collector_reader_list,     &collector_reader_remove,
	&collector_approver_add, &collector_approver_list, &collector_approver_remove, &collector_fingerprint,
	&collector_rebuild,      &collector_fsck,          &collector_erase,           &collector_revoke,
	&collector_run,          &collector_anchor,        &collector_import,
};

static void say(const char *line) {
	fprintf(stderr, "%s\n", line);
	fflush(stderr);
}

static void print_usage(FILE *stream) {
	fprintf(stream, "vouch-collector VERB ...: receives, verifies, logs, stores and shows what agents sign.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		fprintf(stream, "  %-14s %s\n", verbs[i]->name, verbs[i]->about);
	fprintf(stream,
		"\n  --help, --version; VERB --help says more.\n\nExit: 0 done; 1 it failed; 2 called wrongly.\n");
}

/* The verbs of a group, such as those that begin with "token ". False: there is no such group. */
static bool print_group(FILE *stream, const char *group) {
	const size_t len = strlen(group);
	bool is_there = false;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strncmp(verbs[i]->name, group, len) && verbs[i]->name[len] == ' ') {
			fprintf(stream, "vouch-collector %s %s\n  %s\n", verbs[i]->name, verbs[i]->arguments,
				verbs[i]->about);
			is_there = true;
		}
	return is_there;
}

static void print_verb(FILE *stream, const struct verb *verb) {
	fprintf(stream, "vouch-collector %s %s\n%s\n%s", verb->name, verb->arguments, verb->about, verb->options);
}

/* How many words of the command line are the verb's name; 0: they are not. */
static int words_of(const struct verb *verb, int argc, char **argv) {
	const char *at = verb->name;
	for (int i = 1; i < argc; i++) {
		const size_t len = strcspn(at, " ");
		if (strlen(argv[i]) != len || strncmp(argv[i], at, len) != 0)
			return 0;
		at += len;
		if (!*at)
			return i;
		at++;
	}
	return 0;
}

/* The verb whose name the command line begins with, and of how many words it is; 0: there is none. */
static int find_verb(int argc, char **argv, const struct verb **ret_verb) {
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		const int words = words_of(verbs[i], argc, argv);
		if (words == 0)
			continue;
		*ret_verb = verbs[i];
		return words;
	}
	return 0;
}

static int run_verb(const struct verb *verb, int argc, char **argv) {
	CLEANUP(buf_done) struct buf out = {0};
	const struct verb_call call = {argc, argv, say, &out};
	struct err err = {0};
	char text[sizeof err.where + sizeof err.why + 64];
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			print_verb(stdout, verb);
			return 0;
		}
		if (!strcmp(argv[i], "--version")) {
			printf("vouch-collector %s\n", VOUCH_VERSION);
			return 0;
		}
	}
	bool is_done = verb->run(&call, &err);
	fputs(buf_str(&out), stdout);
	if (is_done)
		return fflush(stdout) == 0 ? 0 : 1;
	fprintf(stderr, "vouch-collector: %s\n", err_text(&err, text, sizeof text));
	if (err.code != ERR_USAGE)
		return 1;
	print_verb(stderr, verb);
	return 2;
}

int main(int argc, char **argv) {
	const struct verb *verb = NULL;
	const int words = find_verb(argc, argv, &verb);
	if (words > 0)
		return run_verb(verb, argc - words, argv + words);
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		print_usage(stdout);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("vouch-collector %s\n", VOUCH_VERSION);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[2], "--help") && print_group(stdout, argv[1]))
		return 0;
	if (argc > 1 && print_group(stderr, argv[1]))
		return 2;
	if (argc > 1) {
		text_replace_controls(argv[1]);
		fprintf(stderr, "vouch-collector: there is no verb \"%s\"\n", argv[1]);
	}
	print_usage(stderr);
	return 2;
}
