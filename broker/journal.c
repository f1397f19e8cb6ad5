#include "broker/journal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"
#include "sources/kind.h"

#define SAID_WORDS ((size_t)1024)

/* In memory that parent and children share. */
struct count {
	_Atomic uint64_t span; /* number of the present one, from the clock */
	_Atomic uint32_t lines, left_out;
	_Atomic uint64_t said[SAID_WORDS]; /* a bit each, by what a name hashes to */
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

/* FNV-1a. */
static uint64_t hash(const char *text) {
	uint64_t value = 0xcbf29ce484222325;
	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3;
	return value;
}

bool journal_is_new(const char *name) {
	uint64_t bit = hash(name) % (SAID_WORDS * 64), mask = (uint64_t)1 << (bit % 64);
	return !(atomic_fetch_or(&count->said[bit / 64], mask) & mask);
}

void journal_close(void) { put_left_out(); }
