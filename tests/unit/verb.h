/* A verb as its users meet it: run in a process of its own, with what it printed and how it ended. */
#pragma once

#include <fcntl.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "tests/unit/scratch.h"

/* What a verb printed to both outputs, and its exit code; text is freed by the caller. */
struct outcome {
	int exit_code;
	char *text;
};

static inline void outcome_done(struct outcome *outcome) { free(outcome->text); }

/* folder: where the output may lie for a while. */
static inline struct outcome verb_ask(const char *folder, const struct verb *verb, const char *const *arguments) {
	char *argv[16] = {(char *)verb->name};
	int argc = 1, status = 0;
	CLEANUP(free_ptr) char *path = file_join(folder, "output");
	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)arguments[argc - 1];
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		int code = verb->run(argc, argv);
		fflush(NULL);
		_exit(code);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return (struct outcome){.exit_code = WEXITSTATUS(status), .text = scratch_text(folder, "output")};
}
static inline __attribute__((unused)) void prints(const struct outcome *outcome, const char *text) {
	if (!strstr(outcome->text, text))
		fail_msg("expected \"%s\" in \"%s\"", text, outcome->text);
}

static inline __attribute__((unused)) void ends(const struct outcome *outcome, int exit_code) {
	if (outcome->exit_code != exit_code)
		fail_msg("ended with %d, not %d: %s", outcome->exit_code, exit_code, outcome->text);
}
