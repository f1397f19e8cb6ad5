/* cmd:chronyc: what chronyd follows, by `chronyc -c` over 127.0.0.1:323, a port that only root's programs can take.
 * Canonical JSON:
 * {"refid": hexadecimal, "7F7F0101" where it follows its own clock; "stratum","leap": of tracking;
 *  "sources": [{"mode":"server"|"peer"|"refclock","state": "*" selected, "+" combined, "-" not combined, "?"
 *   unreachable, "x" falseticker, "~" too variable; "address","name": as configured, the address where chronyc cannot
 *   say; "stratum","reach": eight bits, of the last eight polls}...] in chronyd's order}
 * Absent: no chronyc is installed; unproved, with its words, where chronyd does not answer. */
#pragma once

#include "core/check.h"

#define CHRONYC_SOURCES_MOST 1000

/* Of the output of "tracking" and "sources" with numbers, and of "sources" with names ("" where there is none). New
 * reference. */
MUST_CHECK bool chronyc_read(const char *numbers, const char *names, const char *where, json_t **ret_value,
			     struct err *err);
