/* index.html of an audit package: the newest results at a glance. One file, no script, nothing from elsewhere. */
#include "cli/export_html.h"
#include "cli/export_package.h"
#include "core/catalogue.h"
#include "core/times.h"

struct page {
	struct export *export;
	struct buf html;
	struct catalogue *catalogue; /* NULL where this program was not installed: then controls have no titles */
};

static const char *text_of(const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

/* --- what was asked for ------------------------------------------------------------------------------------------- */

static void fact(struct page *page, const char *name, const char *value) {
	html_addf(&page->html, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, value);
}

static char *joined(const char **items, size_t count, const char *none) {
	struct buf text = {0};
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", items[i]);
	if (!count)
		buf_adds(&text, none);
	return buf_take(&text);
}

static void put_facts(struct page *page) {
	const struct export *export = page->export;
	const struct export_query *query = export->query;
	char from[TIMES_TEXT], to[TIMES_TEXT], created[TIMES_TEXT];
	CLEANUP(free_ptr) char *hosts = joined(query->hosts.items, query->hosts.count, "all");
	CLEANUP(free_ptr) char *controls = joined(query->controls.items, query->controls.count, "all");
	CLEANUP(free_ptr)
	char *period = xasprintf("%s to %s, by receipt at the collector", times_format(query->from, from),
				 times_format(query->to, to));
	CLEANUP(free_ptr)
	char *rows = xasprintf("%zu statements, %zu results, %zu hosts", export->leaf_count, export->results,
			       json_object_size(export->hosts));
	CLEANUP(free_ptr)
	char *made =
		xasprintf("%s by %s, with vouch %s", times_format(query->created, created), query->by, VOUCH_VERSION);
	buf_adds(&page->html, "<table class=\"facts\"><caption>What was asked for</caption><tbody>\n");
	fact(page, "Hosts", hosts);
	fact(page, "Controls", controls);
	fact(page, "Period", period);
	fact(page, "Rows", rows);
	fact(page, "Made", made);
	fact(page, "Log", export->origin);
	buf_adds(&page->html, "</tbody></table>\n");
}

static void put_hosts(struct page *page) {
	const char *const *ids = NULL;
	CLEANUP(free_ptr) const char **sorted = html_sorted(page->export->hosts);
	buf_adds(&page->html, "<h2>Hosts</h2>\n<table><thead><tr><th>Host</th><th>Id</th><th>Rounds in the period</th>"
			      "<th>First received</th><th>Last received</th></tr></thead><tbody>\n");
	for (ids = sorted; *ids; ids++) {
		const json_t *seen = json_object_get(page->export->statements, *ids);
		CLEANUP(free_ptr)
		char *count = xasprintf("%lld", (long long)json_integer_value(json_object_get(seen, "count")));
		html_addf(&page->html,
			  "<tr><th scope=\"row\" class=\"w\" data-l=\"Host\">%s</th><td "
			  "data-l=\"Id\"><code>%s</code></td>"
			  "<td data-l=\"Rounds\">%s</td><td class=\"n\" data-l=\"First\">%s</td><td class=\"n\" "
			  "data-l=\"Last\">%s</td></tr>\n",
			  text_of(page->export->hosts, *ids), *ids, count, seen ? text_of(seen, "first") : "none",
			  seen ? text_of(seen, "last") : "none");
	}
	buf_adds(&page->html, "</tbody></table>\n");
}

/* --- results ------------------------------------------------------------------------------------------------------ */

static void put_statement(struct page *page, const char *digest) {
	CLEANUP(free_ptr) char *bundle = xasprintf("bundles/%s.sigstore.json", digest);
	CLEANUP(free_ptr) char *shown = xstrndup(digest, 16);
	if (package_was_put(page->export->writer, bundle))
		html_addf(&page->html, "<a href=\"%s\" title=\"%s\"><code>%s</code></a>", bundle, digest, shown);
	else
		html_addf(&page->html, "<code title=\"%s\">%s</code>", digest, shown);
}

/* Whether the control is the one under which the rule is listed: its first, unless the control was asked for. */
static bool is_under(const struct page *page, const json_t *row, const char *control) {
	const json_t *controls = json_object_get(row, "controls");
	size_t at;
	json_t *other;
	if (!page->export->query->controls.count)
		return !strcmp(json_array_size(controls) ? json_string_value(json_array_get(controls, 0)) : "",
			       control);
	json_array_foreach(controls, at, other) if (!strcmp(json_string_value(other), control)) return true;
	return false;
}

static void put_row(struct page *page, const char *host, const char *rule, const json_t *row) {
	const char *verdict = text_of(row, "verdict");
	CLEANUP(free_ptr) char *id = xstrndup(host, 8);
	html_addf(&page->html,
		  "<tr><td class=\"w\" data-l=\"Host\">%s<br><code>%s</code></td><th scope=\"row\" "
		  "class=\"r\" data-l=\"Rule\">%s<br><code>%s</code></th>"
		  "<td data-l=\"Verdict\"><b class=\"%s\">%s</b>%s</td><td class=\"n\" data-l=\"Looked at\">%s</td>"
		  "<td data-l=\"Because\">%s",
		  text_of(page->export->hosts, host), id, text_of(row, "title"), rule, verdict, verdict,
		  json_object_get(row, "waiver") ? " waived" : "", text_of(row, "collectedAt"), text_of(row, "reason"));
	if (*text_of(row, "observed"))
		html_addf(&page->html, "<pre>%s</pre>", text_of(row, "observed"));
	buf_adds(&page->html, "</td><td data-l=\"Statement\">");
	put_statement(page, text_of(row, "statement"));
	buf_adds(&page->html, "</td></tr>\n");
}

/* The number of results under it. */
static size_t put_rows(struct page *page, const char *control) {
	CLEANUP(free_ptr) const char **hosts = html_sorted(page->export->latest);
	size_t count = 0;
	for (const char **host = hosts; *host; host++) {
		const json_t *results = json_object_get(page->export->latest, *host);
		CLEANUP(free_ptr) const char **rules = html_sorted(results);
		for (const char **rule = rules; *rule; rule++) {
			const json_t *row = json_object_get(results, *rule);
			if (!is_under(page, row, control))
				continue;
			put_row(page, *host, *rule, row);
			count++;
		}
	}
	return count;
}

static void put_control(struct page *page, const char *id) {
	const struct control *control = page->catalogue ? catalogue_find(page->catalogue, id) : NULL;
	const char *title = !*id ? "Rules whose policy is not in the package" : control ? control->title : "";
	html_addf(&page->html, "<h3>%s%s%s</h3>\n", id, *id && *title ? " " : "", title);
	buf_adds(&page->html, "<table><thead><tr><th>Host</th><th>Rule</th><th>Verdict</th><th>Looked at</th>"
			      "<th>Because</th><th>Statement</th></tr></thead><tbody>\n");
	if (!put_rows(page, id))
		buf_adds(&page->html, "<tr><td colspan=\"6\">No result of a rule that supports it.</td></tr>\n");
	buf_adds(&page->html, "</tbody></table>\n");
}

/* {control: true} for the first control of each rule. New reference. */
static json_t *first_controls(const struct export *export) {
	json_t *found = json_object();
	const char *host, *rule;
	json_t *results, *row;
	json_object_foreach(export->latest, host, results) json_object_foreach(results, rule, row) {
		const char *first = json_string_value(json_array_get(json_object_get(row, "controls"), 0));
		json_object_set_new(found, first ? first : "", json_true());
	}
	return found;
}

static int by_control(const void *a, const void *b) {
	return control_compare(*(const char *const *)a, *(const char *const *)b);
}

static void put_results(struct page *page) {
	const struct texts *asked = &page->export->query->controls;
	buf_adds(&page->html, "<h2>Newest results</h2>\n<p>Each as the last statement in this package has it; the time "
			      "is that of the host's clock when it last looked. A statement is named by the first "
			      "16 digits of its digest.</p>\n");
	for (size_t i = 0; i < asked->count; i++)
		put_control(page, asked->items[i]);
	if (asked->count)
		return;
	CLEANUP(json_decref_p) json_t *found = first_controls(page->export);
	CLEANUP(free_ptr) const char **controls = html_sorted(found);
	qsort(controls, json_object_size(found), sizeof *controls, by_control);
	for (const char **control = controls; *control; control++)
		put_control(page, *control);
}

static void put_attestations(struct page *page) {
	size_t at;
	json_t *attestation;
	if (!json_array_size(page->export->attestations))
		return;
	buf_adds(&page->html, "<h2>Attestations</h2>\n<table><thead><tr><th>By</th><th>Controls</th><th>Said</th>"
			      "<th>Stands until</th><th>Note</th><th>Statement</th></tr></thead><tbody>\n");
	json_array_foreach(page->export->attestations, at, attestation) {
		CLEANUP(buf_done) struct buf controls = {0};
		size_t i;
		json_t *control;
		json_array_foreach(json_object_get(attestation, "controls"), i, control)
			buf_addf(&controls, "%s%s", i ? ", " : "", json_string_value(control));
		html_addf(&page->html,
			  "<tr><th scope=\"row\" data-l=\"By\">%s</th><td data-l=\"Controls\">%s</td>"
			  "<td class=\"n\" data-l=\"Said\">%s</td><td class=\"n\" data-l=\"Until\">%s</td><td "
			  "data-l=\"Note\">%s</td>"
			  "<td data-l=\"Statement\">",
			  text_of(attestation, "author"), buf_str(&controls), text_of(attestation, "collectedAt"),
			  text_of(attestation, "expiresAt"), text_of(attestation, "note"));
		put_statement(page, text_of(attestation, "statement"));
		buf_adds(&page->html, "</td></tr>\n");
	}
	buf_adds(&page->html, "</tbody></table>\n");
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void put_policies(struct page *page) {
	const struct export *export = page->export;
	for (size_t i = 0; i < export->policy_count; i++) {
		const struct policy_outline *outline = export->policies[i].outline;
		html_addf(&page->html, "<li><a href=\"bodies/%s\">policy %s %s</a>: %s</li>\n",
			  export->policies[i].sha256, outline->id, outline->version, outline->title);
	}
}

static void put_files(struct page *page) {
	static const char *const files[][2] = {
		{"README.txt", "what this is and how to verify it"},
		{"manifest.json", "what was asked for, and each file with its size and digest"},
		{"statements.jsonl", "the signed statements, in the log's order"},
		{"disclosures.jsonl", "the results of the controls asked for, with what proves them"},
		{"log/checkpoint", "the log's signed checkpoint that every proof leads to"},
		{"log/nodes.jsonl", "the rest of the log's tree, as hashes"},
		{"trust.json", "the keys that the collector would have you trust: for comparison alone"},
	};
	buf_adds(&page->html, "<h2>Files</h2>\n<ul>\n");
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (i < 2 || package_was_put(page->export->writer, files[i][0]))
			html_addf(&page->html, "<li><a href=\"%s\">%s</a>: %s</li>\n", files[i][0], files[i][0],
				  files[i][1]);
	put_policies(page);
	buf_adds(&page->html, "</ul>\n");
}

bool export_page(struct export *export, struct err *err) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = NULL;
	struct page page = {.export = export};
	struct err ignored;
	if (catalogue_load(VOUCH_DATADIR "/policies", &catalogue, &ignored))
		page.catalogue = catalogue;
	html_begin(&page.html, "Audit package");
	buf_adds(&page.html,
		 "<h1>Audit package</h1>\n<p class=\"lead\">This page is for reading, and proves nothing: it "
		 "was written by who made the package. <code>vouch verify PACKAGE --trust FILE</code> does, "
		 "with a trust file from somebody whom you trust; see <a href=\"README.txt\">README.txt</a>."
		 "</p>\n");
	put_facts(&page);
	put_hosts(&page);
	put_results(&page);
	put_attestations(&page);
	put_files(&page);
	buf_adds(&page.html, "</main></body></html>\n");
	bool ok = package_put(export->writer, "index.html", page.html.data, page.html.len, err);
	buf_done(&page.html);
	return ok;
}
