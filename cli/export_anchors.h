/* The anchors that a package needs: for each statement the first that covers it, for each checkpoint that a statement
 * names the last that is smaller, and the newest where it covers all (docs/FORMAT.md 5.1). */
#pragma once

#include "core/json.h"
#include "core/note.h"

struct anchors_wanted {
	const uint64_t *indexes; /* of statements, ascending; one at least */
	size_t index_count;
	const uint64_t *named; /* sizes of checkpoints that they name, ascending */
	size_t named_count;
};
/* Whether the anchor of `size` is needed, where the one before it has size `before` (0: it is the first) and the one
 * behind it `behind` (UINT64_MAX: it is the newest). */
bool anchor_is_needed(const struct anchors_wanted *wanted, uint64_t before, uint64_t size, uint64_t behind);
