/* What was found about hosts, and what was refused of them. */
#include "collector/api.h"
#include "core/text.h"
#include "core/times.h"

#define LIMIT_STANDARD 100
#define LIMIT_MOST 1000

struct gather {
	json_t *rows;
	size_t limit;
	int64_t last;
	bool has_more;
};

static void gather_done(struct gather *gather) { json_decref(gather->rows); }

static void add_finding(void *context, const struct store_finding *finding) {
	struct gather *gather = context;
	char at[TIMES_TEXT];
	if (json_array_size(gather->rows) == gather->limit) {
		gather->has_more = true;
		return;
	}
	json_t *row = json_object();
	json_object_set_new(row, "id", json_integer(finding->id));
	json_object_set_new(row, "host", json_text(finding->host));
	json_object_set_new(row, "kind", json_text(finding->kind));
	json_object_set_new(row, "at", json_string(times_format(finding->at, at)));
	json_object_set_new(row, "text", json_text(finding->text));
	json_object_set_new(row, "statement", json_text(finding->statement));
	json_array_append_new(gather->rows, row);
	gather->last = finding->id;
}

/* False: answered with 400. */
static bool read_number(struct visit *visit, const char *name, unsigned long long least, unsigned long long most,
			unsigned long long *number) {
	CLEANUP(free_ptr) char *text = http_query(visit->request, name);
	if (!text || (text_to_u64(text, most, number) && *number >= least))
		return true;
	http_error(visit->request, 400, "%s is not a number from %llu to %llu", name, least, most);
	return false;
}

void api_findings(struct visit *visit) {
	static const char *const known[] = {"host", "after", "limit", NULL};
	CLEANUP(free_ptr) char *unknown = http_query_unknown(visit->request, known);
	CLEANUP(free_ptr) char *host = http_query(visit->request, "host");
	CLEANUP(gather_done) struct gather gather = {.rows = json_array()};
	CLEANUP(json_decref_p) json_t *answer = json_object();
	unsigned long long after = 0, limit = LIMIT_STANDARD;
	struct err err;
	if (unknown) {
		http_error(visit->request, 400, "there is no parameter \"%s\"", unknown);
		return;
	}
	if (!read_number(visit, "after", 0, INT64_MAX, &after) || !read_number(visit, "limit", 1, LIMIT_MOST, &limit))
		return;
	gather.limit = (size_t)limit;
	if (!store_findings(visit->collector->store, host, (int64_t)after, (int64_t)limit + 1, add_finding, &gather,
			    &err)) {
		http_fault(visit->request, &err);
		return;
	}
	CLEANUP(free_ptr) char *next = xasprintf("%lld", (long long)gather.last);
	json_object_set(answer, "findings", gather.rows);
	json_object_set_new(answer, "next", gather.has_more ? json_string(next) : json_null());
	http_json(visit->request, 200, answer);
}

void api_refused(struct visit *visit) {
	CLEANUP(buf_done) struct buf envelope = {0};
	struct err err;
	if (store_refused(visit->collector->store, visit->rest, &envelope, &err))
		http_reply(visit->request, 200, "application/json", envelope.data, envelope.len);
	else if (err.code == ERR_ABSENT)
		http_error(visit->request, 404, "%s", err.why);
	else
		http_fault(visit->request, &err);
}
