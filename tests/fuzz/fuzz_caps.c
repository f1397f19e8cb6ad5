/* The reader of a file's capabilities over any bytes: what it takes is words, never nothing. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sources/caps.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	CLEANUP(free_ptr) char *text = caps_text(data, size);
	if (text && !strchr(text, '='))
		abort();
	return 0;
}
