/* The page of one host: who it is, and every rule's latest result. */
#include "collector/show.h"
#include "core/result.h"

struct host_page {
	struct page *page;
	const char *id, *reader;
	int64_t now;
	bool is_found, is_attester;
	enum rule_state state; /* of the results that are written now */
	struct marks marks;
	json_t *host;      /* marks_host; owned */
	json_t *waived;    /* results with a waiver; owned */
	struct err *fault; /* of a visitor that ended early; its code ERR_NONE: of none */
	/* Epochs of its evidence key (docs/FORMAT.md 1.1). */
	unsigned boots, resets, rotations;
	int64_t last_reset; /* received then; 0: none */
};

static void count_epoch(void *context, const struct store_epoch *epoch) {
	struct host_page *at = context;
	if (!strcmp(epoch->reason, "reset")) {
		at->resets++;
		at->last_reset = epoch->started;
	}
	at->boots += !strcmp(epoch->reason, "boot");
	at->rotations += !strcmp(epoch->reason, "rotation");
}

static void write_line(struct page *page, const char *label, const char *value) {
	page_element(page, "dt", label, NULL);
	page_element(page, "dd", value, NULL);
}

static void write_instant(struct page *page, const char *label, int64_t instant) {
	page_element(page, "dt", label, NULL);
	page_open(page, "dd", NULL);
	page_time(page, instant);
	page_close(page);
}

static void write_epochs(const struct host_page *at) {
	CLEANUP(free_ptr)
	char *text = xasprintf("%u after a boot, %u rotated, %u reset", at->boots, at->rotations, at->resets);
	write_line(at->page, "New evidence keys since the enrolment", text);
	if (at->last_reset)
		write_instant(at->page, "Last reset: a key was lost without a boot", at->last_reset);
}

static void write_host(void *context, const struct store_host *host) {
	struct host_page *at = context;
	char number[32];
	if (strcmp(host->id, at->id) != 0)
		return;
	at->is_found = true;
	json_decref(at->host);
	at->host = marks_host(host);
	at->is_attester = host->purpose[0] != '\0';
	CLEANUP(free_ptr)
	char *title = xasprintf("%s %s", at->is_attester ? "Identity" : "Host", host->name[0] ? host->name : host->id);
	page_begin(at->page, title, at->reader, true);
	if (at->is_attester)
		page_element(at->page, "p", "It only attests: it is no host, and looks at nothing.", "class",
			     "population", NULL);
	if (host->is_broken)
		page_element(at->page, "p",
			     "The chain of this host is broken: evidence records are missing, or there were two of one "
			     "number. See the findings below.",
			     "class", "warning", "role", "alert", NULL);
	if (host->is_incomplete)
		page_element(at->page, "p",
			     "Behind a gap, what stands is not known until the next full round: results below are "
			     "those that came.",
			     "class", "warning", "role", "alert", NULL);
	page_open(at->page, "dl", "class", "facts", NULL);
	write_line(at->page, "Name", host->name);
	write_line(at->page, "Id", host->id);
	write_line(at->page, "Operating system", host->os);
	write_line(at->page, "Environment", host->environment);
	if (host->group[0])
		write_line(at->page, "Group, by its enrolment token", host->group);
	snprintf(number, sizeof number, "%lld", (long long)host->sequence);
	write_line(at->page, "Evidence records in its chain", number);
	snprintf(number, sizeof number, "%lld", (long long)host->breaks);
	write_line(at->page, "Gaps and forks in it", number);
	write_epochs(at);
	write_instant(at->page, "Enrolled", host->enrolled);
	write_instant(at->page, "Last collected, by its clock", host->collected);
	write_instant(at->page, "Last received", host->received);
	write_instant(at->page, "Certificate ends", host->certificate_expires);
	page_close(at->page);
}

/* Links to the controls that the rule supports, the deciding one first. */
static void write_controls(struct page *page, const struct store_result *result) {
	page_text(page, " \xc2\xb7");
	for (const char *at = result->controls; *at;) {
		const size_t len = strcspn(at, ",");
		CLEANUP(free_ptr) char *id = xstrndup(at, len);
		CLEANUP(free_ptr) char *link = xasprintf("/controls/%s", id);
		page_text(page, " ");
		page_element(page, "a", id, "href", link, NULL);
		at += len + (at[len] == ',');
	}
	if (result->key)
		page_textf(page, " \xc2\xb7 decides %.*s", (int)strcspn(result->controls, ","), result->controls);
}

