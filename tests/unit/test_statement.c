/* Statements and wire lines: what is written is read back byte for byte, and nothing less is taken for one. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/merkle.h"
#include "core/statement.h"
#include "core/times.h"

#define DIGEST "daeea2cc05261ee88148ee31b16ab6d8596ced3802db68c267d98804c69a1da3"
/* A statement with every member, in its canonical form. */
#define HOST "\"host\":{\"id\":\"b9f6f3c4-1f3e-5d0a-8a53-0d9f4b7d2f11\",\"name\":\"h\xc3\xb6st\",\"os\":\"debian 12\"}"
#define FULL                                                                                                           \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"bootId\":\"b\",\"checkpoint\":"               \
	"{\"origin\":\"log.example/x\",\"root\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\"size\":7},"         \
	"\"environment\":\"prod\",\"evidenceKey\":\"AAAA\",\"finishedAt\":\"2026-11-21T19:00:05Z\","                   \
	"\"framework\":\"iso27001:2022\"," HOST ",\"looked\":{\"bitmap\":\"oIA=\",\"count\":9},"                       \
	"\"policies\":[{\"id\":\"p\",\"sha256\":\"" DIGEST "\",\"version\":\"1.0.0\"}],\"previous\":\"" DIGEST "\","   \
	"\"sequence\":2,\"startedAt\":\"2026-11-21T19:00:00Z\",\"state\":{\"root\":\"" DIGEST "\",\"size\":3},"        \
	"\"transportKey\":\"AAAA\",\"trigger\":\"schedule\",\"type\":\"round\"},"                                      \
	"\"predicateType\":\"https://vouch.example/statement/v1\","                                                    \
	"\"subject\":[{\"digest\":{\"sha256\":\"" DIGEST "\"},\"name\":\"results\"}]}"

static json_t *full(void) {
	json_t *value = NULL;
	struct err err;
	assert_true(json_read(FULL, strlen(FULL), DSSE_PAYLOAD_LARGEST, "t", &value, &err));
	return value;
}

static enum err_code read_code(const json_t *object) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	assert_true(json_canonical(object, &text, &err));
	return statement_read(text.data, text.len, "t", &statement, &err) ? ERR_NONE : err.code;
}

static void a_statement_is_read_and_written_back_byte_for_byte(void **state) {
	struct err err;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	CLEANUP(buf_done) struct buf again = {0};
	assert_true(statement_read(FULL, strlen(FULL), "t", &statement, &err));
	assert_string_equal(statement->type, "round");
	assert_string_equal(statement->host_name, "h\xc3\xb6st");
	assert_string_equal(statement->previous, DIGEST);
	assert_int_equal(statement->sequence, 2);
	assert_int_equal(statement->finished_at - statement->started_at, 5);
	assert_string_equal(statement->body_name, "results");
	char hex[HASH_HEX];
	assert_string_equal(hash_hex(&statement->body_sha256, hex), DIGEST);
	assert_true(statement_write(statement, &again, &err));
	assert_string_equal(buf_str(&again), FULL);
}

static void optional_members_may_be_absent(void **state) {
	static const char *const optional[] = {"checkpoint", "looked", "state", "evidenceKey", "transportKey"};
	struct err err;
	CLEANUP(json_decref_p) json_t *object = full();
	CLEANUP(buf_done) struct buf text = {0}, again = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	for (size_t i = 0; i < ARRAY_LEN(optional); i++)
		json_object_del(json_object_get(object, "predicate"), optional[i]);
	assert_true(json_canonical(object, &text, &err));
	assert_true(statement_read(text.data, text.len, "t", &statement, &err));
	assert_null(statement->checkpoint);
	assert_null(statement->evidence_key);
	assert_true(statement_write(statement, &again, &err));
	assert_string_equal(buf_str(&again), buf_str(&text));
}

