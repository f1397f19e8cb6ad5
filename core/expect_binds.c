#include "core/expect_binds.h"

#include "core/expect_tree.h"

static bool is_of_rows(const struct expect *node) {
	return node->kind == NODE_EVERY || node->kind == NODE_SOME || node->kind == NODE_NONE ||
	       node->kind == NODE_COUNT;
}

bool expect_binds(const struct expect *expect, size_t view) {
	size_t binding = 0;
	if (expect->kind == NODE_EVERY)
		return expect->view == view;
	if (expect->kind == NODE_COUNT)
		return expect->view == view && expect->part_count == 0;
	if (expect->kind != NODE_ALL && expect->kind != NODE_ANY)
		return false;
	for (size_t i = 0; i < expect->part_count; i++)
		binding += expect_binds(expect->parts[i], view);
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

static bool shares(const struct expect *expect, const struct expect *of) {
	if (of->kind == NODE_FIELD)
		return names(expect, of->name);
	for (size_t i = 0; i < of->part_count; i++)
		if (shares(expect, of->parts[i]))
			return true;
	return false;
}

bool expect_shares_field(const struct expect *expect, const struct expect *of) {
	return !names(of, NULL) || shares(expect, of);
}

bool expect_names(const struct expect *expect, const char *field) { return names(expect, field); }
