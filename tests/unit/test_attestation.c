/* Bodies of attestations: what is written is read again, and each thing that a body may not be is refused by name. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/attestation.h"
#include "core/base64.h"
#include "core/catalogue.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define FILE_ABC                                                                                                       \
	"{\"content\":\"YWJj\",\"mediaType\":\"text/plain\",\"name\":\"a.txt\",\"sha256\":\"" ABC "\",\"size\":3}"

/* A body with some members replaced by others: "name", value as JSON (NULL: left out), ..., NULL. */
static char *body_of(const char *name, ...) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:[s], s:s, s:s, s:s, s:s}", "controls", "A.5.9", "author", "ada", "note", "n",
				   "collectedAt", "2026-11-21T19:00:00Z", "expiresAt", "2027-02-19T19:00:00Z");
	va_list more;
	va_start(more, name);
	for (; name; name = va_arg(more, const char *)) {
		const char *text = va_arg(more, const char *);
		if (text)
			json_object_set_new(object, name, json_loads(text, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, name);
	}
	va_end(more);
	assert_true(json_canonical(object, &bytes, &err));
	return buf_take(&bytes);
}

static void refuses(const char *why, const char *name, const char *value) {
	struct err err = {0};
	CLEANUP(free_ptr) char *body = body_of(name, value, NULL);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	assert_false(attestation_read(body, strlen(body), "body", &attestation, &err));
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

static void a_body_is_read_as_it_was_written(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf body = {0}, again = {0};
	CLEANUP(attestation_free_p) struct attestation *written = xcalloc(1, sizeof *written), *read = NULL;
	written->controls = json_pack("[s, s]", "A.8.28", "A.5.9");
	written->author = xstrdup("ada@ci");
	written->note = xstrdup("Two findings,\nboth accepted: \xe2\x9c\x93");
	written->file = (struct attestation_file){.name = xstrdup("report.sarif"),
						  .media_type = xstrdup("application/sarif+json"),
						  .size = 3,
						  .sha256 = hash_of("abc", 3),
						  .has_content = true};
	buf_adds(&written->file.content, "abc");
	written->collected = 1795291200;
	written->expires = written->collected + ATTESTATION_VALID_MOST;
	assert_true(attestation_write(written, &body, &err));
	assert_true(attestation_read(body.data, body.len, "body", &read, &err));
	assert_true(json_equal(read->controls, written->controls));
	assert_string_equal(read->author, written->author);
	assert_string_equal(read->note, written->note);
	assert_string_equal(read->file.name, "report.sarif");
	assert_string_equal(read->file.media_type, "application/sarif+json");
	assert_string_equal(buf_str(&read->file.content), "abc");
	assert_true(read->expires == written->expires && read->collected == written->collected);
	assert_true(attestation_write(read, &again, &err));
	assert_string_equal(buf_str(&again), buf_str(&body));
}

static void a_note_alone_and_a_digest_alone_are_taken(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *note = body_of(NULL);
	CLEANUP(free_ptr)
	char *digest = body_of(
		"file", "{\"mediaType\":\"a/b\",\"name\":\"x\",\"sha256\":\"" ABC "\",\"size\":9000000000}", NULL);
	CLEANUP(attestation_free_p) struct attestation *a = NULL, *b = NULL;
	assert_true(attestation_read(note, strlen(note), "body", &a, &err));
	assert_null(a->file.name);
	assert_true(attestation_read(digest, strlen(digest), "body", &b, &err));
	assert_true(b->file.size == 9000000000 && !b->file.has_content);
}

static void the_93_controls_are_those_of_the_catalogue(void **state) {
	struct err err;
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = NULL;
	static const char *const others[] = {"A.5.38", "A.6.9", "A.7.15", "A.8.35",  "A.8.0",   "A.8.",   "A.9.1",
					     "8.28",   "A.5",   "",       "A.8.015", "A.8.15 ", "a.8.15", "A.8.+1"};
	assert_true(catalogue_load(SOURCE_DIR "/policies", &catalogue, &err));
	assert_int_equal(catalogue->control_count, 93);
	for (size_t i = 0; i < catalogue->control_count; i++)
		assert_true(attestation_is_control(catalogue->controls[i].id));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(attestation_is_control(others[i]));
}

static void wrong_controls_are_refused(void **state) {
	refuses("\"controls\"", "controls", NULL);
	refuses("\"controls\" is empty", "controls", "[]");
	refuses("there is no control \"A.5.38\"", "controls", "[\"A.5.38\"]");
	refuses("there is no control \"8.28\"", "controls", "[\"8.28\"]");
	refuses("there is no control", "controls", "[7]");
	refuses("A.5.9 stands in \"controls\" twice", "controls", "[\"A.5.9\",\"A.5.1\",\"A.5.9\"]");
}

/* A JSON string of so many letters. */
static char *long_text(size_t len) {
	char *text = xcalloc(len + 3, 1);
	memset(text, 'x', len + 2);
	text[0] = text[len + 1] = '"';
	return text;
}

static void wrong_texts_are_refused(void **state) {
	CLEANUP(free_ptr) char *note = long_text(ATTESTATION_NOTE_LARGEST + 1);
	CLEANUP(free_ptr) char *longest = long_text(ATTESTATION_NOTE_LARGEST);
	CLEANUP(free_ptr) char *author = long_text(ATTESTATION_AUTHOR_LARGEST + 1);
	CLEANUP(free_ptr) char *body = body_of("note", longest, NULL);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	struct err err;
	refuses("\"author\"", "author", NULL);
	refuses("\"author\" is empty", "author", "\" \"");
	refuses("\"author\" is longer", "author", author);
	refuses("\"author\" has control characters", "author", "\"ada\\n\"");
	refuses("\"author\" has control characters", "author", "\"ada\\u009b2J\"");
	refuses("\"note\"", "note", "3");
	refuses("\"note\" is empty", "note", "\"\\n\"");
	refuses("\"note\" is longer", "note", note);
	refuses("\"note\" has control characters", "note", "\"\\u001b[31m\"");
	assert_true(attestation_read(body, strlen(body), "body", &attestation, &err));
}

static void wrong_files_are_refused(void **state) {
	static const char *const cases[][3] = {
		{"\"name\" is empty", "a.txt", ""},
		{"\"name\" is not that of a file in a folder", "a.txt", "../a.txt"},
		{"\"name\" has control characters", "a.txt", "a\\u0007.txt"},
		{"\"mediaType\" is not", "text/plain", "text"},
		{"\"mediaType\" is not", "text/plain", "text/"},
		{"\"mediaType\" is not", "text/plain", "text/plain; charset=x"},
		{"\"size\" is less than 0", "\"size\":3", "\"size\":-1"},
		{"not the file of this size and digest", "\"size\":3", "\"size\":4"},
		{"not the file of this size and digest", "YWJj", "YWJk"},
		{"\"sha256\" is not", ABC, "BA"},
	};
	refuses("\"file\"", "file", "[]");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *at = strstr(FILE_ABC, cases[i][1]);
		assert_non_null(at);
		CLEANUP(free_ptr)
		char *file =
			xasprintf("%.*s%s%s", (int)(at - FILE_ABC), FILE_ABC, cases[i][2], at + strlen(cases[i][1]));
		refuses(cases[i][0], "file", file);
	}
}

