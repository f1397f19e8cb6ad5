/* The index: derived again from evidence it is what it was, whatever happened to it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/index.h"
#include "collector/sql.h"
#include "collector/store_compare.h"

#include "collector_kit.h"

static void run(struct store *store, const char *text) {
	char *fault = NULL;
	if (sqlite3_exec(store->db, text, NULL, NULL, &fault) != SQLITE_OK)
		fail_msg("%s: %s", text, fault);
}

/* Every row of every table of the index. */
static int add_row(void *context, int count, char **values, char **names) {
	for (int i = 0; i < count; i++)
		buf_addf(context, "%s|", values[i] ? values[i] : "NULL");
	buf_adds(context, "\n");
	return 0;
}

struct dump_tables {
	struct store *store;
	struct buf *text;
};

static int dump_table(void *context, int count, char **values, char **names) {
	struct dump_tables *dump = context;
	CLEANUP(free_ptr) char *columns = NULL;
	buf_addf(dump->text, "[%s]\n", values[0]);
	CLEANUP(free_ptr)
	char *query = xasprintf("SELECT * FROM derived.%s ORDER BY 1, 2", values[0]);
	return sqlite3_exec(dump->store->db, query, add_row, dump->text, NULL);
}

static char *dump_of(struct store *store) {
	CLEANUP(buf_done) struct buf text = {0};
	struct dump_tables dump = {store, &text};
	assert_int_equal(sqlite3_exec(store->db,
				      "SELECT name FROM derived.sqlite_schema WHERE type = 'table' ORDER BY name",
				      dump_table, &dump, NULL),
			 SQLITE_OK);
	return buf_take(&text);
}

static void send(struct kit *kit, struct kit_host *host, const struct buf *lines, const char *outcome) {
	CLEANUP(json_decref_p) json_t *answers = kit_send(kit, host, lines);
	for (size_t i = 0; i < json_array_size(answers); i++)
		assert_string_equal(kit_answer(answers, i, "outcome"), outcome);
}

static void send_round(struct kit *kit, struct kit_host *host, const char *first, const char *verdict,
		       const char *second) {
	CLEANUP(buf_done) struct buf lines = {0};
	json_t *results = json_array();
	json_array_append_new(results, kit_result(first, verdict, host->clock));
	json_array_append_new(results, kit_result(second, "pass", host->clock));
	host->clock++;
	kit_add_round(host, results, &lines);
	send(kit, host, &lines, "logged");
}

/* Two hosts, one of them enrolled anew; verdicts that move, rules that come and go, an epoch, and a fork. */
static void make_world(struct kit *kit) {
	struct err err = {0};
	struct kit_host host, other, again;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(kit);
	kit_host_make(&host, KIT_HOST);
	kit_host_make(&other, KIT_OTHER);
	kit_host_make(&again, KIT_OTHER);
	kit_add_enrolment(&host, &lines);
	must(key_make_ed25519(&host.next, &err));
	kit_add_epoch(&host, "enrolment", &lines);
	send(kit, &host, &lines, "logged");
	EVP_PKEY_free(host.evidence);
	host.evidence = host.next;
	host.next = NULL;
	buf_done(&lines);
	kit_add_enrolment(&other, &lines);
	send(kit, &other, &lines, "logged");
	send_round(kit, &host, "a", "pass", "b");
	send_round(kit, &other, "a", "fail", "b");
	send_round(kit, &host, "a", "fail", "c");
	send_round(kit, &host, "a", "fail", "c");
	buf_done(&lines);
	host.sequence = 0;
	kit_add_pass(&host, &lines);
	send(kit, &host, &lines, "refused");
	buf_done(&lines);
	kit_add_enrolment(&again, &lines);
	send(kit, &again, &lines, "logged");
	send_round(kit, &again, "d", "unknown", "e");
	kit_host_done(&host);
	kit_host_done(&other);
	kit_host_done(&again);
}

static void assert_derived_as_it_was(struct kit *kit, const char *before) {
	struct err err = {0};
	must(index_catch_up(kit->store, NULL, NULL, &err));
	CLEANUP(free_ptr) char *after = dump_of(kit->store);
	assert_string_equal(before, after);
}

static void derived_anew_it_is_what_it_was(void **state) {
	struct kit kit;
	struct err err = {0};
	make_world(&kit);
	CLEANUP(free_ptr) char *before = dump_of(kit.store);
	assert_non_null(strstr(before, "fork"));
	assert_non_null(strstr(before, "withdrawn"));
	must(store_index_drop(kit.store, &err));
	assert_derived_as_it_was(&kit, before);
	kit_done(&kit);
}

