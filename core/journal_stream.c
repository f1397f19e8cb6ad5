#include "core/journal_stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"

bool journal_stream_is_ours(void) {
	const char *named = getenv("JOURNAL_STREAM");
	struct stat status;
	if (!named || fstat(STDERR_FILENO, &status) != 0)
		return false;
	CLEANUP(free_ptr) char *ours = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return !strcmp(named, ours);
}
