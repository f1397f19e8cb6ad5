/* From a round to statements in the chain: what is sealed, in which order, and what stays from round to round. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/vitals.h"
#include "core/gzip.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;

static int make(void **state) {
	agent_home_new(&agent);
	return 0;
}

static int drop(void **state) {
	agent_home_done(&agent);
	return 0;
}

static char *type_of(size_t sequence) {
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, NULL, NULL);
	return xstrdup(statement ? statement->type : "");
}

static void first_round_is_enrolment_policy_and_round(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	const char *const types[] = {"enrolment", "policy", "round", "round", ""};
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CLEANUP(free_ptr) char *type = type_of(i + 1);
		assert_string_equal(type, types[i]);
	}
}

static void each_statement_names_the_one_before(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	char previous[HASH_HEX] = "";
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	for (size_t i = 1; i <= 4; i++) {
		CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
		CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, i, NULL, &envelope);
		assert_int_equal(statement->sequence, i);
		assert_string_equal(statement->previous, previous);
		struct hash digest = dsse_digest(envelope);
		hash_hex(&digest, previous);
	}
	assert_string_equal(sealer->chain->previous, previous);
}

static void enrolment_names_both_keys(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(buf_done) struct buf der = {0};
	agent_round(&agent, sealer);
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 1, NULL, NULL);
	key_public_der(sealer->transport, &der);
	CLEANUP(free_ptr) char *transport = base64_encode(der.data, der.len);
	assert_string_equal(statement->transport_key, transport);
	assert_string_not_equal(statement->evidence_key, transport);
	assert_string_equal(statement->environment, "test");
}

static void policy_statement_carries_the_file_itself(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(buf_done) struct buf body = {0};
	agent_round(&agent, sealer);
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 2, &body, NULL);
	assert_string_equal(buf_str(&body), SMALL_POLICY);
	assert_string_equal(statement->body_name, "policy");
}

/* The results that the round that is entry number `sequence` carries; a full one's give its state. */
static json_t *results_of(size_t sequence) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(state_free_p) struct state *carried = state_new();
	struct err err;
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, &body, NULL);
	assert_true(json_read(body.data, body.len, STATEMENT_BODY_LARGEST, "body", &object, &err));
	json_t *results = json_incref(json_object_get(object, "results"));
	assert_true(state_take(carried, results, true, &err));
	if (statement->full)
		assert_true(state_is(carried, statement->state, &err));
	assert_int_equal(json_integer_value(json_object_get(statement->looked, "count")), 2);
	assert_string_equal(json_string_value(json_object_get(statement->looked, "bitmap")), "wA==");
	return results;
}

static const char *blind_of(const json_t *results, size_t index) {
	return json_string_value(json_object_get(json_array_get(results, index), "blind"));
}

/* Another process: what it seals first is full. */
static void restart(struct sealer **sealer) {
	sealer_close(*sealer);
	*sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
}

static void blind_stays_while_the_leaf_does(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	restart(&sealer);
	agent_round(&agent, sealer);
	scratch_put(agent.root, "etc/b", "now there\n");
	restart(&sealer);
	agent_round(&agent, sealer);
	CLEANUP(json_decref_p) json_t *first = results_of(3);
	CLEANUP(json_decref_p) json_t *second = results_of(4);
	CLEANUP(json_decref_p) json_t *third = results_of(5);
	assert_int_equal(strlen(blind_of(first, 0)), 32);
	assert_string_not_equal(blind_of(first, 0), blind_of(first, 1));
	assert_string_equal(blind_of(first, 0), blind_of(second, 0));
	assert_string_equal(blind_of(first, 1), blind_of(second, 1));
	assert_string_equal(blind_of(second, 0), blind_of(third, 0));
	assert_string_not_equal(blind_of(second, 1), blind_of(third, 1));
}

/* The rules that the round carries, as "a.mode b.there ", and whether it says that they are all. */
static char *carried_by(size_t sequence, bool *ret_full) {
	CLEANUP(json_decref_p) json_t *results = results_of(sequence);
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, NULL, NULL);
	struct buf rules = {0};
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result)
		buf_addf(&rules, "%s ", json_string_value(json_object_get(result, "rule")));
	*ret_full = statement->full;
	return buf_take(&rules);
}

static void is_full(size_t sequence) {
	bool full;
	CLEANUP(free_ptr) char *rules = carried_by(sequence, &full);
	assert_true(full);
	assert_string_equal(rules, "a.mode b.there ");
}