static char *file_of(size_t size) {
	CLEANUP(free_ptr) char *bytes = xcalloc(size, 1);
	CLEANUP(free_ptr) char *content = base64_encode(bytes, size);
	struct hash hash = hash_of(bytes, size);
	char hex[HASH_HEX];
	return xasprintf("{\"content\":\"%s\",\"mediaType\":\"a/b\",\"name\":\"x\",\"sha256\":\"%s\",\"size\":%zu}",
			 content, hash_hex(&hash, hex), size);
}

static void a_file_over_its_cap_does_not_travel(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *over = file_of(ATTESTATION_FILE_LARGEST + 1);
	CLEANUP(free_ptr) char *largest = file_of(ATTESTATION_FILE_LARGEST);
	CLEANUP(free_ptr) char *body = body_of("file", largest, NULL);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	refuses("\"content\" is more than 4194304 bytes", "file", over);
	assert_true(attestation_read(body, strlen(body), "body", &attestation, &err));
	assert_int_equal(attestation->file.content.len, ATTESTATION_FILE_LARGEST);
}

static void wrong_times_are_refused(void **state) {
	refuses("\"collectedAt\" is not a time", "collectedAt", "\"yesterday\"");
	refuses("\"expiresAt\"", "expiresAt", NULL);
	refuses("before it was collected", "expiresAt", "\"2026-11-21T19:00:00Z\"");
	refuses("more than two years", "expiresAt", "\"2028-11-21T19:00:01Z\"");
}

static void bytes_that_are_not_canonical_are_refused(void **state) {
	struct err err = {0};
	CLEANUP(free_ptr) char *body = body_of("another", "{\"member\":[1]}", NULL);
	CLEANUP(free_ptr) char *spaced = xasprintf("%s\n", body);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL, *none = NULL;
	assert_true(attestation_read(body, strlen(body), "body", &attestation, &err));
	assert_false(attestation_read(spaced, strlen(spaced), "body", &none, &err));
	assert_non_null(strstr(err.why, "canonical"));
	assert_false(attestation_read("[]", 2, "body", &none, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_read_as_it_was_written),
		cmocka_unit_test(a_note_alone_and_a_digest_alone_are_taken),
		cmocka_unit_test(the_93_controls_are_those_of_the_catalogue),
		cmocka_unit_test(wrong_controls_are_refused),
		cmocka_unit_test(wrong_texts_are_refused),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(a_file_over_its_cap_does_not_travel),
		cmocka_unit_test(wrong_times_are_refused),
		cmocka_unit_test(bytes_that_are_not_canonical_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
