/* What was found about a host, on its page. */
#include "collector/show.h"

#define SHOWN_MOST 50

struct findings {
	struct page *page;
	int64_t count; /* of all kinds; of those that were counted alone too */
	int64_t kept, skip;
};

static void count_kind(void *context, const char *host, const char *kind, int64_t count) {
	struct findings *findings = context;
	page_textf(findings->page, "%s%lld %s", findings->count ? ", " : "", (long long)count, kind);
	findings->count += count;
}

static void count_kept(void *context, const struct store_finding *finding) {
	struct findings *findings = context;
	findings->kept++;
}

static void write_finding(void *context, const struct store_finding *finding) {
	struct findings *findings = context;
	struct page *page = findings->page;
	if (findings->skip-- > 0)
		return;
	page_open(page, "tr", NULL);
	page_open(page, "td", NULL);
	page_time(page, finding->at);
	page_close(page);
	page_element(page, "th", finding->kind, "scope", "row", NULL);
	page_element(page, "td", finding->text, NULL);
	page_open(page, "td", NULL);
	if (finding->statement[0])
		page_element(page, "code", finding->statement, NULL);
	page_close(page);
	page_close(page);
}

static bool write_table(struct findings *findings, struct store *store, const char *host, struct err *err) {
	struct page *page = findings->page;
	if (!store_findings(store, host, 0, INT64_MAX, count_kept, findings, err))
		return false;
	findings->skip = findings->kept - SHOWN_MOST;
	if (findings->skip > 0 || findings->count > findings->kept) {
		page_open(page, "p", "class", "note", NULL);
		page_textf(page, "The last %d at most; /api/v1/findings has %lld, the others were counted alone.",
			   SHOWN_MOST, (long long)findings->kept);
		page_close(page);
	}
	page_open(page, "table", NULL);
	page_element(page, "caption", "What was found, and the evidence record that it is about", NULL);
	page_open(page, "tbody", NULL);
	bool is_read = store_findings(store, host, 0, INT64_MAX, write_finding, findings, err);
	page_close(page);
	page_close(page);
	return is_read;
}

bool show_findings(struct page *page, struct store *store, const char *host, struct err *err) {
	struct findings findings = {.page = page};
	page_element(page, "h2", "Findings", "id", "findings", NULL);
	page_open(page, "p", NULL);
	bool is_read = store_finding_counts(store, host, count_kind, &findings, err);
	if (is_read && findings.count == 0)
		page_text(page, "none");
	page_close(page);
	return is_read && (findings.count == 0 || write_table(&findings, store, host, err));
}
