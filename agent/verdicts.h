/* verdicts: the lines of the log that say which rules are otherwise than before, one for each, with fields for who
 * watches the journal (docs/OPERATING.md). */
#pragma once

#include "agent/look.h"
#include "agent/news.h"

#define VERDICTS_MOST 64 /* lines for a round; how many more there are is one line */

/* sequence: of the statement that carries the round. */
void verdicts_notice(const char *program, const struct news *news, const struct round *round,
		     const struct policy_stack *stack, int64_t sequence);
