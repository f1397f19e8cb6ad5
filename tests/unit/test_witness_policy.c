/* The C2SP tlog-policy: what it may say, what it may not, and who meets its quorum. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/witness_policy.h"

#define LOG "collector.example/evidence+c4dd0ff5+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
#define W1 "witness.example/w1+c7da326f+BPxRzY5iGKGjjaR+0AIw8FgIFu0TujMDrF3rkRVIkIAl"
#define FIVE 5

/* vkeys of five witnesses and a log, of keys from the seeds 1, 2, ... */
static char *vkey_of(uint8_t number, bool is_log) {
	const uint8_t seed[32] = {number};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct err err;
	assert_true(key_from_seed(seed, &key, &err));
	CLEANUP(free_ptr) char *name = xasprintf("w%u.example", (unsigned)number);
	return is_log ? note_vkey(name, key) : note_cosigner_vkey(name, key);
}

/* Five witnesses A to E, then the given lines. */
static char *five(const char *lines) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "# five\n\n \t# of them\nlog " LOG "\n");
	for (uint8_t i = 0; i < FIVE; i++) {
		CLEANUP(free_ptr) char *vkey = vkey_of(i, false);
		buf_addf(&text, "\twitness  %c\t%s https://w%u.example/ \n", 'A' + i, vkey, (unsigned)i);
	}
	buf_adds(&text, lines);
	return buf_take(&text);
}

static struct witness_policy *policy_of(const char *text) {
	struct witness_policy *policy = NULL;
	struct err err;
	if (!witness_policy_read(text, strlen(text), "p", &policy, &err))
		fail_msg("line %u: %s", err.line, err.why);
	return policy;
}

/* Whether the witnesses whose letters are given meet the quorum of these lines. */
static bool meets(const char *lines, const char *letters) {
	CLEANUP(free_ptr) char *text = five(lines);
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = policy_of(text);
	bool has_cosigned[WITNESS_POLICY_WITNESSES_MOST] = {false};
	for (; *letters; letters++)
		has_cosigned[*letters - 'A'] = true;
	return witness_policy_is_met(policy, has_cosigned);
}

static void a_quorum_is_met_by_exactly_those_it_names(void **state) {
	assert_true(meets("quorum none\n", ""));
	assert_true(meets("quorum none\ngroup g all A\n", ""));
	assert_false(meets("quorum B\n", ""));
	assert_false(meets("quorum B\n", "ACDE"));
	assert_true(meets("quorum B\n", "B"));
	assert_false(meets("group g 2 A B C\nquorum g\n", "A"));
	assert_false(meets("group g 2 A B C\nquorum g\n", "ADE"));
	assert_true(meets("group g 2 A B C\nquorum g\n", "AC"));
	assert_false(meets("group g all A B C\nquorum g\n", "AC"));
	assert_true(meets("group g all A B C\nquorum g\n", "ACB"));
	assert_false(meets("group g any A B C\nquorum g\n", "DE"));
	assert_true(meets("group g any A B C\nquorum g\n", "C"));
}

static void groups_nest_and_a_later_one_changes_no_quorum_before_it(void **state) {
	static const char nested[] = "group x 2 A B C\ngroup y any D E\ngroup both all x y\nquorum both\n";
	assert_true(meets(nested, "ABD"));
	assert_true(meets(nested, "ABCE"));
	assert_false(meets(nested, "ABC"));
	assert_false(meets(nested, "ADE"));
	assert_false(meets(nested, "DE"));
	assert_true(meets("group x 1 A B\nquorum x\ngroup z all x C D E\n", "B"));
}

static void names_are_bytes_and_words_are_names_where_a_name_stands(void **state) {
	CLEANUP(free_ptr) char *vkey = vkey_of(1, false);
	CLEANUP(free_ptr)
	char *text = xasprintf("witness \xe2\x84\xaa\xff %s\ngroup all all \xe2\x84\xaa\xff\nquorum all\n", vkey);
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = policy_of(text);
	assert_string_equal(policy->witnesses[0].name, "\xe2\x84\xaa\xff");
	assert_null(policy->witnesses[0].url);
	assert_true(witness_policy_is_met(policy, (const bool[WITNESS_POLICY_WITNESSES_MOST]){true}));
}

