/* A kernel command line as the kernel reads it (Documentation/admin-guide/kernel-parameters.rst). */
#pragma once

#include <stdbool.h>

/* The next word, in place and without its quotes; NULL at the end and at "--", behind which init's begin. */
char *cmdline_next(char **at);
/* Whether a word sets the parameter of this name: the kernel takes - and _ in names as equal. */
bool cmdline_is(const char *word, const char *name);
/* Whether a word is this one, "mitigations=off"; without "=" in wanted any value will do. */
bool cmdline_is_word(const char *word, const char *wanted);