static void carries_only(size_t sequence, const char *expected) {
	bool full;
	CLEANUP(free_ptr) char *rules = carried_by(sequence, &full);
	assert_false(full);
	assert_string_equal(rules, expected);
}

static void round_carries_what_changed_and_the_first_everything(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	scratch_put(agent.root, "etc/b", "now there\n");
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	is_full(3);
	carries_only(4, "");
	carries_only(5, "b.there ");
	carries_only(6, "");
}

static void drop_b(void) {
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/b");
	unlink(path);
}

/* Someone who keeps the current results as docs/FORMAT.md 2 says always has what a statement commits to. */
static void what_is_carried_always_gives_the_state(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(state_free_p) struct state *kept = state_new();
	for (unsigned i = 0; i < 12; i++) {
		CLEANUP(json_decref_p) json_t *results = NULL;
		struct err err;
		if (i % 2)
			scratch_put(agent.root, "etc/a", i % 4 == 1 ? "more\n" : "less, or so\n");
		if (i % 3 == 2)
			scratch_put(agent.root, "etc/b", "there\n");
		if (i % 5 == 4)
			drop_b();
		agent_round(&agent, sealer);
		results = results_of(i + 3);
		CLEANUP(statement_free_p) struct statement *round = agent_statement(&agent, i + 3, NULL, NULL);
		assert_true(state_take(kept, results, round->full, &err));
		assert_true(state_is(kept, round->state, &err));
	}
}

static void restarted_process_carries_everything(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	restart(&sealer);
	agent_round(&agent, sealer);
	is_full(4);
}

static void another_policy_has_everything_carried(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "small.yaml");
	const char *const paths[] = {path};
	struct err err;
	agent_round(&agent, sealer);
	scratch_put(agent.folder, "small.yaml", SMALL_POLICY "# another\n");
	stack_free(agent.stack);
	agent.stack = NULL;
	assert_true(stack_load(SOURCE_DIR, paths, 1, &agent.stack, &err));
	agent_round(&agent, sealer);
	CLEANUP(free_ptr) char *type = type_of(4);
	assert_string_equal(type, "policy");
	is_full(5);
}

static void round_behind_one_that_could_not_be_sealed_carries_everything(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	enum sealed sealed;
	struct err err;
	agent_round(&agent, sealer);
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, NULL);
	free(round->host_id);
	round->host_id = xstrdup("00000000-0000-4000-8000-000000000000");
	assert_false(seal(sealer, agent.stack->policies, round, "manual", &sealed, &err));
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	is_full(4);
	carries_only(5, "");
}

static void once_a_day_everything_is_carried(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	sealer->standing.full_at -= STANDING_FULL_EVERY_S - 60;
	agent_round(&agent, sealer);
	sealer->standing.full_at -= 60;
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	carries_only(4, "");
	is_full(5);
	carries_only(6, "");
}

static void round_is_full_once_for_each_time_that_it_is_asked_for(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	struct err err;
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	assert_true(standing_ask(agent.home, 4, &err));
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	assert_true(standing_ask(agent.home, 6, &err));
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	carries_only(4, "");
	is_full(5);
	carries_only(6, "");
	is_full(7);
	carries_only(8, "");
}

/* What vouch-ship sends when nothing else waits: bytes of the compressed body. */
static size_t bytes_on_the_wire(size_t sequence) {
	CLEANUP(buf_done) struct buf body = {0}, line = {0}, packed = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	statement_free(agent_statement(&agent, sequence, &body, &envelope));
	statement_wire_write_short(envelope, body.data, body.len, &line);
	gzip_write(line.data, line.len, &packed);
	return packed.len;
}

/* As after the first receipt: a checkpoint of a log of a million entries. */
static void keep_checkpoint(void) {
	CLEANUP(buf_done) struct buf text = {0}, note = {0};
	const struct checkpoint checkpoint = {
		.origin = (char *)"log.example", .size = 1234567, .root = hash_of("root", 4)};
	struct err err;
	checkpoint_write(&checkpoint, &text);
	assert_true(note_sign(buf_str(&text), "log.example", agent.log_key, &note, &err));
	assert_true(file_write(agent.home->checkpoint, note.data, note.len, 0600, &err));
}

