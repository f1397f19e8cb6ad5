#include "cli/export_anchors.h"

/* The first of the ascending numbers that is not below this one; count where there is none. */
static size_t first_from(const uint64_t *numbers, size_t count, uint64_t number) {
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_between(const uint64_t *numbers, size_t count, uint64_t from, uint64_t to) {
	const size_t at = first_from(numbers, count, from);
	return at < count && numbers[at] < to;
}

bool anchor_is_needed(const struct anchors_wanted *wanted, uint64_t before, uint64_t size, uint64_t behind) {
	const bool covers_all = size > wanted->indexes[wanted->index_count - 1];
	return has_between(wanted->indexes, wanted->index_count, before, size) ||
	       has_between(wanted->named, wanted->named_count, size + 1, behind == UINT64_MAX ? behind : behind + 1) ||
	       (covers_all && behind == UINT64_MAX);
}
