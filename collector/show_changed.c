/* What a result was before it changed: since when, by whom, and what of it is no longer so. */
#include "collector/show.h"
#include "core/result.h"
#include "core/times.h"

#define CHANGED_ROWS_MOST 200 /* of each list: more are not compared */
#define CHANGED_BY_MOST 16
#define CHANGED_LARGEST (16 << 20)

/* New reference; NULL: none is kept. */
static json_t *read_changed(const char *kept) {
	json_t *changed = NULL;
	struct err ignored;
	return kept && json_read(kept, strlen(kept), CHANGED_LARGEST, "changed", &changed, &ignored) ? changed : NULL;
}

static void write_process(struct page *page, const json_t *by) {
	static const char *const members[] = {"package", "pid", "user", "uid", "auid", "at", "source"};
	CLEANUP(free_ptr) char *process = show_text(json_object_get(by, "process"));
	page_open(page, "li", NULL);
	page_element(page, "code", process, NULL);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *value = json_object_get(by, members[i]);
		CLEANUP(free_ptr) char *text = value ? show_text(value) : NULL;
		if (text)
			page_textf(page, ", %s %s", members[i], text);
	}
	page_close(page);
}

static void write_whom(struct page *page, const json_t *changed) {
	const json_t *by = json_object_get(changed, "by"), *nobody = json_object_get(changed, "unattributed");
	const json_int_t more = json_integer_value(json_object_get(changed, "moreBy"));
	size_t i;
	json_t *one;
	if (nobody) {
		CLEANUP(free_ptr) char *text = show_text(nobody);
		page_open(page, "p", NULL);
		page_textf(page, "Changed by nobody who can be named: %s", text);
		page_close(page);
	}
	if (!json_array_size(by))
		return;
	page_element(page, "p", "Changed by, as far as the host's logs say:", NULL);
	page_open(page, "ul", NULL);
	json_array_foreach(by, i, one) if (i < CHANGED_BY_MOST) write_process(page, one);
	page_close(page);
	if (more > 0) {
		page_open(page, "p", NULL);
		page_textf(page, "and %lld more", (long long)more);
		page_close(page);
	}
}

static bool has_row(const json_t *rows, const json_t *row) {
	size_t i;
	json_t *other;
	json_array_foreach(rows, i, other) if (i < CHANGED_ROWS_MOST && json_equal(other, row)) return true;
	return false;
}

/* Rows of one that the other has not. New reference. */
static json_t *without(const json_t *rows, const json_t *other) {
	json_t *list = json_array(), *row;
	size_t i;
	json_array_foreach(rows, i, row) if (i < CHANGED_ROWS_MOST && !has_row(other, row))
		json_array_append(list, row);
	return list;
}

/* Without the fields that move by themselves: what it was has none of them. */
static json_t *still_rows(const json_t *result) {
	bool moves;
	const json_t *names = json_object_get(result, "volatile");
	return json_is_array(names) ? result_still_rows(json_object_get(result, "observed"), names, &moves)
				    : json_incref(json_object_get(result, "observed"));
}

static void write_difference(struct page *page, const json_t *result, const json_t *changed) {
	const json_t *was = json_object_get(changed, "observed");
	CLEANUP(json_decref_p) json_t *is = still_rows(result);
	CLEANUP(json_decref_p) json_t *gone = without(was, is);
	CLEANUP(json_decref_p) json_t *added = without(is, was);
	if (json_array_size(gone) > 0)
		show_table(page, "No longer observed", gone);
	if (json_array_size(added) > 0)
		show_table(page, "Observed since", added);
}

void show_changed_verdict(struct page *page, const json_t *result, const char *kept) {
	CLEANUP(json_decref_p) json_t *changed = read_changed(kept);
	int64_t since;
	if (!changed)
		return;
	CLEANUP(free_ptr) char *was = show_text(json_object_get(changed, "verdict"));
	CLEANUP(free_ptr) char *is = show_text(json_object_get(result, "verdict"));
	const char *text = json_string_value(json_object_get(changed, "since"));
	if (!strcmp(was, is))
		return;
	page_open(page, "p", "class", "changed", NULL);
	page_textf(page, "Changed: it was %s", was);
	if (text && times_parse(text, &since)) {
		page_text(page, " since ");
		page_time(page, since);
	}
	page_text(page, " before.");
	page_close(page);
}

void show_changed(struct page *page, const json_t *result, const char *kept) {
	CLEANUP(json_decref_p) json_t *changed = read_changed(kept);
	int64_t since;
	if (!changed)
		return;
	CLEANUP(free_ptr) char *verdict = show_text(json_object_get(changed, "verdict"));
	CLEANUP(free_ptr) char *reason = show_text(json_object_get(changed, "reason"));
	const char *text = json_string_value(json_object_get(changed, "since"));
	page_open(page, "p", "class", "changed", NULL);
	page_textf(page, "Before: %s", verdict);
	if (text && times_parse(text, &since)) {
		page_text(page, ", since ");
		page_time(page, since);
	}
	page_textf(page, ": %s", reason);
	if (json_object_get(changed, "noticed"))
		page_text(page, " It changed while the agent did not run.");
	page_close(page);
	write_whom(page, changed);
	write_difference(page, result, changed);
}