static void each_fault_is_named_with_its_line(void **state) {
	static const struct {
		const char *lines;
		unsigned line; /* behind the nine of five() */
		const char *why;
	} cases[] = {
		{"", 0, "there is no quorum"},
		{"quorum A", 1, "cut off"},
		{"quorum A\nquorum A\n", 2, "a second quorum"},
		{"quorum A B\n", 1, "takes one name"},
		{"quorum\n", 1, "takes one name"},
		{"quorum F\n", 1, "before this line"},
		{"quorum g\ngroup g all A\n", 1, "before this line"},
		{"group g all A none\n", 1, "before this line"},
		{"group g all g\n", 1, "before this line"},
		{"group g all A\ngroup h all A B\n", 2, "a member of a group already"},
		{"group g all A A\n", 1, "a member of a group already"},
		{"group g all\n", 1, "without members"},
		{"group g\n", 1, "how many"},
		{"group\n", 1, "the name is missing"},
		{"group g 0 A B\n", 1, "needs nobody"},
		{"group g 3 A B\n", 1, "not any, all"},
		{"group g 01 A B\n", 1, "not any, all"},
		{"group g -1 A B\n", 1, "not any, all"},
		{"group g 18446744073709551617 A B\n", 1, "not any, all"},
		{"group none all A\n", 1, "cannot be given"},
		{"group A all B\n", 1, "defined twice"},
		{"witness F " W1 " https://f.example/ more\n", 1, "behind the address"},
		{"witness F " W1 " # a note\n", 1, "behind the address"},
		{"witness F\n", 1, "the key is missing"},
		{"witness\n", 1, "the name is missing"},
		{"witness F " LOG "\n", 1, "not a key"},
		{"witness none " W1 "\n", 1, "cannot be given"},
		{"witness A " W1 "\n", 1, "defined twice"},
		{"witness F " W1 "\nwitness G " W1 "\n", 2, "with this key is there already"},
		{"log " W1 "\n", 1, "not a key"},
		{"log " LOG " https://l.example/\n", 1, "with this key is there already"},
		{"log\n", 1, "the key is missing"},
		{"Quorum A\n", 1, "no log, witness, group or quorum"},
		{"quorum A\r\n", 1, "control character"},
		{"quorum A\x7f\n", 1, "control character"},
		{"quorum\x0b"
		 "A\n",
		 1, "control character"},
	};
	struct witness_policy *policy = NULL;
	struct err err = {0};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *text = five(cases[i].lines);
		assert_false(witness_policy_read(text, strlen(text), "p", &policy, &err));
		if (!strstr(err.why, cases[i].why) || err.line != 9 + cases[i].line)
			fail_msg("%s: line %u: %s", cases[i].lines, err.line, err.why);
		assert_string_equal(err.where, "p");
	}
	assert_false(witness_policy_read("quorum none\n\0", 13, "p", &policy, &err));
	assert_false(witness_policy_read("", 0, "p", &policy, &err));
	assert_null(policy);
}

static void the_caps_on_bytes_logs_witnesses_and_groups_hold(void **state) {
	CLEANUP(buf_done) struct buf large = {0}, logs = {0}, witnesses = {0}, groups = {0};
	struct witness_policy *policy = NULL;
	struct err err;
	buf_adds(&large, "quorum none\n");
	while (large.len < WITNESS_POLICY_LARGEST)
		buf_adds(&large, "\n");
	CLEANUP(witness_policy_free_p) struct witness_policy *largest = policy_of(buf_str(&large));
	assert_non_null(largest);
	buf_adds(&large, "\n");
	buf_adds(&logs, "quorum none\n");
	buf_adds(&witnesses, "quorum none\n");
	for (unsigned i = 0; i <= WITNESS_POLICY_WITNESSES_MOST; i++) {
		CLEANUP(free_ptr) char *log = vkey_of((uint8_t)i, true);
		CLEANUP(free_ptr) char *witness = vkey_of((uint8_t)i, false);
		if (i == WITNESS_POLICY_WITNESSES_MOST) {
			CLEANUP(witness_policy_free_p) struct witness_policy *most_logs = policy_of(buf_str(&logs));
			CLEANUP(witness_policy_free_p) struct witness_policy *most = policy_of(buf_str(&witnesses));
			assert_int_equal(most_logs->log_count, WITNESS_POLICY_LOGS_MOST);
			assert_int_equal(most->witness_count, WITNESS_POLICY_WITNESSES_MOST);
		}
		buf_addf(&logs, "log %s\n", log);
		buf_addf(&witnesses, "witness n%u %s\n", i, witness);
	}
	buf_adds(&groups, "quorum none\nwitness w " W1 "\ngroup g0 any w\n");
	for (unsigned i = 1; i < WITNESS_POLICY_GROUPS_MOST; i++)
		buf_addf(&groups, "group g%u any g%u\n", i, i - 1);
	CLEANUP(witness_policy_free_p) struct witness_policy *most_groups = policy_of(buf_str(&groups));
	assert_int_equal(most_groups->group_count, WITNESS_POLICY_GROUPS_MOST);
	buf_addf(&groups, "group more any g%u\n", WITNESS_POLICY_GROUPS_MOST - 1);
	const struct buf *const over[] = {&large, &logs, &witnesses, &groups};
	for (size_t i = 0; i < ARRAY_LEN(over); i++) {
		assert_false(witness_policy_read(over[i]->data, over[i]->len, "p", &policy, &err));
		assert_int_equal(err.code, ERR_TOO_BIG);
	}
	assert_null(policy);
}