static void quiet_round_of_the_whole_baseline_is_at_most_900_bytes_on_the_wire(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	const char *const paths[] = {SOURCE_DIR "/policies/linux-baseline"};
	struct err err;
	stack_free(agent.stack);
	agent.stack = NULL;
	assert_true(stack_load(SOURCE_DIR, paths, 1, &agent.stack, &err));
	scratch_put(agent.root, "etc/hostname", "frontend-17.berlin.example.org\n");
	scratch_put(agent.root, "proc/sys/kernel/random/boot_id", "3b9f6f3c-1f3e-4d0a-8a53-0d9f4b7d2f11\n");
	agent_round(&agent, sealer);
	keep_checkpoint();
	agent_round(&agent, sealer);
	CLEANUP(statement_free_p) struct statement *quiet = agent_statement(&agent, 4, NULL, NULL);
	assert_true(json_integer_value(json_object_get(quiet->state, "size")) > 100);
	assert_non_null(quiet->checkpoint);
	assert_false(quiet->full);
	assert_in_range(bytes_on_the_wire(4), 500, 900);
}

static void what_asks_and_cannot_be_read_asks_for_nothing(void **state) {
	static const char *const wrong[] = {"", "x", "{}", "{\"sequence\":\"9\"}", "[9]", "{\"sequence\":9}9"};
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		scratch_put(agent.folder, "receipts/incomplete", wrong[i]);
		agent_round(&agent, sealer);
		carries_only(i + 4, "");
	}
	CLEANUP(free_ptr) char *large = xasprintf("{\"sequence\":9%*s}", 100, "");
	scratch_put(agent.folder, "receipts/incomplete", large);
	agent_round(&agent, sealer);
	carries_only(ARRAY_LEN(wrong) + 4, "");
}

static void damaged_blinds_are_drawn_anew(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	scratch_put(agent.folder, "spool/blinds.json", "{\"a.mode\":{\"blind\":\"0\",\"leaf\":7},\"b.there\":[]}");
	agent_round(&agent, sealer); /* every leaf is another with it: all are carried */
	CLEANUP(json_decref_p) json_t *first = results_of(3);
	CLEANUP(json_decref_p) json_t *second = results_of(4);
	assert_string_not_equal(blind_of(first, 0), blind_of(second, 0));
}

static void another_hosts_round_is_refused(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	enum sealed sealed;
	struct err err;
	scratch_put(agent.root, "etc/machine-id", "1123456789abcdef0123456789abcdef\n");
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, NULL);
	assert_false(seal(sealer, agent.stack->policies, round, "manual", &sealed, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(sealer->chain->sequence, 0);
	assert_int_equal(scratch_count(agent.home->queue), 0);
}

static void host_without_a_machine_id_keeps_the_id_drawn_for_it(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	enum sealed sealed;
	struct err err;
	scratch_put(agent.root, "etc/machine-id", "");
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, NULL);
	assert_string_equal(round->host_id, "");
	assert_false(seal(sealer, agent.stack->policies, round, "manual", &sealed, &err));
	struct enrolment drawn = *sealer->enrolment;
	drawn.is_drawn = true;
	sealer->enrolment = &drawn;
	assert_true(seal(sealer, agent.stack->policies, round, "manual", &sealed, &err));
	CLEANUP(json_decref_p) json_t *results = results_of(sealer->chain->sequence);
	assert_non_null(results);
	scratch_put(agent.root, "etc/machine-id", "1123456789abcdef0123456789abcdef\n");
	CLEANUP(round_free_p) struct round *other = agent_look(&agent, NULL);
	assert_false(seal(sealer, agent.stack->policies, other, "manual", &sealed, &err));
}

/* A filler in the queue that leaves `room` bytes below the limit. */
static void fill_up(int64_t limit, int64_t room) {
	int64_t bytes;
	size_t statements;
	struct err err;
	assert_true(spool_bytes(agent.home, &bytes, &statements, &err));
	CLEANUP(buf_done) struct buf filler = {0};
	size_t len = (size_t)(limit - room - bytes);
	memset(buf_room(&filler, len), 'x', len);
	filler.len = len;
	CLEANUP(free_ptr) char *path = file_join(agent.home->queue, "00000000000000000099-0123456789abcdef.json");
	assert_true(file_write(path, filler.data, filler.len, 0600, &err));
}

static void full_spool_is_said_once_and_rounds_go_on_when_there_is_room(void **state) {
	const int64_t limit = SPOOL_LIMIT_LEAST;
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, limit);
	struct err err;
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	fill_up(limit, SPOOL_RESERVE + 100);
	assert_int_equal(agent_round(&agent, sealer), SEALED_NO_ROOM);
	assert_int_equal(sealer->chain->sequence, 4);
	CLEANUP(free_ptr) char *type = type_of(4);
	assert_string_equal(type, "spool-full");
	assert_int_equal(agent_round(&agent, sealer), SEALED_NO_ROOM);
	assert_int_equal(sealer->chain->sequence, 4);
	assert_true(spool_remove(agent.home, "00000000000000000099-0123456789abcdef.json", &err));
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	CLEANUP(free_ptr) char *after = type_of(5);
	assert_string_equal(after, "round");
	assert_false(sealer->chain->full);
	is_full(5);
}

