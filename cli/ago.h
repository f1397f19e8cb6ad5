/* How long something was, for people. */
#pragma once

#include <stdint.h>

#define AGO_TEXT 32

/* "3 days", "5 hours", "12 minutes", "8 seconds"; a negative one is "no time". Returns text. */
char *ago_text(int64_t seconds, char text[AGO_TEXT]);
