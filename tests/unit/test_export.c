/* Which statements and which anchors an audit package holds. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/export_anchors.h"
#include "cli/export_select.h"
#include "core/key.h"
#include "core/times.h"

#define DAY 86400LL
#define NOON 1795348800LL /* 2026-11-22T12:00:00Z */
#define WEB "11111111-1111-1111-1111-111111111111"
#define DB "22222222-2222-2222-2222-222222222222"
#define COLLECTOR "33333333-3333-3333-3333-333333333333"
#define MOST 64

/* A collector's evidence: statement i is entry i of the log. */
static struct evidence_kept {
	char *line;
	char host[37], type[16];
	int64_t received;
} kept[MOST];
static size_t kept_count;
static EVP_PKEY *key;

struct said {
	const char *host, *type;
	int64_t received;
	bool full;
	const char *policy;  /* that a round names, or whose body it is */
	const char *purpose; /* of an enrolment */
};

static void say(struct said said) {
	static const char base64[] = "MCowBQYDK2VwAyEAjTqkHQPJZ7ZKp7x+7OlQos2rozHIMx6+XpBjvXP4lZA=";
	const bool enrols = !strcmp(said.type, "enrolment"), begins = !strcmp(said.type, "epoch");
	CLEANUP(buf_done) struct buf payload = {0}, text = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	char hex[HASH_HEX], received[TIMES_TEXT];
	const struct hash body = said.policy ? hash_of(said.policy, strlen(said.policy)) : hash_of("", 0);
	json_t *policies =
		said.policy && !strcmp(said.type, "round")
			? json_pack("[{s:s,s:s,s:s}]", "id", "p", "version", "1", "sha256", hash_hex(&body, hex))
			: json_array();
	json_t *state =
		said.full ? json_pack("{s:s,s:i}", "root", hash_hex(&body, (char[HASH_HEX]){0}), "size", 0) : NULL;
	const struct statement statement = {
		.type = (char *)said.type,
		.host_id = (char *)said.host,
		.host_name = (char *)(!strcmp(said.host, WEB)  ? "web"
				      : !strcmp(said.host, DB) ? "db"
							       : "collector"),
		.host_os = (char *)"",
		.environment = (char *)"",
		.framework = (char *)"iso27001:2022",
		.sequence = enrols ? 1 : (int64_t)kept_count + 2,
		.previous = (char *)(enrols ? "" : hash_hex(&(struct hash){{1}}, (char[HASH_HEX]){0})),
		.boot_id = (char *)"",
		.trigger = (char *)"manual",
		.started_at = said.received,
		.finished_at = said.received,
		.policies = policies,
		.full = said.full,
		.state = state,
		.evidence_key = (char *)(enrols ? base64 : NULL),
		.transport_key =
			(char *)(enrols && (!said.purpose || strcmp(said.purpose, "collector") != 0) ? base64 : NULL),
		.purpose = (char *)said.purpose,
		.epoch_key = (char *)(begins ? base64 : NULL),
		.reason = (char *)(begins ? "boot" : NULL),
		.last_boot_id = (char *)(begins ? "" : NULL),
		.body_name = (char *)"body",
		.body_sha256 = body,
	};
	struct err err;
	if (!statement_write(&statement, &payload, &err))
		fail_msg("%s: %s", err.where, err.why);
	assert_true(dsse_seal(DSSE_INTOTO, payload.data, payload.len, key, "", &envelope, &err));
	CLEANUP(json_decref_p)
	json_t *line =
		json_pack("{s:o,s:I,s:i,s:s}", "envelope", dsse_to_json(envelope), "index", (json_int_t)kept_count,
			  "line", 1, "receivedAt", times_format(said.received, received));
	assert_true(json_canonical(line, &text, &err));
	struct evidence_kept *at = &kept[kept_count++];
	*at = (struct evidence_kept){.line = buf_take(&text), .received = said.received};
	snprintf(at->host, sizeof at->host, "%s", said.host);
	snprintf(at->type, sizeof at->type, "%s", said.type);
	json_decref(policies);
	json_decref(state);
}