static void missing_or_of_no_database_it_is_derived_anew(void **state) {
	struct kit kit;
	struct err err = {0};
	make_world(&kit);
	CLEANUP(free_ptr) char *before = dump_of(kit.store);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "index.db");
	kit_shut(&kit);
	assert_int_equal(unlink(path), 0);
	kit_open(&kit);
	assert_derived_as_it_was(&kit, before);
	kit_shut(&kit);
	must(file_write(path, before, strlen(before), 0600, &err));
	kit_open(&kit);
	assert_derived_as_it_was(&kit, before);
	kit_done(&kit);
}

static void one_of_another_version_is_derived_anew(void **state) {
	struct kit kit;
	make_world(&kit);
	CLEANUP(free_ptr) char *before = dump_of(kit.store);
	run(kit.store, "DROP TABLE derived.hosts; PRAGMA derived.user_version = 999");
	kit_shut(&kit);
	kit_open(&kit);
	assert_derived_as_it_was(&kit, before);
	kit_done(&kit);
}

/* A crash between the two commits; the next request finds it. */
static void one_that_is_behind_catches_up_before_the_next_statement(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf early = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "index.db");
	kit_add_enrolment(&host, &lines);
	send(&kit, &host, &lines, "logged");
	kit_shut(&kit);
	must(file_read(path, 1 << 24, &early, &err));
	kit_open(&kit);
	send_round(&kit, &host, "a", "pass", "b");
	send_round(&kit, &host, "a", "fail", "b");
	CLEANUP(free_ptr) char *before = dump_of(kit.store);
	kit_shut(&kit);
	must(file_write(path, early.data, early.len, 0600, &err));
	kit_open(&kit);
	assert_derived_as_it_was(&kit, before);
	kit_shut(&kit);
	must(file_write(path, early.data, early.len, 0600, &err));
	kit_open(&kit);
	send_round(&kit, &host, "a", "pass", "b");
	kit_host_done(&host);
	kit_done(&kit);
}

/* Evidence of an earlier time, or of another collector, beside a newer index. */
static void one_that_is_ahead_of_its_evidence_begins_anew(void **state) {
	struct kit kit;
	make_world(&kit);
	run(kit.store, "DELETE FROM main.evidence WHERE id = (SELECT max(id) FROM main.evidence)");
	struct err err = {0};
	must(index_catch_up(kit.store, NULL, NULL, &err));
	CLEANUP(free_ptr) char *first = dump_of(kit.store);
	run(kit.store, "UPDATE derived.position SET digest = 'another'");
	assert_derived_as_it_was(&kit, first);
	assert_null(strstr(first, "|d|unknown"));
	kit_done(&kit);
}

/* The tables of the version that had one file, as far as they matter. */
static const char to_one_file[] =
	"CREATE TABLE main.statements AS SELECT e.idx, digest, host, type, line, sequence, started, finished, received,"
	" body AS body_sha256, body_name, envelope FROM main.evidence e JOIN derived.statements s ON s.idx = e.idx;"
	"CREATE TABLE main.lines AS SELECT *, 1 AS breaks FROM derived.lines;"
	"CREATE TABLE main.epochs AS SELECT * FROM derived.epochs;"
	"CREATE TABLE main.hosts AS SELECT * FROM derived.hosts;"
	"CREATE TABLE main.results AS SELECT * FROM derived.results;"
	"CREATE TABLE main.history AS SELECT * FROM derived.history;"
	"DROP TABLE main.evidence; DROP TABLE main.notes";

static void the_one_file_of_an_earlier_version_is_taken_apart(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	send(&kit, &host, &lines, "logged");
	send_round(&kit, &host, "a", "pass", "b");
	send_round(&kit, &host, "a", "fail", "c");
	CLEANUP(free_ptr) char *before = dump_of(kit.store);
	run(kit.store, to_one_file);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "index.db");
	kit_shut(&kit);
	unlink(path);
	kit_open(&kit);
	struct err err = {0};
	must(index_catch_up(kit.store, NULL, NULL, &err));
	CLEANUP(free_ptr) char *after = dump_of(kit.store);
	/* But for the note that there were breaks. */
	const char *findings = strstr(before, "[findings]\n"), *rest = strstr(before, "[history]");
	assert_memory_equal(before, after, (size_t)(findings - before));
	assert_non_null(strstr(after, "refused for a gap or a fork, before such things were kept one by one"));
	assert_memory_equal(rest, strstr(after, "[history]"), (size_t)(strstr(rest, "[position]") - rest));
	send_round(&kit, &host, "a", "pass", "c");
	kit_host_done(&host);
	kit_done(&kit);
}

