#include "cli/export_package.h"

#include <inttypes.h>

#include "cli/export_select.h"
#include "core/text.h"
#include "core/times.h"

#define LINES_A_PAGE 1000
#define QUIET_S 5 /* so long nothing is said; then a line each time */

/* --- evidence from a collector ------------------------------------------------------------------------------------ */

struct fetching {
	struct reader *reader;
	size_t lines;
	int64_t said_at;
};

static void say_progress(struct fetching *fetching) {
	const int64_t now = times_now();
	if (now - fetching->said_at < QUIET_S)
		return;
	fprintf(stderr, "vouch: %zu statements read ...\n", fetching->lines);
	fetching->said_at = now;
}

static char *page_path(const struct evidence_query *query, int64_t after) {
	char time[TIMES_TEXT];
	struct buf path = {0};
	buf_addf(&path, "/api/v1/evidence?limit=%d", LINES_A_PAGE);
	if (query->host)
		buf_addf(&path, "&host=%s", query->host);
	if (query->type)
		buf_addf(&path, "&type=%s", query->type);
	if (query->from > 0)
		buf_addf(&path, "&from=%s", times_format(query->from, time));
	if (query->to < INT64_MAX)
		buf_addf(&path, "&to=%s", times_format(query->to, time));
	if (after >= 0)
		buf_addf(&path, "&after=%" PRId64, after);
	return buf_take(&path);
}

static bool visit_line(const char *line, size_t len, evidence_visit visit, void *context, int64_t *after,
		       struct err *err) {
	CLEANUP(evidence_done) struct evidence evidence = {0};
	if (!evidence_read(line, len, &evidence, err))
		return false;
	if (evidence.index <= *after)
		return err_set(err, ERR_MALFORMED, "/api/v1/evidence", "its lines are not ascending");
	*after = evidence.index;
	return visit(context, line, len, &evidence, err);
}

static bool visit_page(struct fetching *fetching, const struct buf *page, evidence_visit visit, void *context,
		       int64_t *after, struct err *err) {
	for (const char *at = page->data, *end = page->data + page->len; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return err_set(err, ERR_MALFORMED, "/api/v1/evidence", "its last line is cut");
		if (!visit_line(at, (size_t)(newline - at), visit, context, after, err))
			return false;
		fetching->lines++;
		at = newline + 1;
	}
	say_progress(fetching);
	return true;
}

static bool fetch(void *context, const struct evidence_query *query, evidence_visit visit, void *visit_context,
		  struct err *err) {
	struct fetching *fetching = context;
	int64_t after = -1;
	for (;;) {
		CLEANUP(free_ptr) char *path = page_path(query, after);
		CLEANUP(buf_done) struct buf page = {0};
		if (!reader_get(fetching->reader, path, &page, err))
			return false;
		if (!page.len)
			return true;
		if (!visit_page(fetching, &page, visit, visit_context, &after, err))
			return false;
	}
}

static bool visit_name(json_t *names, const json_t *host, struct err *err) {
	const char *id, *name;
	if (!json_get_string(host, "id", "/api/v1/hosts", &id, err) ||
	    !json_get_string(host, "name", "/api/v1/hosts", &name, err))
		return false;
	json_object_set_new(names, id, json_text(name));
	return true;
}

/* What hosts are called now. New reference. */
static bool fetch_names(struct reader *reader, json_t **ret_names, struct err *err) {
	CLEANUP(json_decref_p) json_t *hosts = NULL;
	CLEANUP(json_decref_p) json_t *names = json_object();
	size_t at;
	json_t *host;
	if (!reader_get_all(reader, "/api/v1/hosts", "hosts", &hosts, err))
		return false;
	json_array_foreach(hosts, at, host) if (!visit_name(names, host, err)) return false;
	*ret_names = json_incref(names);
	return true;
}

/* --- the package -------------------------------------------------------------------------------------------------- */

static void export_done(struct export *export) {
	for (size_t i = 0; i < export->line_count; i++) {
		EVP_PKEY_free(export->lines[i].enrolled);
		EVP_PKEY_free(export->lines[i].epoch);
		state_free(export->lines[i].state);
	}
	for (size_t i = 0; i < export->policy_count; i++)
		policy_outline_free(export->policies[i].outline);
	for (size_t i = 0; i < export->bundle_count; i++)
		EVP_PKEY_free(export->bundles[i].key);
	free(export->lines);
	free(export->policies);
	free(export->bundles);
	free(export->indexes);
	free(export->leaves);
	free(export->named);
	free(export->origin);
	json_decref(export->latest);
	json_decref(export->statements);
	json_decref(export->attestations);
}

static void say_unproved(const struct export *export) {
	if (export->unproved)
		fprintf(stderr,
			"vouch: %zu rounds are behind a gap in their chain; what they changed cannot be shown in part "
			"and "
			"is left out\n",
			export->unproved);
}

static bool select_all(struct reader *reader, const struct export_query *query, struct selection *ret_selection,
		       struct err *err) {
	static const char *const none[] = {NULL};
	struct fetching fetching = {.reader = reader, .said_at = times_now()};
	const struct evidence_source source = {fetch, &fetching};
	CLEANUP(json_decref_p) json_t *names = NULL;
	if (!fetch_names(reader, &names, err))
		return false;
	const struct selection_query wanted = {.hosts = query->hosts.count ? query->hosts.items : none,
					       .names = names,
					       .from = query->from,
					       .to = query->to};
	return select_statements(&source, &wanted, ret_selection, err);
}

static bool write_all(struct export *export, struct reader *reader, struct err *err) {
	if (!export->gathered->count)
		return err_set(err, ERR_ABSENT, "export", "there is not one statement of these hosts in the period");
	if (!export_statements(export, err))
		return false;
	if (export->query->controls.count && !package_was_put(export->writer, "disclosures.jsonl") &&
	    !package_put(export->writer, "disclosures.jsonl", "", 0, err))
		return false;
	return export_log(export, reader, err) && export_readme(export, err) && export_page(export, err) &&
	       export_manifest(export, err) && package_finish(export->writer, export->query->created, err);
}

bool export_package(struct reader *reader, const struct export_query *query, const char *path, struct err *err) {
	CLEANUP(package_writer_free_p) struct package_writer *writer = NULL;
	CLEANUP(selection_done) struct selection selection = {.gathered.scratch = -1};
	if (!package_create(path, &writer, err) || !select_all(reader, query, &selection, err))
		return false;
	CLEANUP(export_done)
	struct export export = {.query = query,
				.writer = writer,
				.gathered = &selection.gathered,
				.hosts = selection.hosts,
				.collector = selection.collector,
				.latest = json_object(),
				.statements = json_object(),
				.attestations = json_array()};
	if (!write_all(&export, reader, err))
		return false;
	say_unproved(&export);
	return true;
}
