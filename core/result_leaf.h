/* The leaf of a result in the state tree, of its JSON alone: who hashes or signs states needs no policies, and does not
 * link what reads them. */
#pragma once

#include "core/hash.h"
#include "core/json.h"
#include "core/verdict.h"

#define RESULT_ROWS_MOST 200 /* rows that travel; of the rest only count and digest */

/* The leaf of the state tree for a result object (core/result.h): canonical JSON of
 * {"blind","kind","observation","reason","rule", "verdict","waiver"?}; observation is the SHA-256 of the canonical JSON
 * of "observed" without the fields that the result lists under "volatile". blind: 32 hexadecimal digits. Malformed
 * results are refused. */
MUST_CHECK bool result_leaf(const json_t *result, const char *blind, struct buf *ret_leaf, struct err *err);
/* The leaf's "observation" alone, in hexadecimal. */
MUST_CHECK bool result_observation(const json_t *result, char ret_hex[HASH_HEX], struct err *err);
/* Rows without their volatile fields; *ret_moves: one of them had any. New reference. */
json_t *result_still_rows(const json_t *rows, const json_t *volatile_names, bool *ret_moves);
