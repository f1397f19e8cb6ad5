#include "broker/journal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"
#include "sources/kind.h"

/* In memory that parent and children share. */
struct count {
	_Atomic uint64_t span; /* number of the present one, from the clock */
	_Atomic uint32_t lines, left_out;
};

static struct count *count;
static const char *unit;

void journal_open(const char *name) {
	unit = name;
	count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED)
		abort();
}

/* One write, so that lines of several processes do not mix. */
static void put(int priority, const char *text) {
	CLEANUP(free_ptr) char *line = xasprintf("%s: %s", unit, text);
	text_replace_controls(line);
	CLEANUP(free_ptr) char *whole = xasprintf("<%d>%s\n", priority, line);
	if (write(STDERR_FILENO, whole, strlen(whole)) < 0)
		return; /* there is nobody else to tell */
}

static void put_left_out(void) {
	uint32_t left_out = atomic_exchange(&count->left_out, 0);
	if (left_out == 0)
		return;
	CLEANUP(free_ptr) char *text = xasprintf("%u more refusals are not written here", left_out);
	put(5, text);
}

/* Whether there is room for one more line in the present span. */
static bool has_room(void) {
	uint64_t now = time_us() / 1000000 / JOURNAL_SPAN_S + 1, span = atomic_load(&count->span);
	if (span != now && atomic_compare_exchange_strong(&count->span, &span, now)) {
		atomic_store(&count->lines, 0);
		put_left_out();
	}
	if (atomic_fetch_add(&count->lines, 1) < JOURNAL_LINES_MOST)
		return true;
	atomic_fetch_add(&count->left_out, 1);
	return false;
}

void journal_error(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	put(3, text);
}

void journal_notice(const char *format, ...) {
	va_list arguments;
	if (!has_room())
		return;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	put(5, text);
}

void journal_record(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	put(6, text);
}

void journal_close(void) { put_left_out(); }
