/* The page of one control: population, rules in plain words with counts of hosts, and each host's result down to what
 * was observed. Rules that decide the control come first. */
#include "collector/show.h"
#include "core/result.h"

#define ROWS_A_RULE 200 /* hosts shown for each rule, the worst first; the JSON has them all */
#define ROWS_MOST 20000 /* results read for one page */

struct row {                        /* one result, copied out of the store */
	struct store_result result; /* its strings are owned */
	json_t *json;
	enum rule_state state;
	bool is_deciding;
};

struct rows {
	struct row *all;
	size_t count, room;
	const char *control;
	int64_t now;
	bool is_cut;
};

static void rows_done(struct rows *rows) {
	for (size_t i = 0; i < rows->count; i++) {
		struct store_result *r = &rows->all[i].result;
		free((char *)r->host);
		free((char *)r->rule);
		free((char *)r->statement);
		free((char *)r->json);
		free((char *)r->changed);
		json_decref(rows->all[i].json);
	}
	free(rows->all);
}

static bool add_row(void *context, const struct store_result *result) {
	struct rows *rows = context;
	struct err err;
	bool is_first;
	json_t *json = NULL;
	if (!summary_has_control(result->controls, rows->control, &is_first))
		return true;
	rows->is_cut = rows->count == ROWS_MOST;
	if (rows->is_cut || !json_read(result->json, strlen(result->json), 16 << 20, "result", &json, &err))
		return !rows->is_cut;
	if (rows->count == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->all = xreallocarray(rows->all, rows->room, sizeof *rows->all);
	}
	struct row *row = &rows->all[rows->count++];
	*row = (struct row){.result = *result, .json = json, .is_deciding = result->key && is_first};
	row->state = summary_rule_state(result, rows->now);
	row->result.host = xstrdup(result->host);
	row->result.rule = xstrdup(result->rule);
	row->result.statement = xstrdup(result->statement);
	row->result.json = xstrdup(result->json);
	row->result.changed = xstrdup(result->changed);
	return true;
}

/* Deciding rules first, then by rule, the worst state first, then by host. */
static int compare_rows(const void *left, const void *right) {
	const struct row *a = left, *b = right;
	if (a->is_deciding != b->is_deciding)
		return a->is_deciding ? -1 : 1;
	int by_rule = strcmp(a->result.rule, b->result.rule);
	if (by_rule)
		return by_rule;
	return a->state != b->state ? (int)a->state - (int)b->state : strcmp(a->result.host, b->result.host);
}

static const char *member(const struct row *row, const char *name) {
	const char *text = json_string_value(json_object_get(row->json, name));
	return text ? text : "";
}

struct hosts {                 /* what is said of each beside its results */
	json_t *names, *items; /* {id: name}; {id: marks_host} */
	struct marks marks;
};

static void hosts_done(struct hosts *hosts) {
	json_decref(hosts->names);
	json_decref(hosts->items);
	marks_done(&hosts->marks);
}

static void add_host(void *context, const struct store_host *host) {
	struct hosts *hosts = context;
	json_object_set_new(hosts->names, host->id, json_text(host->name[0] ? host->name : host->id));
	json_object_set_new(hosts->items, host->id, marks_host(host));
}

static const json_t *host_of(const struct hosts *hosts, const struct row *row) {
	return json_object_get(hosts->items, row->result.host);
}

static bool write_row(struct page *page, const struct row *row, struct hosts *hosts, struct err *err) {
	const char *name = json_string_value(json_object_get(hosts->names, row->result.host));
	CLEANUP(free_ptr) char *link = xasprintf("/hosts/%s", row->result.host);
	page_open(page, "tr", NULL);
	page_open(page, "th", "scope", "row", NULL);
	page_element(page, "a", name ? name : row->result.host, "href", link, NULL);
	page_close(page);
	page_open(page, "td", NULL);
	page_state(page, rule_state_name(row->state));
	if (row->state == RULE_GAP)
		page_textf(page, " last seen: %s", member(row, "verdict"));
	page_close(page);
	page_open(page, "td", NULL);
	page_text(page, result_brief(member(row, "reason")));
	show_changed_verdict(page, row->json, row->result.changed);
	page_open(page, "details", NULL);
	page_element(page, "summary", "what was observed, and how to verify it", NULL);
	const bool is_shown = show_result_detail(page, &hosts->marks, host_of(hosts, row), &row->result, err);
	page_close(page);
	page_close(page);
	page_close(page);
	return is_shown;
}

static void write_counts(struct page *page, const struct row *rows, size_t count) {
	unsigned states[RULE_STATES] = {0};
	for (size_t i = 0; i < count; i++)
		states[rows[i].state]++;
	page_open(page, "p", NULL);
	page_text(page, "Hosts: ");
	for (unsigned state = 0; state < RULE_STATES; state++) {
		if (states[state] == 0)
			continue;
		page_state(page, rule_state_name((enum rule_state)state));
		page_textf(page, " %u \xc2\xa0 ", states[state]);
	}
	page_close(page);
}

static void write_about(struct page *page, const struct row *row) {
	page_element(page, "h3", member(row, "title"), NULL);
	page_open(page, "p", "class", "note", NULL);
	page_element(page, "code", row->result.rule, NULL);
	page_textf(page, " \xc2\xb7 %s \xc2\xb7 %s severity \xc2\xb7 %s", member(row, "kind"), member(row, "severity"),
		   row->is_deciding ? "decides this control" : "informs");
	page_close(page);
	if (member(row, "why")[0])
		page_element(page, "p", member(row, "why"), NULL);
}