static void a_log_is_believed_by_name_and_key(void **state) {
	CLEANUP(witness_policy_free_p) struct witness_policy *one = policy_of("log " LOG "\nquorum none\n");
	CLEANUP(witness_policy_free_p) struct witness_policy *any = policy_of("quorum none\n");
	CLEANUP(note_verifier_free_p) struct note_verifier *log = NULL, *other = NULL, *renamed = NULL;
	struct err err;
	assert_true(note_verifier_read(LOG, &log, &err));
	CLEANUP(free_ptr) char *same_key = note_vkey("collector.example/other", log->key);
	CLEANUP(free_ptr) char *other_key = vkey_of(1, true);
	assert_true(note_verifier_read(other_key, &other, &err));
	assert_true(note_verifier_read(same_key, &renamed, &err));
	assert_true(witness_policy_has_log(one, log));
	assert_false(witness_policy_has_log(one, other));
	assert_false(witness_policy_has_log(one, renamed));
	assert_true(witness_policy_has_log(any, other));
}

/* A note of the worked example's log with the lines of witnesses by their numbers. */
static void cosign(const struct note_parts *parts, uint8_t number, struct buf *note) {
	const uint8_t seed[32] = {number};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(free_ptr) char *name = xasprintf("w%u.example", (unsigned)number);
	struct err err;
	assert_true(key_from_seed(seed, &key, &err));
	assert_true(cosignature_sign(parts->text, parts->text_len, name, key, 1000 + number, note, &err));
}

static void a_note_is_held_against_the_policy(void **state) {
	CLEANUP(free_ptr) char *text = five("group g 2 A B C\nquorum g\n");
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = policy_of(text);
	CLEANUP(buf_done) struct buf note = {0};
	struct witness_policy_view view;
	struct note_parts parts;
	struct err err;
	assert_true(file_read(TESTS_DIR "/vectors/worked/checkpoint", NOTE_LARGEST, &note, &err));
	assert_true(note_split(note.data, note.len, &parts, &err));
	CLEANUP(free_ptr) char *copy = xstrndup(parts.text, parts.text_len);
	parts.text = copy;
	assert_true(witness_policy_view(policy, note.data, note.len, &view, &err));
	assert_int_equal(view.count, 0); /* the example's own witness is none of the policy's */
	assert_false(view.is_met);
	cosign(&parts, 1, &note);
	cosign(&parts, 1, &note); /* twice is once */
	cosign(&parts, 4, &note); /* not of the group */
	assert_true(witness_policy_view(policy, note.data, note.len, &view, &err));
	assert_int_equal(view.count, 2);
	assert_false(view.is_met);
	cosign(&parts, 2, &note);
	assert_true(witness_policy_view(policy, note.data, note.len, &view, &err));
	assert_int_equal(view.count, 3);
	assert_true(view.is_met);
	assert_int_equal(view.cosigned[2].time, 1002);
	parts.text_len--; /* over another text */
	cosign(&parts, 0, &note);
	assert_false(witness_policy_view(policy, note.data, note.len, &view, &err));
	assert_string_equal(err.where, "w0.example");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quorum_is_met_by_exactly_those_it_names),
		cmocka_unit_test(groups_nest_and_a_later_one_changes_no_quorum_before_it),
		cmocka_unit_test(names_are_bytes_and_words_are_names_where_a_name_stands),
		cmocka_unit_test(each_fault_is_named_with_its_line),
		cmocka_unit_test(the_caps_on_bytes_logs_witnesses_and_groups_hold),
		cmocka_unit_test(a_log_is_believed_by_name_and_key),
		cmocka_unit_test(a_note_is_held_against_the_policy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
