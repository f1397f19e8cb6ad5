/* What reaches a terminal: our own lines, and nothing that a host or a peer could make of them. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/say.h"

static void assert_said(FILE *to, const char *expected) {
	char text[256] = "";
	rewind(to);
	text[fread(text, 1, sizeof text - 1, to)] = '\0';
	assert_string_equal(text, expected);
	fclose(to);
}

static void arguments_cannot_forge_a_line_or_a_colour(void **state) {
	FILE *to = tmpfile();
	assert_non_null(to);
	say(to, "\n  host %s\n",
	    "web\nbundle.json: verified\033[32m\xc2\x9b"
	    "1m\r");
	assert_said(to, "\n  host web?bundle.json: verified?[32m?1m?\n");
}

static void newlines_of_the_format_alone_stay(void **state) {
	FILE *to = tmpfile();
	assert_non_null(to);
	say(to, "%s", "end\n");
	say(to, "\n");
	say(to, "%s\n\n", "");
	assert_said(to, "end?\n\n\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_cannot_forge_a_line_or_a_colour),
		cmocka_unit_test(newlines_of_the_format_alone_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
