/* What the collector keeps: tokens, readers, keys, and a history that only grows. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/sql.h"

#include "collector_kit.h"

static struct hash token_of(const char *text) { return hash_of(text, strlen(text)); }

static void add(struct store *store, struct hash hash, int64_t expires, int64_t uses) {
	struct err err = {0};
	const struct store_token token = {
		.hash = hash, .expires = expires, .uses = uses, .group = "web", .networks = "192.0.2.0/24"};
	must(store_token_add(store, &token, &err));
}

static bool use(struct store *store, const char *text, int64_t now) {
	struct err err = {0};
	struct hash token = token_of(text);
	bool is_good = false;
	must(store_token_use(store, &token, now, &is_good, &err));
	return is_good;
}

static void a_token_has_its_uses_and_its_end(void **state) {
	struct kit kit;
	struct err err = {0};
	kit_make(&kit);
	struct hash two = token_of("two"), brief = token_of("brief");
	must(store_token_add(
		kit.store, &(struct store_token){.hash = two, .expires = 1000, .uses = 2, .group = "", .networks = ""},
		&err));
	must(store_token_add(
		kit.store, &(struct store_token){.hash = brief, .expires = 500, .uses = 9, .group = "", .networks = ""},
		&err));
	assert_false(use(kit.store, "other", 100));
	assert_true(use(kit.store, "two", 100));
	assert_true(use(kit.store, "two", 100));
	assert_false(use(kit.store, "two", 100));
	assert_true(use(kit.store, "brief", 499));
	assert_false(use(kit.store, "brief", 500));
	kit_done(&kit);
}

static void note_terms(void *context, const struct store_token *token) {
	buf_addf(context, "[%s %s %lld]", token->group, token->networks, (long long)token->uses);
}

static void what_a_token_is_good_for_is_kept_with_it_and_goes_with_it(void **state) {
	struct kit kit;
	struct err err = {0};
	CLEANUP(buf_done) struct buf seen = {0};
	kit_make(&kit);
	struct hash token = token_of("two"), old = token_of("old");
	add(kit.store, token, 1000, 2);
	must(sql_run(kit.store, &err, "INSERT INTO tokens(hash, expires, uses) VALUES(?, 2000, 1)", "b", old.bytes,
		     sizeof old.bytes));
	must(store_token_find(kit.store, &token, 999, note_terms, &seen, &err));
	must(store_token_find(kit.store, &token, 1000, note_terms, &seen, &err));
	assert_string_equal(buf_str(&seen), "[web 192.0.2.0/24 2]");
	buf_done(&seen);
	must(store_tokens(kit.store, 100, note_terms, &seen, &err));
	assert_string_equal(buf_str(&seen), "[web 192.0.2.0/24 2][  1]");
	buf_done(&seen);
	must(store_token_remove(kit.store, &token, &err));
	assert_false(use(kit.store, "two", 100));
	assert_false(store_token_remove(kit.store, &token, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	must(store_tokens(kit.store, 100, note_terms, &seen, &err));
	assert_string_equal(buf_str(&seen), "[  1]");
	kit_done(&kit);
}

static void a_token_taken_in_a_transaction_that_fails_is_given_back(void **state) {
	struct kit kit;
	struct err err = {0};
	kit_make(&kit);
	struct hash token = token_of("one");
	must(store_token_add(
		kit.store,
		&(struct store_token){.hash = token, .expires = 1000, .uses = 1, .group = "", .networks = ""}, &err));
	must(store_begin(kit.store, &err));
	assert_true(use(kit.store, "one", 100));
	store_rollback(kit.store);
	store_rollback(kit.store);
	assert_true(use(kit.store, "one", 100));
	kit_done(&kit);
}

static void nothing_secret_is_kept_in_the_clear(void **state) {
	struct kit kit;
	struct err err = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	kit_make(&kit);
	struct hash token = token_of("the-secret-of-a-token"), reader = token_of("the-secret-of-a-reader");
	must(store_token_add(
		kit.store,
		&(struct store_token){.hash = token, .expires = 1000, .uses = 2, .group = "", .networks = ""}, &err));
	must(store_reader_add(kit.store, "anna", &reader, 1, &err));
	kit_shut(&kit);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "store.db");
	must(file_read(path, 1 << 24, &bytes, &err));
	assert_null(memmem(bytes.data, bytes.len, "the-secret", 10));
	kit_open(&kit);
	kit_done(&kit);
}

static void a_reader_is_added_once_and_removed_once(void **state) {
	struct kit kit;
	struct err err = {0};
	kit_make(&kit);
	struct hash token = token_of("x");
	must(store_reader_add(kit.store, "anna", &token, 1, &err));
	assert_false(store_reader_add(kit.store, "anna", &token, 1, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	must(store_reader_remove(kit.store, "anna", &err));
	assert_false(store_reader_remove(kit.store, "anna", &err));
	assert_int_equal(err.code, ERR_ABSENT);
	kit_done(&kit);
}

static void put(struct store *store, const char *verdict, int64_t collected, int64_t waived_until) {
	struct err err = {0};
	const struct store_result result = {
		.host = KIT_HOST,
		.rule = "a",
		.verdict = verdict,
		.kind = "effect",
		.severity = "high",
		.controls = "A.8.15",
		.collected = collected,
		.expires = collected + 100,
		.received = collected,
		.waived_until = waived_until,
		.statement = "s",
		.json = "{}",
	};
	must(store_result_put(store, &result, 0, &err));
}

static int64_t history_of(struct store *store) {
	struct err err = {0};
	CLEANUP(sql_done) struct sql query = {0};
	must(sql_open(store, &query, &err, "SELECT count(*) FROM history", ""));
	assert_true(sql_next(&query));
	return sql_int(&query, 0);
}

static void history_gets_a_line_for_each_move_and_each_gap(void **state) {
	struct kit kit;
	kit_make(&kit);
	put(kit.store, "pass", 1000, 0);
	assert_int_equal(history_of(kit.store), 1);
	put(kit.store, "pass", 1100, 0); /* within the last one: renewed */
	assert_int_equal(history_of(kit.store), 1);
	put(kit.store, "fail", 1150, 0);
	assert_int_equal(history_of(kit.store), 2);
	put(kit.store, "fail", 1160, 5000); /* waived from now on */
	assert_int_equal(history_of(kit.store), 3);
	put(kit.store, "fail", 1261, 5000); /* one second after it expired */
	assert_int_equal(history_of(kit.store), 4);
	kit_done(&kit);
}