static bool add_kept(void *context, const struct store_statement *statement) {
	buf_addf(context, "%lld:%s ", (long long)statement->index, statement->type);
	return statement->envelope_len > 0 && statement->envelope[0] == '{';
}

static void assert_in(struct kit *kit, const struct store_range *range, const char *expected) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	must(store_statements_in(kit->store, range, add_kept, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void evidence_is_visited_oldest_first_by_host_time_type_and_index(void **state) {
	struct kit kit;
	make_world(&kit);
	assert_in(&kit, &(struct store_range){.to = INT64_MAX, .after = 6}, "7:enrolment 8:round ");
	assert_in(&kit, &(struct store_range){.host = KIT_HOST, .to = INT64_MAX, .after = -1},
		  "0:enrolment 1:epoch 3:round 5:round 6:round ");
	assert_in(&kit,
		  &(struct store_range){.host = KIT_OTHER, .types = "epoch,enrolment", .to = INT64_MAX, .after = -1},
		  "2:enrolment 7:enrolment ");
	assert_in(&kit, &(struct store_range){.from = KIT_NOW, .to = KIT_NOW, .after = -1}, "");
	assert_in(&kit, &(struct store_range){.from = KIT_NOW + 1, .to = INT64_MAX, .after = -1}, "");
	kit_done(&kit);
}

static void add_difference(void *context, const char *table, int64_t rows) { buf_addf(context, "%s ", table); }

static void assert_differences(struct kit *kit, const char *expected) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(store_free_p) struct store *fresh = NULL;
	CLEANUP(free_ptr) char *path = file_join(kit->folder, "store.db");
	CLEANUP(free_ptr) char *index = file_join(kit->folder, "index.db");
	must(store_open_with(path, "", &fresh, &err));
	must(store_compare(fresh, index, true, add_difference, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

/* And the kept one is only read: what is wrong with it is still there. */
static void one_that_was_changed_is_told_from_what_the_evidence_gives(void **state) {
	struct kit kit;
	make_world(&kit);
	assert_differences(&kit, "");
	/* One that is behind is compared as far as it is. */
	run(kit.store, "BEGIN; DELETE FROM derived.findings WHERE kind = 'fork'");
	assert_differences(&kit, "");
	run(kit.store, "COMMIT");
	assert_differences(&kit, "findings ");
	run(kit.store, "UPDATE derived.results SET verdict = 'pass' WHERE verdict = 'fail';"
		       "INSERT INTO derived.hosts SELECT 'x', name, os, environment, policies, sequence, collected,"
		       " received, enrolled, purpose FROM derived.hosts LIMIT 1");
	assert_differences(&kit, "hosts results findings ");
	kit_done(&kit);
}

static void one_that_is_behind_is_compared_as_far_as_it_is_derived(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0}, early = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "index.db");
	kit_add_enrolment(&host, &lines);
	send(&kit, &host, &lines, "logged");
	send_round(&kit, &host, "a", "pass", "b");
	kit_shut(&kit);
	must(file_read(path, 1 << 24, &early, &err));
	kit_open(&kit);
	send_round(&kit, &host, "a", "fail", "b");
	kit_shut(&kit);
	must(file_write(path, early.data, early.len, 0600, &err));
	assert_differences(&kit, "");
	kit_open(&kit);
	kit_host_done(&host);
	kit_done(&kit);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived_anew_it_is_what_it_was),
		cmocka_unit_test(missing_or_of_no_database_it_is_derived_anew),
		cmocka_unit_test(one_of_another_version_is_derived_anew),
		cmocka_unit_test(one_that_is_behind_catches_up_before_the_next_statement),
		cmocka_unit_test(one_that_is_ahead_of_its_evidence_begins_anew),
		cmocka_unit_test(the_one_file_of_an_earlier_version_is_taken_apart),
		cmocka_unit_test(one_that_was_changed_is_told_from_what_the_evidence_gives),
		cmocka_unit_test(one_that_is_behind_is_compared_as_far_as_it_is_derived),
		cmocka_unit_test(evidence_is_visited_oldest_first_by_host_time_type_and_index),
	};
	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
