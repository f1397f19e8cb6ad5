#include "collector/show.h"

#define POLICY "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

void show_page(struct visit *visit, int status, struct page *page) {
	CLEANUP(free_ptr) char *html = page_end(page, visit->now);
	http_header(visit->request, "Content-Security-Policy", POLICY);
	http_reply(visit->request, status, "text/html; charset=utf-8", html, strlen(html));
}

/* --- login -------------------------------------------------------------------------------------------------------- */

static void write_field(struct page *page, const char *label, const char *name, const char *type) {
	page_open(page, "label", NULL);
	page_textf(page, "%s ", label);
	page_void(page, "input", "name", name, "type", type, "required", "required", "autocomplete", "off", NULL);
	page_close(page);
}

static void write_login(struct page *page, bool was_wrong) {
	page_begin(page, "Log in", NULL, false);
	if (was_wrong)
		page_element(page, "p", "No reader has this name and token.", "class", "warning", "role", "alert",
			     NULL);
	page_open(page, "form", "method", "post", "action", "/login", "class", "login", NULL);
	write_field(page, "Name", "name", "text");
	write_field(page, "Token", "token", "password");
	page_element(page, "button", "Log in", "type", "submit", NULL);
	page_close(page);
	page_open(page, "p", "class", "note", NULL);
	page_text(page, "A token is made on the collector with ");
	page_element(page, "code", "vouch-collector reader add DIR NAME", NULL);
	page_text(page, ".");
	page_close(page);
}

void show_login(struct visit *visit, bool was_wrong) {
	CLEANUP(page_done) struct page page = {0};
	write_login(&page, was_wrong);
	show_page(visit, 401, &page);
}

void show_login_form(struct visit *visit) {
	CLEANUP(page_done) struct page page = {0};
	write_login(&page, false);
	show_page(visit, 200, &page);
}

/* --- overview ----------------------------------------------------------------------------------------------------- */

void show_population(struct page *page, const struct summary *summary) {
	page_open(page, "p", "class", "population", NULL);
	page_element(page, "strong", "Population: ", NULL);
	page_textf(page,
		   "%u in scope, %u reporting, %u silent. In scope is every enrolled host; silent is one of which"
		   " nothing still stands.",
		   summary->in_scope, summary->reporting, summary->silent);
	page_close(page);
}

static void write_count(struct page *page, unsigned count, enum control_state state) {
	CLEANUP(free_ptr)
	char *class = xasprintf("count%s%s", count ? " some " : "", count ? control_state_key(state) : "");
	page_open(page, "td", "class", class, NULL);
	page_textf(page, "%u", count);
	page_close(page);
}

static void write_control(struct page *page, const struct summary_control *row) {
	CLEANUP(free_ptr) char *link = xasprintf("/controls/%s", row->control->id);
	page_open(page, "tr", NULL);
	page_open(page, "th", "scope", "row", NULL);
	page_open(page, "a", "href", link, NULL);
	page_element(page, "span", row->control->id, "class", "id", NULL);
	page_textf(page, " %s", row->control->title);
	page_close(page);
	if (row->control->is_new) {
		page_text(page, " ");
		page_element(page, "span", "new in 2022", "class", "tag", NULL);
	}
	page_close(page);
	for (unsigned state = 0; state < CONTROL_STATES; state++)
		write_count(page, row->hosts[state], (enum control_state)state);
	page_close(page);
}

static void write_controls(struct page *page, const struct summary *summary) {
	page_open(page, "table", "class", "overview", NULL);
	page_element(page, "caption", "Hosts by state, for each technological control", NULL);
	page_open(page, "thead", NULL);
	page_open(page, "tr", NULL);
	page_element(page, "th", "Control", "scope", "col", NULL);
	for (unsigned state = 0; state < CONTROL_STATES; state++) {
		page_open(page, "th", "scope", "col", "class", "count", NULL);
		page_state(page, control_state_name((enum control_state)state));
		page_close(page);
	}
	page_close(page);
	page_close(page);
	page_open(page, "tbody", NULL);
	for (size_t i = 0; i < summary->count; i++)
		write_control(page, &summary->controls[i]);
	page_close(page);
	page_close(page);
}

static void write_host_row(void *context, const struct store_host *host) {
	struct page *page = context;
	CLEANUP(free_ptr) char *link = xasprintf("/hosts/%s", host->id);
	page_open(page, "tr", NULL);
	page_open(page, "th", "scope", "row", NULL);
	page_element(page, "a", host->name[0] ? host->name : host->id, "href", link, NULL);
	if (host->is_broken) {
		page_text(page, " ");
		page_element(page, "strong", "chain broken", "class", "warning", NULL);
	}
	page_close(page);
	page_element(page, "td", host->os, NULL);
	page_element(page, "td", host->environment, NULL);
	page_open(page, "td", NULL);
	page_time(page, host->collected);
	page_close(page);
	page_open(page, "td", NULL);
	page_time(page, host->received);
	page_close(page);
	page_open(page, "td", "class", host->findings ? "count some failing" : "count", NULL);
	page_textf(page, "%lld", (long long)host->findings);
	page_close(page);
	page_close(page);
}

static bool write_hosts(struct page *page, struct store *store, struct err *err) {
	static const char *const heads[] = {"Host",           "Operating system", "Environment",
					    "Last collected", "Last received",    "Findings"};
	page_open(page, "table", "class", "hosts", NULL);
	page_element(page, "caption", "Hosts", NULL);
	page_heads(page, heads, ARRAY_LEN(heads), NULL);
	page_open(page, "tbody", NULL);
	bool is_read = store_hosts(store, write_host_row, page, err);
	page_close(page);
	page_close(page);
	return is_read;
}

static void write_legend(struct page *page) {
	static const struct {
		enum control_state state;
		const char *meaning;
	} lines[CONTROL_STATES] = {
		{CONTROL_FAILING, "a key rule fails and is not waived; without key rules, any rule fails"},
		{CONTROL_UNKNOWN, "no key rule fails, but one cannot say: unknown, error, or a gap in the evidence"},
		{CONTROL_OPERATING, "all key rules pass, at least one by its effect on the running system"},
		{CONTROL_DESIGNED, "all key rules pass by configuration alone, or one is not checked"},
		{CONTROL_NOTEVALUATED,
		 "no key rule decides it on that host: there is none, or it does not apply, or it waits for a "
		 "probe's approval or a parameter; others may inform"},
	};
	page_open(page, "dl", "class", "legend", NULL);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		page_open(page, "dt", NULL);
		page_state(page, control_state_name(lines[i].state));
		page_close(page);
		page_element(page, "dd", lines[i].meaning, NULL);
	}
	page_close(page);
}

void show_overview(struct visit *visit) {
	CLEANUP(page_done) struct page page = {0};
	CLEANUP(summary_done) struct summary summary = {0};
	struct err err;
	if (!summary_make(visit->collector, visit->now, &summary, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	page_begin(&page, "Technological controls of ISO/IEC 27001:2022", visit->reader, false);
	show_population(&page, &summary);
	if (!show_attested_line(&page, visit, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	write_controls(&page, &summary);
	write_legend(&page);
	if (!write_hosts(&page, visit->collector->store, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	show_page(visit, 200, &page);
}
