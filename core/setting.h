/* Lines of configuration: "key = value", "Key value", sections, comments. */
#pragma once

#include <stdbool.h>

/* Splits a line, in place. separator '=' or ' ' (any white space, and one '=' among it). Blank lines and lines whose
 * first character is in comments: false. A line without separator has the value "". Both ends of both are trimmed. */
bool setting_split(char *line, char separator, const char *comments, char **ret_key, char **ret_value);
/* The section's name of a "[Section]" line, in place; NULL when it is none. */
char *setting_section(char *line);
/* Without one pair of enclosing quotes ("x" or 'x'), in place. */
char *setting_unquote(char *value);
