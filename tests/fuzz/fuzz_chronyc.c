/* What chronyc writes: two texts, parted by an empty line. Whatever is read has a name for each source. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sources/chronyc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	CLEANUP(json_decref_p) json_t *value = NULL;
	json_t *list, *source;
	size_t i;
	struct err err;
	const char *name;
	char *names = strstr(text, "\n\n");
	if (names)
		*names++ = '\0';
	if (!chronyc_read(text, names ? names + 1 : "", "", &value, &err))
		return 0;
	list = json_object_get(value, "sources");
	json_array_foreach(list, i, source) {
		if (!json_get_string(source, "name", "", &name, &err))
			abort();
	}
	return 0;
}
