#include "core/near.h"

#include <stdint.h>
#include <string.h>

struct near near_to(const char *meant) {
	return (struct near){.meant = meant, .distance = SIZE_MAX};
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Damerau's and Levenshtein's, each letter moved once at most (optimal string alignment). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len) {
	size_t rows[3][NEAR_LONGEST + 1];
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = rows[i % 3];
		const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

void near_offer(struct near *near, const char *name) {
	const size_t len = strlen(near->meant), name_len = strlen(name);
	if (len > NEAR_LONGEST || name_len > NEAR_LONGEST)
		return;
	const size_t far = distance(near->meant, len, name, name_len);
	if (far < near->distance && far * 3 <= (len > name_len ? len : name_len)) {
		near->distance = far;
		near->best = name;
	}
}

const char *near_best(const struct near *near) { return near->best; }
