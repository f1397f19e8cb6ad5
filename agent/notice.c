#include "agent/notice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"

/* systemd names in JOURNAL_STREAM the device and inode of what it opened; a redirection since makes it another. */
static bool is_journal(void) {
	const char *named = getenv("JOURNAL_STREAM");
	struct stat status;
	if (!named || fstat(STDERR_FILENO, &status) != 0)
		return false;
	CLEANUP(free_ptr) char *ours = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return !strcmp(named, ours);
}

void notice(const char *program, enum notice priority, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	text_replace_controls(text);
	if (is_journal())
		fprintf(stderr, "<%d>%s\n", (int)priority, text);
	else
		fprintf(stderr, "%s: %s\n", program, text);
}

int notice_failed(const char *program, const struct err *err) {
	char text[640];
	notice(program, NOTICE_ERROR, "%s", err_text(err, text, sizeof text));
	return 2;
}