static void what_was_refused_fills_the_spool_too(void **state) {
	static const char filler[] = "00000000000000000099-0123456789abcdef.json";
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_LEAST);
	struct err err;
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	fill_up(SPOOL_LIMIT_LEAST, SPOOL_RESERVE + 100);
	assert_true(spool_refuse(agent.home, filler, "a gap in the chain", &err));
	assert_int_equal(agent_round(&agent, sealer), SEALED_NO_ROOM);
}

static void evidence_key_that_was_not_enrolled_is_refused(void **state) {
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	struct sealer *sealer = NULL;
	struct err err;
	assert_int_equal(unlink(agent.home->evidence_key), 0);
	assert_true(key_make_ed25519(&other, &err) && key_save(agent.home->evidence_key, other, &err));
	assert_false(sealer_open(agent.home, agent.enrolment, NULL, "", SPOOL_LIMIT_DEFAULT, &sealer, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "not the key that was enrolled"));
}

static void evidence_key_that_others_may_read_is_refused(void **state) {
	struct sealer *sealer = NULL;
	struct err err;
	assert_int_equal(chmod(agent.home->evidence_key, 0640), 0);
	assert_false(sealer_open(agent.home, agent.enrolment, NULL, "", SPOOL_LIMIT_DEFAULT, &sealer, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "0640"));
}

/* receipts/ is vouch-ship's, who speaks to the network. */
static void pipes_where_the_shippers_files_should_be_hold_nothing_up(void **state) {
	struct textfile known = {0};
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(free_ptr) char *certificate = file_join(agent.home->receipts, "transport-cert.pem");
	assert_int_equal(mkfifo(agent.home->checkpoint, 0666), 0);
	assert_int_equal(mkfifo(agent.home->incomplete, 0666), 0);
	assert_int_equal(mkfifo(certificate, 0666), 0);
	alarm(60);
	assert_int_equal(agent_round(&agent, sealer), SEALED_KEPT);
	vitals_read(agent.home, &known);
	alarm(0);
	assert_int_equal(known.certificate_ends_at, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_round_is_enrolment_policy_and_round, make, drop),
		cmocka_unit_test_setup_teardown(each_statement_names_the_one_before, make, drop),
		cmocka_unit_test_setup_teardown(enrolment_names_both_keys, make, drop),
		cmocka_unit_test_setup_teardown(policy_statement_carries_the_file_itself, make, drop),
		cmocka_unit_test_setup_teardown(blind_stays_while_the_leaf_does, make, drop),
		cmocka_unit_test_setup_teardown(round_carries_what_changed_and_the_first_everything, make, drop),
		cmocka_unit_test_setup_teardown(what_is_carried_always_gives_the_state, make, drop),
		cmocka_unit_test_setup_teardown(restarted_process_carries_everything, make, drop),
		cmocka_unit_test_setup_teardown(another_policy_has_everything_carried, make, drop),
		cmocka_unit_test_setup_teardown(round_behind_one_that_could_not_be_sealed_carries_everything, make,
						drop),
		cmocka_unit_test_setup_teardown(once_a_day_everything_is_carried, make, drop),
		cmocka_unit_test_setup_teardown(round_is_full_once_for_each_time_that_it_is_asked_for, make, drop),
		cmocka_unit_test_setup_teardown(quiet_round_of_the_whole_baseline_is_at_most_900_bytes_on_the_wire,
						make, drop),
		cmocka_unit_test_setup_teardown(what_asks_and_cannot_be_read_asks_for_nothing, make, drop),
		cmocka_unit_test_setup_teardown(pipes_where_the_shippers_files_should_be_hold_nothing_up, make, drop),
		cmocka_unit_test_setup_teardown(damaged_blinds_are_drawn_anew, make, drop),
		cmocka_unit_test_setup_teardown(another_hosts_round_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(host_without_a_machine_id_keeps_the_id_drawn_for_it, make, drop),
		cmocka_unit_test_setup_teardown(full_spool_is_said_once_and_rounds_go_on_when_there_is_room, make,
						drop),
		cmocka_unit_test_setup_teardown(what_was_refused_fills_the_spool_too, make, drop),
		cmocka_unit_test_setup_teardown(evidence_key_that_was_not_enrolled_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(evidence_key_that_others_may_read_is_refused, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
