/* Small helpers over text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Control characters (below 0x20, 0x7f, and U+0080 to U+009F) become '?', in place: nothing from outside reaches a
 * terminal raw. */
void text_replace_controls(char *text);
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* text may be NULL: that is none of them. */
bool text_is_one_of(const char *text, const char *const *words, size_t count);
/* Cut white space at both ends, in place; returns the first character kept. */
char *text_trim(char *text);
/* Decimal digits alone, no sign, no leading zeros except "0" itself, at most `max`. */
bool text_to_u64(const char *text, unsigned long long max, unsigned long long *ret_value);
/* Octal digits alone ("0640", "640"), at most 07777. */
bool text_to_mode(const char *text, unsigned *ret_mode);
/* %XX for every byte outside [A-Za-z0-9._-]: a file name for a source name. The caller frees. */
char *text_percent_encode(const char *text);
/* The next word of *rest, separated by blanks and tabs, cut out in place; NULL when there is none. */
char *text_word(char **rest);
