/* One result on a page: observed, expected, sources, and how anybody can verify it. */
#include "collector/show.h"
#include "core/result.h"
#include "core/times.h"

/* Of a table: a host writes what it likes, and rows times columns of 8 MiB would be gigabytes. */
#define ROWS_MOST 1000
#define COLUMNS_MOST 32

char *show_text(const json_t *value) {
	struct err err;
	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	CLEANUP(buf_done) struct buf text = {0};
	if (value && !json_canonical(value, &text, &err))
		buf_adds(&text, "?");
	return buf_take(&text);
}

/* Members of all rows, in the order in which they come first. */
static json_t *columns_of(const json_t *rows) {
	json_t *columns = json_object();
	size_t index;
	json_t *row, *value;
	const char *name;
	json_array_foreach(rows, index, row) json_object_foreach(row, name, value)
		json_object_set_new(columns, name, json_null());
	return columns;
}

/* What does not fit on a page is said to be left out; the record itself has it. */
static void write_left_out(struct page *page, size_t rows, size_t columns) {
	if (rows <= ROWS_MOST && columns <= COLUMNS_MOST)
		return;
	page_open(page, "p", "class", "warning", NULL);
	page_textf(page, "%zu rows of %zu columns; the page shows %d of %d at most.", rows, columns, ROWS_MOST,
		   COLUMNS_MOST);
	page_close(page);
}

static void drop_columns(json_t *columns) {
	size_t index = 0;
	const char *name;
	void *at;
	json_t *unused;
	json_object_foreach_safe(columns, at, name, unused) if (index++ >= COLUMNS_MOST) json_object_del(columns, name);
}

void show_table(struct page *page, const char *caption, const json_t *rows) {
	CLEANUP(json_decref_p) json_t *columns = columns_of(rows);
	write_left_out(page, json_array_size(rows), json_object_size(columns));
	drop_columns(columns);
	size_t index;
	const json_t *row;
	const char *name;
	json_t *unused;
	page_open(page, "table", NULL);
	page_element(page, "caption", caption, NULL);
	page_open(page, "thead", NULL);
	page_open(page, "tr", NULL);
	json_object_foreach(columns, name, unused) page_element(page, "th", name, "scope", "col", NULL);
	page_close(page);
	page_close(page);
	page_open(page, "tbody", NULL);
	json_array_foreach(rows, index, row) {
		if (index == ROWS_MOST)
			break;
		page_open(page, "tr", NULL);
		json_object_foreach(columns, name, unused) {
			CLEANUP(free_ptr) char *text = show_text(json_object_get(row, name));
			page_open(page, "td", NULL);
			page_element(page, "code", text, NULL);
			page_close(page);
		}
		page_close(page);
	}
	page_close(page);
	page_close(page);
}

static void write_rows(struct page *page, const char *caption, const json_t *rows, const char *none) {
	if (json_array_size(rows) > 0) {
		show_table(page, caption, rows);
		return;
	}
	page_open(page, "p", NULL);
	page_textf(page, "%s: %s", caption, none);
	page_close(page);
}

static void write_value(struct page *page, const char *label, const json_t *value) {
	if (!value || (json_is_object(value) && json_object_size(value) == 0))
		return;
	CLEANUP(free_ptr) char *text = show_text(value);
	page_open(page, "p", NULL);
	page_textf(page, "%s: ", label);
	page_element(page, "code", text, NULL);
	page_close(page);
}

static void write_omitted(struct page *page, const json_t *omitted) {
	if (!omitted)
		return;
	CLEANUP(free_ptr) char *digest = show_text(json_object_get(omitted, "sha256"));
	page_open(page, "p", NULL);
	page_textf(page, "%lld rows more did not travel; SHA-256 of them ",
		   (long long)json_integer_value(json_object_get(omitted, "count")));
	page_element(page, "code", digest, NULL);
	page_close(page);
}

static void write_command(struct page *page, const char *digest) {
	page_open(page, "p", NULL);
	page_text(page, "Evidence record: ");
	page_element(page, "code", digest, NULL);
	page_text(page,
		  ". To fetch it (with --collector, --ca and --token-file) and verify it offline, with a trust file "
		  "from somebody whom you trust:");
	page_close(page);
	page_open(page, "pre", NULL);
	page_textf(page, "vouch export --sigstore %s -o %.12s.sigstore.json\n", digest, digest);
	page_textf(page, "vouch export --body %s -o %.12s.body.json\n", digest, digest);
	page_textf(page, "vouch verify %.12s.sigstore.json --body %.12s.body.json --trust trust.json", digest, digest);
	page_close(page);
}

/* What was looked at again and was what it was keeps the values, and the sources' digests, of the round that carried
 * it. */
static void write_times(struct page *page, const struct store_result *result, const json_t *json) {
	const char *text = json_string_value(json_object_get(json, "collectedAt"));
	int64_t carried = result->collected;
	page_open(page, "p", NULL);
	page_text(page, "Collected ");
	if (text && times_parse(text, &carried) && carried != result->collected) {
		page_time(page, carried);
		page_text(page, ", looked at again and found the same ");
	}
	page_time(page, result->collected);
	page_text(page, ", received ");
	page_time(page, result->received);
	page_text(page, ", stands at most until ");
	page_time(page, result->expires);
	page_close(page);
}

/* What the line above the details left out. */
static void write_recited(struct page *page, const char *reason) {
	if (reason && strcmp(reason, result_brief(reason)) != 0)
		page_element(page, "p", reason, NULL);
}

bool show_result_detail(struct page *page, struct marks *marks, const json_t *host, const struct store_result *result,
			struct err *err) {
	CLEANUP(json_decref_p) json_t *json = NULL;
	struct err ignored;
	if (!json_read(result->json, strlen(result->json), 16 << 20, "result", &json, &ignored)) {
		page_element(page, "p", "The kept result cannot be read.", NULL);
		return true;
	}
	write_times(page, result, json);
	if (!show_exception(page, marks, host, json, err) || !show_judged_by(page, marks, host, json, err))
		return false;
	show_changed(page, json, result->changed);
	write_recited(page, json_string_value(json_object_get(json, "reason")));
	write_value(page, "Expected", json_object_get(json, "expected"));
	write_value(page, "Parameters", json_object_get(json, "params"));
	write_rows(page, "Observed", json_object_get(json, "observed"), "no rows");
	write_omitted(page, json_object_get(json, "omitted"));
	write_rows(page, "Sources", json_object_get(json, "sources"), "none was read");
	write_command(page, result->statement);
	return true;
}