static void history_is_neither_changed_nor_deleted(void **state) {
	struct kit kit;
	struct err err = {0};
	kit_make(&kit);
	put(kit.store, "fail", 1000, 0);
	assert_false(sql_run(kit.store, &err, "UPDATE history SET verdict = 'pass'", ""));
	assert_false(sql_run(kit.store, &err, "DELETE FROM history", ""));
	assert_int_equal(history_of(kit.store), 1);
	kit_done(&kit);
}

static void a_key_belongs_to_one_host(void **state) {
	struct kit kit;
	struct err err = {0};
	bool is_elsewhere = true;
	kit_make(&kit);
	const struct store_certificate certificate = {"f", KIT_HOST, "k", 1, 2};
	must(store_certificate_add(kit.store, &certificate, &err));
	must(store_key_elsewhere(kit.store, "k", KIT_HOST, &is_elsewhere, &err));
	assert_false(is_elsewhere);
	must(store_key_elsewhere(kit.store, "k", KIT_OTHER, &is_elsewhere, &err));
	assert_true(is_elsewhere);
	char host[STORE_HOST_ID];
	must(store_certificate_host(kit.store, "f", host, &err));
	assert_string_equal(host, KIT_HOST);
	must(store_certificate_host(kit.store, "g", host, &err));
	assert_string_equal(host, "");
	kit_done(&kit);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_has_its_uses_and_its_end),
		cmocka_unit_test(what_a_token_is_good_for_is_kept_with_it_and_goes_with_it),
		cmocka_unit_test(a_token_taken_in_a_transaction_that_fails_is_given_back),
		cmocka_unit_test(nothing_secret_is_kept_in_the_clear),
		cmocka_unit_test(a_reader_is_added_once_and_removed_once),
		cmocka_unit_test(history_gets_a_line_for_each_move_and_each_gap),
		cmocka_unit_test(history_is_neither_changed_nor_deleted),
		cmocka_unit_test(a_key_belongs_to_one_host),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
