/* Writing for people: nothing from outside reaches a terminal raw, colours only where they are wanted. */
#pragma once

#include <stdio.h>

#include "core/judge.h"

/* printf of which nothing but the newlines at the format's beginning and end reach the terminal as newlines: every
 * other control character, and newlines of arguments, become '?'. One line a call, so that none can be forged. */
void say(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text of the host or a peer: control characters, also those of the C1 set in UTF-8, become '?'; so do newlines. */
void say_text(FILE *to, const char *text);

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD, COLOUR_DIM };
/* text in a colour, when stdout is a terminal and NO_COLOR is unset. */
void say_coloured(enum colour colour, const char *text);
enum colour verdict_colour(enum verdict verdict);
/* "1 rule", "2 rules". */
const char *plural(size_t count, const char *one, const char *many);
/* Text broken into lines as wide as the terminal, at most 100 columns, with this many blanks before each; ends in a
 * newline. */
void say_wrapped(const char *text, unsigned indent);
