/* Blinds: the random value in each leaf of the state tree (docs/FORMAT.md 2), kept while the leaf stays what it is. */
#pragma once

#include "core/json.h"

/* Give every result of a round its "blind": the one that the file remembers if the leaf with it is the one that the
 * file remembers, otherwise a new one; then remember. A file that is absent or cannot be understood gives new blinds.
 */
MUST_CHECK bool blinds_give(const char *path, json_t *results, struct err *err);
