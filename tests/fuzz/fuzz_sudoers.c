/* What sudo's files include, over any text: a path is never empty. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sources/sudoers.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	sudoers_is_standard(text);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		CLEANUP(free_ptr) char *path = NULL;
		bool is_folder = false;
		if (sudoers_include(line, &is_folder, &path) && path && !*path)
			abort();
	}
	return 0;
}