static bool write_result(void *context, const struct store_result *result) {
	struct host_page *at = context;
	CLEANUP(json_decref_p) json_t *json = NULL;
	struct err err;
	if (summary_rule_state(result, at->now) != at->state)
		return true;
	if (!json_read(result->json, strlen(result->json), 16 << 20, "result", &json, &err))
		return true;
	const char *title = json_string_value(json_object_get(json, "title"));
	const char *reason = json_string_value(json_object_get(json, "reason"));
	page_open(at->page, "tr", NULL);
	page_open(at->page, "td", NULL);
	page_state(at->page, rule_state_name(at->state));
	if (at->state == RULE_GAP)
		page_textf(at->page, " last seen: %s", result->verdict);
	page_close(at->page);
	page_open(at->page, "th", "scope", "row", NULL);
	page_text(at->page, title ? title : "");
	page_void(at->page, "br", NULL);
	page_element(at->page, "code", result->rule, NULL);
	write_controls(at->page, result);
	page_close(at->page);
	page_open(at->page, "td", NULL);
	page_text(at->page, reason ? result_brief(reason) : "");
	show_changed_verdict(at->page, json, result->changed);
	page_open(at->page, "details", NULL);
	page_element(at->page, "summary", "what was observed, and how to verify it", NULL);
	if (at->state == RULE_WAIVED)
		json_array_append(at->waived, json);
	const bool is_shown = show_result_detail(at->page, &at->marks, at->host, result, at->fault);
	page_close(at->page);
	page_close(at->page);
	page_close(at->page);
	return is_shown;
}

static bool write_policies(struct host_page *at, struct err *err) {
	CLEANUP(json_decref_p) json_t *policies = NULL;
	struct err ignored;
	const char *text = json_string_value(json_object_get(at->host, "policies"));
	if (at->is_attester || !text || !json_read(text, strlen(text), 1 << 20, "policies", &policies, &ignored))
		return true;
	page_element(at->page, "h2", "Policies", NULL);
	return show_approvals(at->page, &at->marks, policies, err);
}

struct count {
	int64_t now;
	unsigned states[RULE_STATES];
};

static bool count_result(void *context, const struct store_result *result) {
	struct count *count = context;
	count->states[summary_rule_state(result, count->now)]++;
	return true;
}

static void write_counts(struct page *page, const struct count *count, const enum rule_state *order) {
	page_open(page, "p", NULL);
	page_text(page, "Rules: ");
	for (size_t i = 0; i < RULE_STATES; i++) {
		if (count->states[order[i]] == 0)
			continue;
		page_state(page, rule_state_name(order[i]));
		page_textf(page, " %u ", count->states[order[i]]);
	}
	page_close(page);
}

/* What somebody has to see to comes first. */
static bool write_results(struct host_page *at, struct store *store, struct err *err) {
	static const enum rule_state order[RULE_STATES] = {RULE_FAIL, RULE_ERROR,        RULE_UNKNOWN,
							   RULE_GAP,  RULE_WAIVED,       RULE_NOTCHECKED,
							   RULE_PASS, RULE_NOTAPPLICABLE};
	const struct store_filter filter = {.host = at->id, .with_json = true}, bare = {.host = at->id};
	struct count count = {.now = at->now};
	if (!store_results(store, &bare, count_result, &count, err))
		return false;
	write_counts(at->page, &count, order);
	page_open(at->page, "table", "class", "results", NULL);
	page_element(at->page, "caption", "Latest result of every rule, those that fail or cannot say first", NULL);
	page_open(at->page, "tbody", NULL);
	at->fault = err;
	err->code = ERR_NONE;
	bool is_read = true;
	for (size_t i = 0; i < RULE_STATES && is_read && err->code == ERR_NONE; i++) {
		at->state = order[i];
		is_read = !count.states[order[i]] || store_results(store, &filter, write_result, at, err);
	}
	page_close(at->page);
	page_close(at->page);
	return is_read && err->code == ERR_NONE && show_exceptions(at->page, &at->marks, at->host, at->waived, err);
}

static void host_page_done(struct host_page *at) {
	marks_done(&at->marks);
	json_decref(at->host);
	json_decref(at->waived);
}

void show_host(struct visit *visit) {
	CLEANUP(page_done) struct page page = {0};
	CLEANUP(host_page_done)
	struct host_page at = {
		.page = &page, .id = visit->rest, .reader = visit->reader, .now = visit->now, .waived = json_array()};
	struct store *store = visit->collector->store;
	struct err err;
	marks_open(&at.marks, visit->collector->folder, store, visit->now);
	if (!store_epochs(store, at.id, count_epoch, &at, &err) || !store_hosts(store, write_host, &at, &err) ||
	    !store_attesters(store, write_host, &at, &err) || (at.is_found && !write_policies(&at, &err)) ||
	    (at.is_found && !show_findings(&page, store, at.id, &err)) ||
	    (at.is_found && !at.is_attester && !write_results(&at, store, &err)))
		http_fault(visit->request, &err);
	else if (!at.is_found)
		http_error(visit->request, 404, "there is no such host");
	else
		show_page(visit, 200, &page);
}
