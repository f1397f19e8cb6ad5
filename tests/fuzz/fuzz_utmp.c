/* Login records of any bytes: no more of them than there is room for. */
#include <stdlib.h>
#include <string.h>
#include <utmp.h>

#include "core/utmp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	CLEANUP(buf_done) struct buf bytes = {0};
	buf_add(&bytes, data, size);
	struct utmp_counts counts = utmp_count(&bytes, 0);
	if (counts.records != (int64_t)(size / sizeof(struct utmp)) || counts.logins + counts.logouts > counts.records)
		abort();
	return 0;
}