/* What would have the hosts on which nothing was looked at looked at. */
static void write_unchecked(struct page *page, const struct row *rows, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (rows[i].state != RULE_NOTCHECKED)
			continue;
		page_element(
			page, "p",
			"Not checked until the organisation says so: where the reason names a probe, a line in "
			"/etc/vouch/approvals on the host lets it be made; where it names a parameter, a policy on "
			"top of this one sets it.",
			"class", "note", NULL);
		return;
	}
}

/* count rows of one rule. */
static bool write_rule(struct page *page, const struct row *rows, size_t count, struct hosts *hosts, struct err *err) {
	page_open(page, "section", "class", "rule", NULL);
	write_about(page, &rows[0]);
	write_counts(page, rows, count);
	if (rows[0].state == RULE_FAIL && member(&rows[0], "fix")[0]) {
		page_open(page, "p", NULL);
		page_textf(page, "To fix it: %s", member(&rows[0], "fix"));
		page_close(page);
	}
	write_unchecked(page, rows, count);
	page_open(page, "table", NULL);
	page_open(page, "tbody", NULL);
	for (size_t i = 0; i < count && i < ROWS_A_RULE; i++)
		if (!write_row(page, &rows[i], hosts, err))
			return false;
	page_close(page);
	page_close(page);
	if (count > ROWS_A_RULE) {
		page_open(page, "p", "class", "note", NULL);
		page_textf(page, "%zu hosts more: see /api/v1/results?rule=%s", count - ROWS_A_RULE,
			   rows[0].result.rule);
		page_close(page);
	}
	page_close(page);
	return true;
}

/* Each policy that one of the results was judged by, once. */
static bool write_policies(struct page *page, const struct rows *rows, struct hosts *hosts, struct err *err) {
	CLEANUP(json_decref_p) json_t *seen = json_object();
	CLEANUP(json_decref_p) json_t *policies = json_array();
	for (size_t i = 0; i < rows->count; i++) {
		const char *sha256 = member(&rows->all[i], "policy");
		if (!*sha256 || json_object_get(seen, sha256))
			continue;
		json_t *policy = marks_find(host_of(hosts, &rows->all[i]), sha256, NULL);
		json_object_set_new(seen, sha256, json_true());
		json_array_append_new(policies, policy ? policy : json_pack("{s:s}", "sha256", sha256));
	}
	if (json_array_size(policies) == 0)
		return true;
	page_element(page, "h2", "Policies", NULL);
	return show_approvals(page, &hosts->marks, policies, err);
}

static bool write_rules(struct page *page, const struct rows *rows, struct hosts *hosts, struct err *err) {
	if (rows->count == 0)
		page_element(page, "p",
			     "No rule of any host's policy supports this control. That says nothing about the control.",
			     NULL);
	for (size_t i = 0, next; i < rows->count; i = next) {
		for (next = i; next < rows->count && !strcmp(rows->all[next].result.rule, rows->all[i].result.rule);)
			next++;
		if (!write_rule(page, &rows->all[i], next - i, hosts, err))
			return false;
	}
	if (rows->is_cut)
		page_element(page, "p", "There are more results than a page shows; the JSON has them all.", "class",
			     "warning", NULL);
	return true;
}

static void write_states(struct page *page, const struct summary *summary, const struct control *control) {
	for (size_t i = 0; i < summary->count; i++) {
		if (summary->controls[i].control != control)
			continue;
		page_open(page, "p", NULL);
		for (unsigned state = 0; state < CONTROL_STATES; state++) {
			page_state(page, control_state_name((enum control_state)state));
			page_textf(page, " %u \xc2\xa0 ", summary->controls[i].hosts[state]);
		}
		page_close(page);
	}
}

static void write_attributes(struct page *page, const struct control *control) {
	page_open(page, "p", "class", "note", NULL);
	page_textf(page, "%s control \xc2\xb7 %s \xc2\xb7 %s \xc2\xb7 %s%s", control->theme, control->control_type,
		   control->properties, control->concepts, control->is_new ? " \xc2\xb7 new in the 2022 edition" : "");
	page_close(page);
}

void show_control(struct visit *visit) {
	const struct control *control = catalogue_find(visit->collector->catalogue, visit->rest);
	CLEANUP(page_done) struct page page = {0};
	CLEANUP(summary_done) struct summary summary = {0};
	CLEANUP(rows_done) struct rows rows = {.control = visit->rest, .now = visit->now};
	CLEANUP(hosts_done) struct hosts hosts = {.names = json_object(), .items = json_object()};
	const struct store_filter filter = {.control = visit->rest, .with_json = true};
	struct store *store = visit->collector->store;
	struct err err;
	marks_open(&hosts.marks, visit->collector->folder, store, visit->now);
	if (!control) {
		http_error(visit->request, 404, "there is no such control");
		return;
	}
	if (!summary_make(visit->collector, visit->now, &summary, &err) ||
	    !store_hosts(store, add_host, &hosts, &err) || !store_results(store, &filter, add_row, &rows, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	if (rows.count > 0)
		qsort(rows.all, rows.count, sizeof *rows.all, compare_rows);
	CLEANUP(free_ptr) char *title = xasprintf("%s %s", control->id, control->title);
	page_begin(&page, title, visit->reader, true);
	write_attributes(&page, control);
	if (summary_is_of_hosts(control)) {
		show_population(&page, &summary);
		write_states(&page, &summary, control);
	}
	const bool is_shown = !summary_is_of_hosts(control) ||
			      (write_policies(&page, &rows, &hosts, &err) && write_rules(&page, &rows, &hosts, &err));
	if (!is_shown || !show_attestations(&page, store, control->id, visit->now, &err))
		http_fault(visit->request, &err);
	else
		show_page(visit, 200, &page);
}
