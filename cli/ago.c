#include "cli/ago.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/mem.h"

char *ago_text(int64_t seconds, char text[AGO_TEXT]) {
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	if (seconds < 1) {
		snprintf(text, AGO_TEXT, "no time");
		return text;
	}
	size_t i = 0;
	while (seconds < units[i].seconds * (i + 1 < ARRAY_LEN(units) ? 2 : 1))
		i++;
	int64_t count = seconds / units[i].seconds;
	snprintf(text, AGO_TEXT, "%" PRId64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
	return text;
}
