/* The page of all controls, by theme, with what is attested for each; and the identities that only attest. */
#include "collector/attested.h"
#include "collector/show.h"
#include "collector/store_attestations.h"

static void write_count(struct page *page, int64_t count) {
	page_open(page, "td", "class", count ? "count some" : "count", NULL);
	page_textf(page, "%lld", (long long)count);
	page_close(page);
}

static void write_control(struct page *page, const struct control *control, const struct attested_count *count) {
	CLEANUP(free_ptr) char *link = xasprintf("/controls/%s", control->id);
	page_open(page, "tr", NULL);
	page_open(page, "th", "scope", "row", NULL);
	page_open(page, "a", "href", link, NULL);
	page_element(page, "span", control->id, "class", "id", NULL);
	page_textf(page, " %s", control->title);
	page_close(page);
	page_close(page);
	write_count(page, count->valid);
	write_count(page, count->expired);
	page_close(page);
}

/* Themes stand together in the catalogue. */
static void write_theme(struct page *page, const struct catalogue *catalogue, const struct attested *attested,
			size_t first, size_t end) {
	static const char *const heads[] = {"Control", "Valid", "Expired"};
	page_open(page, "table", "class", "overview", NULL);
	page_open(page, "caption", NULL);
	page_textf(page, "%s controls, and their attestations", catalogue->controls[first].theme);
	page_close(page);
	page_heads(page, heads, ARRAY_LEN(heads), "count");
	page_open(page, "tbody", NULL);
	for (size_t i = first; i < end; i++)
		write_control(page, &catalogue->controls[i], &attested->counts[i]);
	page_close(page);
	page_close(page);
}

static void write_attester(void *context, const struct store_host *host) {
	struct page *page = context;
	CLEANUP(free_ptr) char *link = xasprintf("/hosts/%s", host->id);
	page_open(page, "tr", NULL);
	page_open(page, "th", "scope", "row", NULL);
	page_open(page, "a", "href", link, NULL);
	page_element(page, "bdi", host->name[0] ? host->name : host->id, NULL);
	page_close(page);
	page_close(page);
	page_open(page, "td", NULL);
	page_time(page, host->enrolled);
	page_close(page);
	page_open(page, "td", NULL);
	page_time(page, host->received);
	page_close(page);
	page_close(page);
}

static bool write_attesters(struct page *page, struct store *store, struct err *err) {
	static const char *const heads[] = {"Identity", "Enrolled", "Last received"};
	page_open(page, "table", "class", "hosts", NULL);
	page_element(page, "caption", "Identities that only attest, and are no hosts", NULL);
	page_heads(page, heads, ARRAY_LEN(heads), NULL);
	page_open(page, "tbody", NULL);
	bool is_read = store_attesters(store, write_attester, page, err);
	page_close(page);
	page_close(page);
	return is_read;
}

void show_controls(struct visit *visit) {
	const struct catalogue *catalogue = visit->collector->catalogue;
	struct store *store = visit->collector->store;
	CLEANUP(page_done) struct page page = {0};
	CLEANUP(attested_done) struct attested attested = {0};
	struct err err;
	if (!attested_count(catalogue, store, visit->now, &attested, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	page_begin(&page, "All controls of ISO/IEC 27001:2022", visit->reader, true);
	page_element(
		&page, "p",
		"An attestation is what somebody says and seals, where no host can show it: a review, a training, a "
		"restore that was tried. How many there are says nothing of how much they say.",
		"class", "population", NULL);
	for (size_t i = 0, next; i < catalogue->control_count; i = next) {
		for (next = i; next < catalogue->control_count &&
			       !strcmp(catalogue->controls[next].theme, catalogue->controls[i].theme);)
			next++;
		write_theme(&page, catalogue, &attested, i, next);
	}
	if (!write_attesters(&page, store, &err))
		http_fault(visit->request, &err);
	else
		show_page(visit, 200, &page);
}

bool show_attested_line(struct page *page, struct visit *visit, struct err *err) {
	const struct catalogue *catalogue = visit->collector->catalogue;
	CLEANUP(attested_done) struct attested attested = {0};
	if (!attested_count(catalogue, visit->collector->store, visit->now, &attested, err))
		return false;
	page_open(page, "p", "class", "population", NULL);
	page_element(page, "strong", "Attestations: ", NULL);
	page_textf(page, "of all %zu controls, %zu have a valid one. ", catalogue->control_count, attested.controls);
	page_element(page, "a", "All controls", "href", "/controls", NULL);
	page_close(page);
	return true;
}
