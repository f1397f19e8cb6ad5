/* A server's answer to a hello, from any bytes: what is cut may become more, and what is said does not change by what
 * comes behind it. */
#include <stdlib.h>

#include "sources/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint16_t number = 0, again = 0;
	if (size > HELLO_LARGEST)
		return 0;
	enum hello_said said = hello_read(data, size, &number);
	if (said == HELLO_SERVER && (number < 0x0300 || number > 0x0304))
		abort();
	CLEANUP(buf_done) struct buf longer = {0};
	buf_add(&longer, data, size);
	buf_add(&longer, "\x16\x03", 2);
	if (said != HELLO_MORE && (hello_read(longer.data, longer.len, &again) != said || again != number))
		abort();
	return 0;
}
