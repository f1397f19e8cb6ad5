/* What processes say of themselves in /proc, over any text: maps line by line, control groups, status. */
#include "sources/processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	CLEANUP(free_ptr) char *unit = processes_unit(text);
	unsigned long long uid = 0;
	if (unit && (strchr(unit, '/') || strchr(unit, '\n')))
		abort();
	if (processes_uid(text, &uid) && uid > UINT32_MAX)
		abort();
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		CLEANUP(free_ptr) char *path = NULL;
		if (processes_maps_line(line, &path) && path[0] != '/')
			abort();
	}
	return 0;
}
