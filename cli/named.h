/* Sources by their names, whatever check asks for them, and in their order. */
#pragma once

#include "sources/fetch.h"

/* Read these names into the set (by the interface that checks are fed by). False only where there can be no event
 * loop. */
MUST_CHECK bool named_read(const struct host *host, const json_t *names, struct sources *into, struct err *err);
/* All of a set, by name, NULL behind the last; the caller frees the list. */
struct source **named_sorted(const struct sources *set);