static bool get(void *context, const struct evidence_query *query, evidence_visit visit, void *visit_context,
		struct err *err) {
	for (size_t i = 0; i < kept_count; i++) {
		CLEANUP(evidence_done) struct evidence e = {0};
		if ((query->host && strcmp(query->host, kept[i].host) != 0) ||
		    (query->type && strcmp(query->type, kept[i].type) != 0) || kept[i].received < query->from ||
		    kept[i].received >= query->to)
			continue;
		if (!evidence_read(kept[i].line, strlen(kept[i].line), &e, err) ||
		    !visit(visit_context, kept[i].line, strlen(kept[i].line), &e, err))
			return false;
	}
	return true;
}

static int forget_all(void **state) {
	while (kept_count > 0)
		free(kept[--kept_count].line);
	return 0;
}

static bool try_select(const char *const *hosts, struct selection *ret_selection, struct err *err) {
	const struct evidence_source source = {get, NULL};
	const struct selection_query query = {.hosts = hosts, .from = NOON, .to = NOON + DAY};
	return select_statements(&source, &query, ret_selection, err);
}

/* "0 3 4": the indexes that are selected. */
static void assert_selected(const char *const *hosts, const char *wanted) {
	CLEANUP(selection_done) struct selection selection = {.gathered.scratch = -1};
	CLEANUP(buf_done) struct buf got = {0};
	struct err err;
	if (!try_select(hosts, &selection, &err))
		fail_msg("%s: %s", err.where, err.why);
	for (size_t i = 0; i < selection.gathered.count; i++)
		buf_addf(&got, "%s%lld", i ? " " : "", (long long)selection.gathered.items[i].index);
	assert_string_equal(buf_str(&got), wanted);
}

static const char *const all[] = {NULL}, *const web[] = {"web", NULL};

static void the_period_and_the_last_full_round_before_it(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - 10 * DAY});          /* 0 */
	say((struct said){.host = WEB, .type = "round", .received = NOON - 9 * DAY, .full = true}); /* 1 */
	say((struct said){
		.host = WEB, .type = "round", .received = NOON - DAY - 60, .full = true}); /* 2: the last full one */
	say((struct said){.host = WEB, .type = "round", .received = NOON - 60});           /* 3: behind it */
	say((struct said){.host = WEB, .type = "spool-full", .received = NOON - 30});      /* 4: behind it */
	say((struct said){.host = WEB, .type = "round", .received = NOON});                /* 5 */
	say((struct said){.host = WEB, .type = "round", .received = NOON + DAY - 1});      /* 6 */
	say((struct said){.host = WEB, .type = "round", .received = NOON + DAY});          /* 7: behind the period */
	assert_selected(all, "0 2 3 4 5 6");
}

static void a_full_round_of_long_ago_is_found(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - 100 * DAY});
	say((struct said){.host = WEB, .type = "round", .received = NOON - 90 * DAY, .full = true});
	say((struct said){.host = WEB, .type = "round", .received = NOON - 50 * DAY, .full = true});
	say((struct said){.host = WEB, .type = "round", .received = NOON - 49 * DAY});
	say((struct said){.host = WEB, .type = "round", .received = NOON - 1 * DAY});
	assert_selected(all, "0 2 3 4");
}

static void without_a_full_round_before_it_no_round_before_it_counts(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - 3 * DAY});
	say((struct said){.host = WEB, .type = "round", .received = NOON - 2 * DAY});
	say((struct said){.host = WEB, .type = "round", .received = NOON + 1});
	assert_selected(all, "0 2");
}

static void enrolments_and_epochs_of_all_time_and_policies_that_are_named(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - 30 * DAY}); /* 0 */
	say((struct said){.host = WEB, .type = "epoch", .received = NOON - 30 * DAY});     /* 1 */
	say((struct said){
		.host = WEB, .type = "policy", .received = NOON - 30 * DAY, .policy = "old"}); /* 2: named by none */
	say((struct said){
		.host = WEB, .type = "round", .received = NOON - 30 * DAY, .full = true, .policy = "old"});      /* 3 */
	say((struct said){.host = WEB, .type = "policy", .received = NOON - 20 * DAY, .policy = "new"});         /* 4 */
	say((struct said){.host = WEB, .type = "policy", .received = NOON - 20 * DAY, .policy = "newest"});      /* 5 */
	say((struct said){.host = WEB, .type = "epoch", .received = NOON - 10 * DAY});                           /* 6 */
	say((struct said){.host = WEB, .type = "round", .received = NOON - DAY, .full = true, .policy = "new"}); /* 7 */
	say((struct said){.host = WEB, .type = "round", .received = NOON, .full = true, .policy = "newest"});    /* 8 */
	assert_selected(all, "0 1 4 5 6 7 8");
}

