/* Instants and durations as text. Instants are UTC seconds since the epoch. */
#pragma once

#include <stdint.h>

#include "core/err.h"

#define TIMES_TEXT 21 /* "2026-11-21T19:00:00Z" and NUL */

int64_t times_now(void);
/* RFC 3339 with Z; returns text. An instant outside years 1 to 9999 is written as the nearest bound. */
char *times_format(int64_t instant, char text[TIMES_TEXT]);
/* Exactly that form. */
bool times_parse(const char *text, int64_t *ret_instant);
/* That form, or a day, "2026-11-21": its beginning in UTC. */
bool times_parse_day(const char *text, int64_t *ret_instant);
/* "90d", "12h", "30m", "45s", "2w": a whole number and one unit, at most 100 years; seconds. A bare "0" is 0. */
bool times_parse_duration(const char *text, int64_t *ret_seconds);
/* The largest unit that divides: 7776000 is "90d", 5400 is "90m"; returns text (24 bytes of room suffice). */
char *times_format_duration(int64_t seconds, char text[24]);
