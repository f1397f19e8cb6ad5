#include "collector/api.h"

#include "collector/marks.h"
#include "collector/summary.h"
#include "core/text.h"
#include "core/times.h"

#define LIMIT_STANDARD 100
#define LIMIT_MOST 1000

static json_t *time_json(int64_t instant) {
	char text[TIMES_TEXT];
	return instant ? json_string(times_format(instant, text)) : json_null();
}

static void reply_named(struct visit *visit, const char *name, json_t *value) {
	CLEANUP(json_decref_p) json_t *answer = json_object();
	json_object_set_new(answer, name, value);
	http_json(visit->request, 200, answer);
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

struct host_list {
	json_t *by_id;
	struct marks marks;
};

static void host_list_done(struct host_list *list) {
	json_decref(list->by_id);
	marks_done(&list->marks);
}

static void add_host(void *context, const struct store_host *host) {
	struct host_list *list = context;
	struct err err;
	json_t *policies = NULL;
	if (!json_read(host->policies, strlen(host->policies), 1 << 20, "policies", &policies, &err))
		policies = json_array();
	json_t *object = json_object();
	json_object_set_new(object, "id", json_text(host->id));
	json_object_set_new(object, "name", json_text(host->name));
	json_object_set_new(object, "os", json_text(host->os));
	json_object_set_new(object, "environment", json_text(host->environment));
	json_object_set_new(object, "group", json_text(host->group));
	json_object_set_new(object, "sequence", json_integer(host->sequence));
	json_object_set_new(object, "lastCollectedAt", time_json(host->collected));
	json_object_set_new(object, "lastReceivedAt", time_json(host->received));
	json_object_set_new(object, "policies", policies);
	json_object_set_new(object, "results", json_object());
	json_object_set_new(list->by_id, host->id, object);
}

/* Beside each policy who approved it. */
static bool add_approvals(struct host_list *list, struct err *err) {
	const char *id;
	json_t *host, *policy, *approval;
	size_t index;
	json_object_foreach(list->by_id, id, host)
		json_array_foreach(json_object_get(host, "policies"), index, policy) {
		const char *sha256 = json_string_value(json_object_get(policy, "sha256"));
		if (!marks_json(&list->marks, sha256 ? sha256 : "", &approval, err))
			return false;
		json_object_set_new(policy, "approval", approval);
	}
	return true;
}

static bool count_result(void *context, const struct store_result *result) {
	const struct host_list *list = context;
	json_t *counts = json_object_get(json_object_get(list->by_id, result->host), "results");
	json_int_t count = json_integer_value(json_object_get(counts, result->verdict));
	json_object_set_new(counts, result->verdict, json_integer(count + 1));
	return true;
}

void api_hosts(struct visit *visit) {
	struct store *store = visit->collector->store;
	CLEANUP(host_list_done) struct host_list list = {.by_id = json_object()};
	const struct store_filter all = {0};
	struct err err;
	marks_open(&list.marks, visit->collector->folder, store, visit->now);
	if (!store_hosts(store, add_host, &list, &err) || !store_results(store, &all, count_result, &list, &err) ||
	    !add_approvals(&list, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	json_t *hosts = json_array(), *host;
	const char *id;
	json_object_foreach(list.by_id, id, host) json_array_append(hosts, host);
	reply_named(visit, "hosts", hosts);
}

/* --- controls ----------------------------------------------------------------------------------------------------- */

static json_t *control_json(const struct summary_control *row) {
	json_t *hosts = json_object(), *object = json_object();
	for (unsigned state = 0; state < CONTROL_STATES; state++)
		json_object_set_new(hosts, control_state_key((enum control_state)state),
				    json_integer(row->hosts[state]));
	json_object_set_new(object, "id", json_text(row->control->id));
	json_object_set_new(object, "title", json_text(row->control->title));
	json_object_set_new(object, "theme", json_text(row->control->theme));
	json_object_set_new(object, "isNew", json_boolean(row->control->is_new));
	json_object_set_new(object, "hosts", hosts);
	return object;
}

void api_controls(struct visit *visit) {
	CLEANUP(summary_done) struct summary summary = {0};
	CLEANUP(json_decref_p) json_t *answer = json_object();
	struct err err;
	if (!summary_make(visit->collector, visit->now, &summary, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	json_t *controls = json_array();
	for (size_t i = 0; i < summary.count; i++)
		json_array_append_new(controls, control_json(&summary.controls[i]));
	json_object_set_new(answer, "framework", json_text(visit->collector->catalogue->framework));
	json_object_set_new(answer, "controls", controls);
	http_json(visit->request, 200, answer);
}

/* --- pages of results and statements ------------------------------------------------------------------------------ */

struct asked { /* what the query asks for; owned */
	char *host, *control, *rule, *verdict, *limit_text, *after;
	size_t limit;
};

static void asked_done(struct asked *asked) {
	free(asked->host);
	free(asked->control);
	free(asked->rule);
	free(asked->verdict);
	free(asked->limit_text);
	free(asked->after);
}

/* False: answered with 400. */
static bool read_asked(struct visit *visit, struct asked *asked) {
	static const char *const known[] = {"host", "control", "rule", "verdict", "limit", "after", NULL};
	unsigned long long limit = LIMIT_STANDARD;
	CLEANUP(free_ptr) char *unknown = http_query_unknown(visit->request, known);
	if (unknown) {
		http_error(visit->request, 400, "there is no parameter \"%s\"", unknown);
		return false;
	}
	asked->host = http_query(visit->request, "host");
	asked->control = http_query(visit->request, "control");
	asked->rule = http_query(visit->request, "rule");
	asked->verdict = http_query(visit->request, "verdict");
	asked->limit_text = http_query(visit->request, "limit");
	asked->after = http_query(visit->request, "after");
	if (asked->limit_text && (!text_to_u64(asked->limit_text, LIMIT_MOST, &limit) || limit == 0)) {
		http_error(visit->request, 400, "limit is not a number from 1 to %d", LIMIT_MOST);
		return false;
	}
	asked->limit = (size_t)limit;
	return true;
}

struct gather {
	const struct asked *asked;
	json_t *rows;
	char *next; /* where the next page begins; owned; NULL: there is none */
	char *last;
	int64_t now;
	struct store *store;
	struct marks marks;
	json_t *hosts; /* {id: marks_host}; NULL: nobody asked yet */
	struct err *fault;
};

static void gather_done(struct gather *gather) {
	json_decref(gather->rows);
	json_decref(gather->hosts);
	free(gather->next);
	free(gather->last);
	marks_done(&gather->marks);
}

static void reply_gathered(struct visit *visit, const char *name, struct gather *gather) {
	CLEANUP(json_decref_p) json_t *answer = json_object();
	json_object_set(answer, name, gather->rows);
	json_object_set_new(answer, "next", gather->next ? json_text(gather->next) : json_null());
	http_json(visit->request, 200, answer);
}

static void keep_host(void *context, const struct store_host *host) {
	json_object_set_new(context, host->id, marks_host(host));
}

/* Of a result's waiver whether it is signed; null where there are no keys to say so. */
static bool mark_waiver(struct gather *gather, const char *host, const json_t *row, struct err *err) {
	json_t *waiver = json_object_get(row, "waiver");
	bool is_signed = false;
	if (!json_is_object(waiver))
		return true;
	if (!marks_can(&gather->marks))
		return json_object_set_new(waiver, "signed", json_null()) == 0;
	if (!gather->hosts) {
		gather->hosts = json_object();
		if (!store_hosts(gather->store, keep_host, gather->hosts, err))
			return false;
	}
	if (!marks_sign(&gather->marks, json_object_get(gather->hosts, host), row, &is_signed, err))
		return false;
	json_object_set_new(waiver, "signed", json_boolean(is_signed));
	return true;
}

static bool mark_row(struct gather *gather, const char *host, json_t *row, struct err *err) {
	const char *policy = json_string_value(json_object_get(row, "policy"));
	json_t *approval;
	json_object_del(row, "approval"); /* a host's own word is none */
	if (policy && !marks_json(&gather->marks, policy, &approval, err))
		return false;
	if (policy)
		json_object_set_new(row, "approval", approval);
	return mark_waiver(gather, host, row, err);
}

static json_t *result_row(const struct store_result *result, int64_t now) {
	struct err err;
	json_t *row = NULL;
	if (!json_read(result->json, strlen(result->json), 16 << 20, "result", &row, &err))
		row = json_object();
	json_object_del(row, "blind");
	json_object_set_new(row, "host", json_text(result->host));
	json_object_set_new(row, "statement", json_text(result->statement));
	json_object_set_new(row, "receivedAt", time_json(result->received));
	json_object_set_new(row, "lookedAt", time_json(result->collected));
	json_object_set_new(row, "standsUntil", time_json(result->expires));
	json_object_set_new(row, "state", json_string(rule_state_name(summary_rule_state(result, now))));
	return row;
}

static bool gather_result(void *context, const struct store_result *result) {
	struct gather *gather = context;
	if (gather->asked->verdict && strcmp(gather->asked->verdict, result->verdict) != 0)
		return true;
	if (json_array_size(gather->rows) == gather->asked->limit) {
		gather->next = xstrdup(gather->last);
		return false;
	}
	json_t *row = result_row(result, gather->now);
	json_array_append_new(gather->rows, row);
	free(gather->last);
	gather->last = xasprintf("%s/%s", result->host, result->rule);
	return mark_row(gather, result->host, row, gather->fault);
}

void api_results(struct visit *visit) {
	CLEANUP(asked_done) struct asked asked = {0};
	CLEANUP(gather_done)
	struct gather gather = {
		.asked = &asked, .rows = json_array(), .now = visit->now, .store = visit->collector->store};
	struct err err = {0};
	gather.fault = &err;
	if (!read_asked(visit, &asked))
		return;
	marks_open(&gather.marks, visit->collector->folder, visit->collector->store, visit->now);
	char *slash = asked.after ? strchr(asked.after, '/') : NULL;
	if (slash)
		*slash = '\0';
	const struct store_filter filter = {
		.host = asked.host,
		.rule = asked.rule,
		.control = asked.control,
		.after_host = asked.after,
		.after_rule = slash ? slash + 1 : NULL,
		.with_json = true,
	};
	if (!store_results(visit->collector->store, &filter, gather_result, &gather, &err) || err.code != ERR_NONE)
		http_fault(visit->request, &err);
	else
		reply_gathered(visit, "results", &gather);
}

static void gather_statement(void *context, const struct store_statement *statement) {
	struct gather *gather = context;
	if (json_array_size(gather->rows) == gather->asked->limit) {
		gather->next = xstrdup(gather->last);
		return;
	}
	json_t *row = json_object();
	json_object_set_new(row, "digest", json_text(statement->digest));
	json_object_set_new(row, "host", json_text(statement->host));
	json_object_set_new(row, "type", json_text(statement->type));
	json_object_set_new(row, "sequence", json_integer(statement->sequence));
	json_object_set_new(row, "index", json_integer(statement->index));
	json_object_set_new(row, "receivedAt", time_json(statement->received));
	json_array_append_new(gather->rows, row);
	free(gather->last);
	gather->last = xasprintf("%lld", (long long)statement->index);
}

/* Index 0 has nothing behind it, and store_statements() takes 0 for "from the newest". */
void api_statements(struct visit *visit) {
	CLEANUP(asked_done) struct asked asked = {0};
	CLEANUP(gather_done) struct gather gather = {.asked = &asked, .rows = json_array()};
	unsigned long long after = 0;
	struct err err;
	if (!read_asked(visit, &asked))
		return;
	if (asked.after && (!text_to_u64(asked.after, INT64_MAX, &after) || after == 0)) {
		http_error(visit->request, 400, "after is not what \"next\" said");
		return;
	}
	if (!store_statements(visit->collector->store, asked.host, (int64_t)after, (int64_t)asked.limit + 1,
			      gather_statement, &gather, &err))
		http_fault(visit->request, &err);
	else
		reply_gathered(visit, "statements", &gather);
}