/* Every member of every object in turn: gone, then of two other types. */
static void each_member_is_needed(json_t *whole, json_t *object, const char *const optional[]) {
	CLEANUP(json_decref_p) json_t *names = json_copy(object);
	const char *name;
	json_t *kept;
	json_object_foreach(names, name, kept) {
		bool may_lack = false;
		for (size_t i = 0; optional && optional[i]; i++)
			may_lack = may_lack || !strcmp(name, optional[i]);
		json_object_del(object, name);
		assert_int_equal(read_code(whole), may_lack ? ERR_NONE : ERR_MALFORMED);
		json_object_set_new(object, name, json_null());
		assert_int_equal(read_code(whole), ERR_MALFORMED);
		json_object_set_new(object, name, json_true());
		assert_int_equal(read_code(whole), ERR_MALFORMED);
		json_object_set(object, name, kept);
		assert_int_equal(read_code(whole), ERR_NONE);
	}
}

static void a_missing_or_mistyped_member_is_malformed(void **state) {
	static const char *const optional[] = {"checkpoint", "looked", "state", "evidenceKey", "transportKey", NULL};
	CLEANUP(json_decref_p) json_t *object = full();
	json_t *predicate = json_object_get(object, "predicate");
	json_t *subject = json_array_get(json_object_get(object, "subject"), 0);
	each_member_is_needed(object, object, NULL);
	each_member_is_needed(object, subject, NULL);
	each_member_is_needed(object, json_object_get(subject, "digest"), NULL);
	each_member_is_needed(object, predicate, optional);
	each_member_is_needed(object, json_object_get(predicate, "host"), NULL);
	each_member_is_needed(object, json_object_get(predicate, "checkpoint"), NULL);
	each_member_is_needed(object, json_object_get(predicate, "looked"), NULL);
	each_member_is_needed(object, json_object_get(predicate, "state"), NULL);
	each_member_is_needed(object, json_array_get(json_object_get(predicate, "policies"), 0), NULL);
}

static void wrong_values_are_malformed(void **state) {
	static const struct {
		const char *object, *name, *json;
	} wrong[] = {
		{NULL, "_type", "\"https://in-toto.io/Statement/v0.1\""},
		{NULL, "predicateType", "\"https://vouch.example/statement/v2\""},
		{NULL, "subject", "[]"},
		{NULL, "subject", "[{},{}]"},
		{"predicate", "sequence", "0"},
		{"predicate", "sequence", "-1"},
		{"predicate", "previous", "\"DAEEA2CC05261EE88148EE31B16AB6D8596CED3802DB68C267D98804C69A1DA3\""},
		{"predicate", "previous", "\"da\""},
		{"predicate", "startedAt", "\"2026-11-21\""},
		{"predicate", "finishedAt", "\"2026-11-21T19:00:00+00:00\""},
		{"predicate", "type", "\"\""},
		{"predicate", "policies", "[1]"},
		{"predicate", "evidenceKey", "\"not base64\""},
		{"predicate", "looked", "{\"bitmap\":\"oIA=\",\"count\":8}"},
		{"predicate", "looked", "{\"bitmap\":\"oIA=\",\"count\":17}"},
		{"predicate", "looked", "{\"bitmap\":\"oME=\",\"count\":9}"}, /* an unused bit */
		{"predicate", "looked", "{\"bitmap\":\"\",\"count\":-1}"},
		{"predicate", "looked", "{\"bitmap\":\"\",\"count\":9223372036854775807}"},
		{"predicate", "state", "{\"root\":\"\",\"size\":3}"},
		{"predicate", "state", "{\"root\":\"" DIGEST "\",\"size\":-3}"},
		{"predicate", "checkpoint", "{\"origin\":\"o\",\"root\":\"AAAA\",\"size\":7}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err err;
		CLEANUP(json_decref_p) json_t *object = full();
		json_t *value = NULL;
		assert_true(json_read(wrong[i].json, strlen(wrong[i].json), 1000, "t", &value, &err));
		json_object_set_new(wrong[i].object ? json_object_get(object, wrong[i].object) : object, wrong[i].name,
				    value);
		assert_int_equal(read_code(object), ERR_MALFORMED);
	}
}

static void an_epoch_needs_its_key_its_reason_and_the_last_boot(void **state) {
	static const char *const names[] = {"epochKey", "reason", "lastBootId"};
	struct err err;
	CLEANUP(json_decref_p) json_t *object = full();
	CLEANUP(buf_done) struct buf text = {0}, again = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	json_t *predicate = json_object_get(object, "predicate");
	json_object_set_new(predicate, "type", json_string("epoch"));
	json_object_set_new(predicate, "epochKey", json_string("AAAA"));
	json_object_set_new(predicate, "reason", json_string("boot"));
	json_object_set_new(predicate, "lastBootId", json_string("a"));
	assert_true(json_canonical(object, &text, &err));
	assert_true(statement_read(text.data, text.len, "t", &statement, &err));
	assert_string_equal(statement->reason, "boot");
	assert_true(statement_write(statement, &again, &err));
	assert_string_equal(buf_str(&again), buf_str(&text));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *kept = json_incref(json_object_get(predicate, names[i]));
		json_object_del(predicate, names[i]);
		assert_int_equal(read_code(object), ERR_MALFORMED);
		json_object_set_new(predicate, names[i], kept);
	}
	json_object_set_new(predicate, "epochKey", json_string("?"));
	assert_int_equal(read_code(object), ERR_MALFORMED);
	json_object_set_new(predicate, "epochKey", json_string("AAAA"));
	json_object_set_new(predicate, "reason", json_string("tired"));
	assert_int_equal(read_code(object), ERR_MALFORMED);
}

