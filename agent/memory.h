/* memory: the last observation of every rule that a look goes by (previous:, core/source.h), for struct host.
 *
 * memory.json: {"<rule>":{"bootId","collectedAt","observed":[rows]}}, rows as they stand in the evidence. Only a look
 * that saw something is remembered, and only once its result is in the chain: what was noticed and then not kept is
 * noticed again. */
#pragma once

#include "agent/look.h"
#include "core/policy.h"

#define MEMORY_LARGEST (1U << 20)      /* bytes of the file */
#define MEMORY_ROWS_LARGEST (1U << 16) /* of the rows of a rule: more are not remembered */

/* A file that is absent or cannot be understood: nothing is remembered. New reference. */
json_t *memory_read(const char *path);
/* Remember what the round observed for the rules that its looks, or earlier ones, went by; the file is written where
 * something is. False: the file was not written, and what is in memory counts until the process ends. */
MUST_CHECK bool memory_take(json_t *memory, const struct policy_stack *stack, const struct round *round,
			    const char *path, struct err *err);