static void the_collectors_own_line_is_there_whole(void **state) {
	say((struct said){
		.host = COLLECTOR, .type = "enrolment", .received = NOON - 30 * DAY, .purpose = "collector"}); /* 0 */
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - 30 * DAY});                     /* 1 */
	say((struct said){.host = COLLECTOR, .type = "erasure", .received = NOON - 20 * DAY});                 /* 2 */
	say((struct said){.host = WEB, .type = "round", .received = NOON, .full = true});                      /* 3 */
	say((struct said){.host = COLLECTOR, .type = "erasure", .received = NOON + 20 * DAY});                 /* 4 */
	assert_selected(web, "0 1 2 3 4");
}

static void other_hosts_are_left_out(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - DAY});
	say((struct said){.host = DB, .type = "enrolment", .received = NOON - DAY});
	say((struct said){.host = DB, .type = "round", .received = NOON, .full = true});
	say((struct said){.host = WEB, .type = "round", .received = NOON, .full = true});
	assert_selected(web, "0 3");
	assert_selected((const char *const[]){DB, NULL}, "1 2");
	assert_selected(all, "0 1 2 3");
}

static void a_host_that_enrolled_behind_the_period_is_not_of_it(void **state) {
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - DAY});
	say((struct said){.host = DB, .type = "enrolment", .received = NOON + 2 * DAY});
	assert_selected(all, "0");
}

static void a_host_that_there_is_not_is_an_error(void **state) {
	static const char *const asked[] = {"mail", NULL};
	struct selection selection;
	struct err err;
	say((struct said){.host = WEB, .type = "enrolment", .received = NOON - DAY});
	assert_false(try_select(asked, &selection, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.where, "mail");
}

static void the_anchors_that_are_needed(void **state) {
	const uint64_t indexes[] = {3, 4, 20}, named[] = {9};
	const struct anchors_wanted wanted = {indexes, 3, named, 1};
	assert_false(anchor_is_needed(&wanted, 0, 2, 5)); /* covers none of them */
	assert_false(anchor_is_needed(&wanted, 0, 3, 5)); /* entry 3 is behind it */
	assert_true(anchor_is_needed(&wanted, 2, 5, 8));  /* the first that covers 3 and 4 */
	assert_true(anchor_is_needed(&wanted, 5, 8, 10)); /* the last that is smaller than 9 */
	assert_true(anchor_is_needed(&wanted, 5, 8, 9));
	assert_false(anchor_is_needed(&wanted, 8, 9, 10)); /* as large: when it was signed says nothing of before */
	assert_false(anchor_is_needed(&wanted, 8, 10, 20));
	assert_true(anchor_is_needed(&wanted, 10, 21, 30)); /* the first that covers 20 */
	assert_false(anchor_is_needed(&wanted, 21, 30, 40));
	assert_true(anchor_is_needed(&wanted, 30, 40, UINT64_MAX)); /* the newest that covers all */
	assert_false(anchor_is_needed(&wanted, 10, 15, UINT64_MAX));
}

int main(void) {
	struct err err;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_period_and_the_last_full_round_before_it, forget_all),
		cmocka_unit_test_teardown(a_full_round_of_long_ago_is_found, forget_all),
		cmocka_unit_test_teardown(without_a_full_round_before_it_no_round_before_it_counts, forget_all),
		cmocka_unit_test_teardown(enrolments_and_epochs_of_all_time_and_policies_that_are_named, forget_all),
		cmocka_unit_test_teardown(the_collectors_own_line_is_there_whole, forget_all),
		cmocka_unit_test_teardown(other_hosts_are_left_out, forget_all),
		cmocka_unit_test_teardown(a_host_that_enrolled_behind_the_period_is_not_of_it, forget_all),
		cmocka_unit_test_teardown(a_host_that_there_is_not_is_an_error, forget_all),
		cmocka_unit_test(the_anchors_that_are_needed),
	};
	if (!key_make_ed25519(&key, &err))
		return 1;
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key);
	return failed;
}