static json_t *enrolment_with(const char *purpose, bool with_transport) {
	json_t *object = full(), *predicate = json_object_get(object, "predicate");
	json_object_set_new(predicate, "type", json_string("enrolment"));
	if (purpose)
		json_object_set_new(predicate, "purpose", json_string(purpose));
	if (!with_transport)
		json_object_del(predicate, "transportKey");
	return object;
}

static void an_enrolments_purpose_decides_whether_it_has_a_transport_key(void **state) {
	static const struct {
		const char *purpose;
		bool with_transport;
		enum err_code code;
	} cases[] = {
		{NULL, true, ERR_NONE},          {NULL, false, ERR_MALFORMED},
		{"attestation", true, ERR_NONE}, {"attestation", false, ERR_MALFORMED},
		{"collector", false, ERR_NONE},  {"collector", true, ERR_MALFORMED},
		{"sport", true, ERR_MALFORMED},  {"", true, ERR_MALFORMED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(json_decref_p) json_t *object = enrolment_with(cases[i].purpose, cases[i].with_transport);
		assert_int_equal(read_code(object), cases[i].code);
	}
	CLEANUP(json_decref_p) json_t *keyless = enrolment_with("collector", false), *round = full();
	json_object_del(json_object_get(keyless, "predicate"), "evidenceKey");
	assert_int_equal(read_code(keyless), ERR_MALFORMED);
	json_object_set_new(json_object_get(round, "predicate"), "purpose", json_string("attestation"));
	assert_int_equal(read_code(round), ERR_MALFORMED);
}

static void full_is_true_or_absent_and_only_of_a_round_with_a_state(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *object = full();
	CLEANUP(buf_done) struct buf text = {0}, again = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	json_t *predicate = json_object_get(object, "predicate");
	json_object_set_new(predicate, "full", json_false());
	assert_int_equal(read_code(object), ERR_MALFORMED);
	json_object_set_new(predicate, "full", json_string("true"));
	assert_int_equal(read_code(object), ERR_MALFORMED);
	json_object_set_new(predicate, "full", json_true());
	assert_true(json_canonical(object, &text, &err));
	assert_true(statement_read(text.data, text.len, "t", &statement, &err));
	assert_true(statement->full);
	assert_true(statement_write(statement, &again, &err));
	assert_string_equal(buf_str(&again), buf_str(&text));
	json_object_set_new(predicate, "type", json_string("policy"));
	assert_int_equal(read_code(object), ERR_MALFORMED);
	json_object_set_new(predicate, "type", json_string("round"));
	json_object_del(predicate, "state");
	assert_int_equal(read_code(object), ERR_MALFORMED);
}

static void types_of_the_collectors_own_line_are_told_from_a_hosts(void **state) {
	static const struct {
		const char *type, *purpose;
		bool is_known, is_collectors;
	} cases[] = {
		{"round", NULL, true, false},           {"attestation", NULL, true, false},
		{"enrolment", NULL, true, false},       {"enrolment", "attestation", true, false},
		{"enrolment", "collector", true, true}, {"erasure", NULL, true, true},
		{"revocation", NULL, true, true},       {"gossip", NULL, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct statement statement = {.type = (char *)cases[i].type, .purpose = (char *)cases[i].purpose};
		assert_int_equal(statement_has_type(&statement), cases[i].is_known);
		assert_int_equal(statement_is_collectors(&statement), cases[i].is_collectors);
	}
}

static void unknown_members_are_ignored_and_duplicates_refused(void **state) {
	struct err err;
	struct statement *statement = NULL;
	CLEANUP(json_decref_p) json_t *object = full();
	json_object_set_new(object, "new", json_integer(1));
	json_object_set_new(json_object_get(object, "predicate"), "new", json_object());
	json_object_set_new(json_object_get(json_object_get(object, "predicate"), "host"), "new", json_null());
	assert_int_equal(read_code(object), ERR_NONE);
	CLEANUP(free_ptr) char *twice = xasprintf("{\"_type\":\"\",%s", &FULL[1]);
	assert_false(statement_read(twice, strlen(twice), "t", &statement, &err));
	CLEANUP(free_ptr) char *trailing = xasprintf("%s1", FULL);
	assert_false(statement_read(trailing, strlen(trailing), "t", &statement, &err));
	assert_false(statement_read("[]", 2, "t", &statement, &err));
	assert_false(statement_read(NULL, 0, "t", &statement, &err));
}

static struct statement *read_full(void) {
	struct err err;
	struct statement *statement = NULL;
	assert_true(statement_read(FULL, strlen(FULL), "t", &statement, &err));
	return statement;
}

static void what_could_not_be_read_is_not_written(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(statement_free_p) struct statement *statement = read_full();
	statement->sequence = 0;
	assert_false(statement_write(statement, &payload, &err));
	statement->sequence = 1;
	free(statement->trigger);
	statement->trigger = NULL;
	assert_false(statement_write(statement, &payload, &err));
	assert_string_equal(err.why, "\"trigger\" is missing");
	statement->trigger = xstrdup("manual");
	free(statement->type);
	statement->type = xstrdup("enrolment");
	assert_true(statement_write(statement, &payload, &err));
	buf_done(&payload);
	free(statement->transport_key);
	statement->transport_key = NULL;
	assert_false(statement_write(statement, &payload, &err));
	assert_int_equal(payload.len, 0);
}

static void the_cap_on_the_payload_holds(void **state) {
	struct err err;
	CLEANUP(statement_free_p) struct statement *statement = read_full(), *again = NULL;
	CLEANUP(buf_done) struct buf payload = {0}, environment = {0};
	while (environment.len < DSSE_PAYLOAD_LARGEST - strlen(FULL) + strlen("prod"))
		buf_adds(&environment, "x");
	free(statement->environment);
	statement->environment = xstrdup(buf_str(&environment));
	assert_true(statement_write(statement, &payload, &err));
	assert_int_equal(payload.len, DSSE_PAYLOAD_LARGEST);
	assert_true(statement_read(payload.data, payload.len, "t", &again, &err));
	buf_done(&payload);
	free(statement->environment);
	statement->environment = xasprintf("%sx", buf_str(&environment));
	assert_false(statement_write(statement, &payload, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	buf_adds(&payload, FULL);
	while (payload.len <= DSSE_PAYLOAD_LARGEST)
		buf_adds(&payload, " ");
	struct statement *none = NULL;
	assert_false(statement_read(payload.data, payload.len, "t", &none, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void the_bitmap_begins_with_the_most_significant_bit(void **state) {
	const bool looked[] = {true, false, true, false, false, false, false, false, true};
	CLEANUP(json_decref_p) json_t *nine = statement_looked(looked, 9), *none = statement_looked(NULL, 0);
	CLEANUP(json_decref_p) json_t *eight = statement_looked(looked, 8);
	assert_string_equal(json_string_value(json_object_get(nine, "bitmap")), "oIA=");
	assert_int_equal(json_integer_value(json_object_get(nine, "count")), 9);
	assert_string_equal(json_string_value(json_object_get(eight, "bitmap")), "oA==");
	assert_string_equal(json_string_value(json_object_get(none, "bitmap")), "");
}

#define BLIND_1 "00112233445566778899aabbccddeeff"
#define BLIND_2 "ffeeddccbbaa99887766554433221100"
#define RESULT_1                                                                                                       \
	"{\"blind\":\"" BLIND_1                                                                                        \
	"\",\"kind\":\"effect\",\"observed\":[{\"a\":1,\"used\":77}],\"reason\":\"as expected\","                      \
	"\"rule\":\"r.1\",\"verdict\":\"pass\",\"volatile\":[\"used\"]}"
#define RESULT_2                                                                                                       \
	"{\"blind\":\"" BLIND_2 "\",\"kind\":\"design\",\"observed\":[],\"reason\":\"none\",\"rule\":\"r.2\","         \
	"\"verdict\":\"fail\",\"volatile\":[],\"waiver\":{\"id\":\"w\"}}"

#define BLINDLESS                                                                                                      \
	"[{\"kind\":\"effect\",\"observed\":[],\"reason\":\"\",\"rule\":\"r\",\"verdict\":\"pass\",\"volatile\":[]}]"

static json_t *results_of(const char *text) {
	struct err err;
	json_t *value = NULL;
	assert_true(json_read(text, strlen(text), 10000, "t", &value, &err));
	return value;
}

static struct hash leaf_of(const char *observation, const char *before, const char *after) {
	char hex[HASH_HEX];
	struct hash digest = hash_of(observation, strlen(observation));
	CLEANUP(free_ptr) char *leaf = xasprintf("%s%s%s", before, hash_hex(&digest, hex), after);
	return merkle_leaf(leaf, strlen(leaf));
}

static void the_state_is_the_root_over_blinded_leaves_without_what_is_volatile(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *results = results_of("[" RESULT_1 "," RESULT_2 "]"), *made = NULL;
	const struct hash leaves[] = {
		leaf_of("{\"observed\":[{\"a\":1}]}",
			"{\"blind\":\"" BLIND_1 "\",\"kind\":\"effect\",\"observation\":\"",
			"\",\"reason\":\"as expected\",\"rule\":\"r.1\",\"verdict\":\"pass\"}"),
		leaf_of("{\"observed\":[]}", "{\"blind\":\"" BLIND_2 "\",\"kind\":\"design\",\"observation\":\"",
			"\",\"reason\":\"none\",\"rule\":\"r.2\",\"verdict\":\"fail\",\"waiver\":{\"id\":\"w\"}}"),
	};
	struct hash root = merkle_root(leaves, 2);
	char hex[HASH_HEX];
	assert_true(statement_state(results, &made, &err));
	assert_int_equal(json_integer_value(json_object_get(made, "size")), 2);
	assert_string_equal(json_string_value(json_object_get(made, "root")), hash_hex(&root, hex));
}

static void results_out_of_order_twice_or_without_a_blind_have_no_state(void **state) {
	static const char *const bad[] = {
		"[" RESULT_2 "," RESULT_1 "]",
		"[" RESULT_1 "," RESULT_1 "]",
		BLINDLESS,
		"[1]",
	};
	struct err err;
	json_t *made = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(json_decref_p) json_t *results = results_of(bad[i]);
		assert_false(statement_state(results, &made, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
	assert_null(made);
}

static struct dsse *sealed(const void *payload, size_t len) {
	struct err err;
	struct dsse *envelope = NULL;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	assert_true(key_make_ed25519(&key, &err));
	assert_true(dsse_seal(DSSE_INTOTO, payload, len, key, "k", &envelope, &err));
	return envelope;
}

static void a_wire_line_comes_back_whole(void **state) {
	static const char body[] = "{\"results\":[]}\0binary\n";
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = sealed("{}", 2), *again = NULL;
	CLEANUP(buf_done) struct buf line = {0}, second = {0}, bytes = {0};
	statement_wire_write(envelope, body, sizeof body, &line);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_true(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
	assert_memory_equal(line.data, "{\"body\":\"", 9);
	assert_true(statement_wire_read(line.data, line.len, "t", &again, &bytes, &err));
	assert_int_equal(bytes.len, sizeof body);
	assert_memory_equal(bytes.data, body, sizeof body);
	statement_wire_write(again, bytes.data, bytes.len, &second);
	assert_string_equal(buf_str(&second), buf_str(&line));
	buf_done(&bytes);
	dsse_free(again);
	again = NULL;
	assert_true(statement_wire_read(line.data, line.len - 1, "t", &again, &bytes, &err));
}

/* What is written short comes back as the same bytes; *ret_line is what was written. */
static void comes_back_from_short(const char *payload, const void *body, size_t body_len, struct buf *ret_line) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = sealed(payload, strlen(payload)), *again = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	statement_wire_write_short(envelope, body, body_len, ret_line);
	assert_true(statement_wire_read(ret_line->data, ret_line->len, "t", &again, &bytes, &err));
	assert_string_equal(buf_str(&again->payload), payload);
	assert_string_equal(again->payload_type, DSSE_INTOTO);
	assert_int_equal(bytes.len, body_len);
	assert_memory_equal(buf_str(&bytes), body, body_len);
}

static void a_short_line_has_its_json_as_it_is_and_anything_else_in_base64(void **state) {
	static const char results[] = "{\"results\":[]}";
	static const char *const others[] = {
		"{\"results\": []}",
		"{\"b\":1,\"a\":2}",
		"{\"a\":1.5}",
		"{\"a\":\"\\u0041\"}",
		"{\"a\":1,\"a\":1}",
		"[]",
		"{},{}",
		"policy: {}",
		"{\"a\":\"\xff\"}",
		"",
	};
	CLEANUP(buf_done) struct buf line = {0};
	comes_back_from_short("{\"a\":1}", results, strlen(results), &line);
	assert_non_null(strstr(line.data, "\"body\":{\"results\":[]}"));
	assert_non_null(strstr(line.data, "\"payload\":{\"a\":1}"));
	assert_null(strstr(line.data, "payloadType"));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		CLEANUP(buf_done) struct buf base64 = {0}, swapped = {0};
		comes_back_from_short("{\"a\":1}", others[i], strlen(others[i]), &base64);
		assert_non_null(strstr(base64.data, "\"body\":\""));
		comes_back_from_short(others[i], results, strlen(results), &swapped);
		assert_non_null(strstr(swapped.data, "\"payload\":\""));
		assert_non_null(strstr(swapped.data, "\"payloadType\":\"" DSSE_INTOTO "\""));
	}
}

static void what_is_as_deep_as_may_be_travels_too(void **state) {
	for (size_t deep = JSON_DEEPEST - 3; deep < JSON_DEEPEST + 3; deep++) {
		CLEANUP(buf_done) struct buf body = {0}, line = {0};
		for (size_t i = 0; i < deep; i++)
			buf_adds(&body, "{\"a\":");
		buf_adds(&body, "1");
		for (size_t i = 0; i < deep; i++)
			buf_adds(&body, "}");
		comes_back_from_short("{\"a\":1}", body.data, body.len, &line);
	}
}

/* White space is no part of the bytes: only one form of an object was signed. */
static void a_short_lines_white_space_changes_nothing(void **state) {
	static const char loose[] = "{ \"body\": {\"b\": 1, \"a\": [ ]}, \"payload\": { }, \"signatures\": []}\n";
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	assert_true(statement_wire_read(loose, strlen(loose), "t", &envelope, &body, &err));
	assert_string_equal(buf_str(&body), "{\"a\":[],\"b\":1}");
	assert_string_equal(buf_str(&envelope->payload), "{}");
}

static void a_line_that_is_not_one_is_refused(void **state) {
	static const char *const bad[] = {
		"",
		"\n",
		"[]\n",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":1,\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":\"*\",\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":\"\",\"payloadType\":\"t\"}\n",
		"{\"body\":\"\",\"payload\":\"\",\n\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n\n",
		"{\"body\":\"\",\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}{}\n",
		"{\"body\":\"\",\"body\":\"\",\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":[],\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":{\"a\":1.5},\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":{\"a\":1,\"a\":1},\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":[],\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":\"\",\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":{\"a\":1.5},\"signatures\":[]}\n",
		"{\"body\":\"\",\"payload\":{},\"payloadType\":1,\"signatures\":[]}\n",
	};
	struct err err;
	struct dsse *envelope = NULL;
	struct buf body = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(statement_wire_read(bad[i], strlen(bad[i]), "t", &envelope, &body, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
	assert_null(envelope);
	assert_int_equal(body.len, 0);
}

static bool reads_line(const struct buf *line, enum err_code *code) {
	struct err err = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	bool is_read = statement_wire_read(buf_str(line), line->len, "t", &envelope, &body, &err);
	*code = err.code;
	return is_read;
}

static void the_caps_on_body_envelope_and_line_hold(void **state) {
	CLEANUP(free_ptr) char *body = xcalloc(1, STATEMENT_BODY_LARGEST + 1);
	CLEANUP(dsse_free_p) struct dsse *envelope = sealed(body, DSSE_PAYLOAD_LARGEST);
	CLEANUP(buf_done) struct buf whole = {0}, big_body = {0}, big_envelope = {0}, big_line = {0};
	enum err_code code;
	statement_wire_write(envelope, body, STATEMENT_BODY_LARGEST, &whole);
	assert_true(reads_line(&whole, &code));
	statement_wire_write(envelope, body, STATEMENT_BODY_LARGEST + 1, &big_body);
	assert_false(reads_line(&big_body, &code));
	assert_int_equal(code, ERR_TOO_BIG);

	/* An object that is as large as a body may be, and one byte more. */
	CLEANUP(buf_done) struct buf object = {0}, larger = {0};
	memset(body, 'x', STATEMENT_BODY_LARGEST);
	buf_addf(&object, "{\"body\":{\"a\":\"%.*s\"},\"payload\":{},\"signatures\":[]}",
		 (int)STATEMENT_BODY_LARGEST - 8, body);
	assert_true(reads_line(&object, &code));
	buf_addf(&larger, "{\"body\":{\"a\":\"%.*s\"},\"payload\":{},\"signatures\":[]}",
		 (int)STATEMENT_BODY_LARGEST - 7, body);
	assert_false(reads_line(&larger, &code));
	assert_int_equal(code, ERR_TOO_BIG);

	const char rest[] = "\",\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[],\"more\":\"";
	buf_adds(&big_envelope, "{\"body\":\"");
	buf_adds(&big_envelope, rest);
	while (big_envelope.len < DSSE_ENVELOPE_LARGEST - 2)
		buf_adds(&big_envelope, "x");
	buf_adds(&big_envelope, "\"}");
	assert_true(reads_line(&big_envelope, &code));
	big_envelope.len -= 2;
	buf_adds(&big_envelope, "x\"}");
	assert_false(reads_line(&big_envelope, &code));
	assert_int_equal(code, ERR_TOO_BIG);

	memset(buf_room(&big_line, 12U << 20), ' ', 12U << 20);
	big_line.len = 12U << 20;
	assert_false(reads_line(&big_line, &code));
	assert_int_equal(code, ERR_TOO_BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_is_read_and_written_back_byte_for_byte),
		cmocka_unit_test(optional_members_may_be_absent),
		cmocka_unit_test(a_missing_or_mistyped_member_is_malformed),
		cmocka_unit_test(wrong_values_are_malformed),
		cmocka_unit_test(an_epoch_needs_its_key_its_reason_and_the_last_boot),
		cmocka_unit_test(an_enrolments_purpose_decides_whether_it_has_a_transport_key),
		cmocka_unit_test(full_is_true_or_absent_and_only_of_a_round_with_a_state),
		cmocka_unit_test(types_of_the_collectors_own_line_are_told_from_a_hosts),
		cmocka_unit_test(unknown_members_are_ignored_and_duplicates_refused),
		cmocka_unit_test(what_could_not_be_read_is_not_written),
		cmocka_unit_test(the_cap_on_the_payload_holds),
		cmocka_unit_test(the_bitmap_begins_with_the_most_significant_bit),
		cmocka_unit_test(the_state_is_the_root_over_blinded_leaves_without_what_is_volatile),
		cmocka_unit_test(results_out_of_order_twice_or_without_a_blind_have_no_state),
		cmocka_unit_test(a_wire_line_comes_back_whole),
		cmocka_unit_test(a_short_line_has_its_json_as_it_is_and_anything_else_in_base64),
		cmocka_unit_test(what_is_as_deep_as_may_be_travels_too),
		cmocka_unit_test(a_short_lines_white_space_changes_nothing),
		cmocka_unit_test(a_line_that_is_not_one_is_refused),
		cmocka_unit_test(the_caps_on_body_envelope_and_line_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
