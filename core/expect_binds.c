#include "core/expect_binds.h"

#include "core/expect_tree.h"

static bool is_of_rows(const struct expect *node) {
	return node->kind == NODE_EVERY || node->kind == NODE_SOME || node->kind == NODE_NONE ||
	       node->kind == NODE_COUNT;
}

static bool names(const struct expect *node, const char *field);

static bool names_field_of(const struct expect *node, size_t view) {
	if (is_of_rows(node))
		return node->view == view && names(node, NULL);
	for (size_t i = 0; i < node->part_count; i++)
		if (names_field_of(node->parts[i], view))
			return true;
	return false;
}

/* Whether a count of all rows holds of none and of no more. */
static bool is_of_none(const struct expect *count) {
	const struct view_seen views[POLICY_VIEWS_MOST] = {0}; /* no number to compare with */
	bool holds[3];
	for (size_t n = 0; n < ARRAY_LEN(holds); n++) {
		CLEANUP(json_decref_p) json_t *number = json_integer((json_int_t)n);
		holds[n] = match_judge(count->match, number, views) == EXPECT_HOLDS;
	}
	return holds[0] && !holds[1] && !holds[2];
}

bool expect_binds(const struct expect *expect, const struct expect *of, size_t view) {
	size_t binding = 0;
	if (expect->kind == NODE_EVERY)
		return expect->view == view;
	if (expect->kind == NODE_COUNT)
		return expect->view == view && expect->part_count == 0 &&
		       (!names_field_of(of, view) || is_of_none(expect));
	if (expect->kind != NODE_ALL && expect->kind != NODE_ANY)
		return false;
	for (size_t i = 0; i < expect->part_count; i++)
		binding += expect_binds(expect->parts[i], of, view);
	return expect->kind == NODE_ALL ? binding > 0 : binding == expect->part_count;
}

bool expect_is_about(const struct expect *expect, size_t view) {
	if (is_of_rows(expect))
		return expect->view == view;
	for (size_t i = 0; i < expect->part_count; i++)
		if (expect_is_about(expect->parts[i], view))
			return true;
	return false;
}

/* Names are as rules write them, "view.field": equal names are equal fields. */
static bool names(const struct expect *node, const char *field) {
	if (node->kind == NODE_FIELD)
		return !field || !strcmp(node->name, field);
	for (size_t i = 0; i < node->part_count; i++)
		if (names(node->parts[i], field))
			return true;
	return false;
}

static bool is_open(const struct expect *field, size_t view, const struct expect_odd *odd) {
	bool holds[EXPECT_ODD];
	for (size_t i = 0; i < EXPECT_ODD; i++) {
		const json_t *row = json_array_get(odd->views[i][view].rows, 0);
		holds[i] = match_judge(field->match, json_object_get(row, field->field->name), odd->views[i]) ==
			   EXPECT_HOLDS;
	}
	return (holds[0] && holds[1]) || (holds[2] && holds[3]);
}

/* view: whose rows the node is about, once that is known. */
static bool settles(const struct expect *node, const char *field, size_t view, const struct expect_odd *odd) {
	if (node->kind == NODE_FIELD)
		return !strcmp(node->name, field) && !is_open(node, view, odd);
	for (size_t i = 0; i < node->part_count; i++)
		if (settles(node->parts[i], field, is_of_rows(node) ? node->view : view, odd))
			return true;
	return false;
}

static bool shares(const struct expect *expect, const struct expect *of, const struct expect_odd *odd) {
	if (of->kind == NODE_FIELD)
		return settles(expect, of->name, 0, odd);
	for (size_t i = 0; i < of->part_count; i++)
		if (shares(expect, of->parts[i], odd))
			return true;
	return false;
}

bool expect_shares_field(const struct expect *expect, const struct expect *of, const struct expect_odd *odd) {
	return !names(of, NULL) || shares(expect, of, odd);
}

bool expect_names(const struct expect *expect, const char *field) { return names(expect, field); }
