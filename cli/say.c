#include "cli/say.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MOST 100
#define COLUMNS_LEAST 40

/* Bytes of the control character at text, 0 when there is none there: C0, DEL, or C1 as UTF-8 (C2 80 to C2 9F). */
static size_t control_length(const char *text) {
	unsigned char c = (unsigned char)text[0];
	if (c < 0x20 || c == 0x7f)
		return 1;
	unsigned char next = (unsigned char)text[1];
	return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

void say_text(FILE *to, const char *text) {
	while (*text) {
		size_t control = control_length(text);
		fputc(control ? '?' : *text, to);
		text += control ? control : 1;
	}
}

static void put_newlines(FILE *to, size_t count) {
	while (count--)
		fputc('\n', to);
}

void say(FILE *to, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	const size_t format_len = strlen(format), before = strspn(format, "\n");
	size_t after = 0;
	while (before + after < format_len && format[format_len - 1 - after] == '\n')
		after++;
	text[strlen(text) - after] = '\0';
	put_newlines(to, before);
	say_text(to, text + before);
	put_newlines(to, after);
}

static bool wants_colour(void) {
	const char *no = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) && !(no && *no);
}

void say_coloured(enum colour colour, const char *text) {
	static const char *const codes[] = {[COLOUR_NONE] = "0",    [COLOUR_RED] = "31", [COLOUR_GREEN] = "32",
					    [COLOUR_YELLOW] = "33", [COLOUR_BOLD] = "1", [COLOUR_DIM] = "2"};
	bool coloured = colour != COLOUR_NONE && wants_colour();
	if (coloured)
		printf("\033[%sm", codes[colour]);
	say_text(stdout, text);
	if (coloured)
		printf("\033[0m");
}

enum colour verdict_colour(enum verdict verdict) {
	static const enum colour colours[VERDICT_COUNT] = {
		[VERDICT_PASS] = COLOUR_GREEN,        [VERDICT_FAIL] = COLOUR_RED,
		[VERDICT_UNKNOWN] = COLOUR_YELLOW,    [VERDICT_ERROR] = COLOUR_YELLOW,
		[VERDICT_NOTAPPLICABLE] = COLOUR_DIM, [VERDICT_NOTCHECKED] = COLOUR_DIM};
	return colours[verdict];
}

const char *plural(size_t count, const char *one, const char *many) { return count == 1 ? one : many; }

/* Of the terminal, within bounds; without one always the same, so that what a program reads does not change. */
static unsigned columns(void) {
	struct winsize size = {0};
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_MOST;
	return size.ws_col < COLUMNS_LEAST ? COLUMNS_LEAST : size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST;
}

void say_wrapped(const char *text, unsigned indent) {
	const unsigned most = columns();
	unsigned column = 0;
	while (*text) {
		size_t len = strcspn(text, " \n");
		CLEANUP(free_ptr) char *word = xstrndup(text, len);
		if (column > indent && column + 1 + len > most) {
			putchar('\n');
			column = 0;
		}
		if (len)
			column += (unsigned)printf("%*s", column ? 1 : (int)indent, "");
		say_text(stdout, word);
		column += (unsigned)len;
		text += len;
		text += strspn(text, " \n");
	}
	putchar('\n');
}
