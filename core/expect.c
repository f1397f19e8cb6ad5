/* Judging: three-valued, without a word; and, when something does not hold, the words for it. */
#include "core/expect_tree.h"

#define OTHERS_NAMED 3

void expect_free(struct expect *expect) {
	if (!expect)
		return;
	for (size_t i = 0; i < expect->part_count; i++)
		expect_free(expect->parts[i]);
	free(expect->parts);
	free(expect->name);
	match_free(expect->match);
	json_decref(expect->json);
	free(expect);
}

json_t *expect_json(const struct expect *expect) { return json_incref(expect->json); }

static const json_t *field_of(const struct expect *node, const json_t *row) {
	const json_t *value = json_object_get(row, node->field->name);
	return json_is_null(value) ? NULL : value;
}

static enum expect_outcome not_of(enum expect_outcome outcome) {
	return outcome == EXPECT_CANNOT_SAY ? outcome : outcome == EXPECT_HOLDS ? EXPECT_FAILS : EXPECT_HOLDS;
}

static enum expect_outcome judge_row(const struct expect *node, const json_t *row, const struct view_seen *views) {
	if (!json_is_object(row))
		return EXPECT_CANNOT_SAY;
	if (node->kind == NODE_FIELD)
		return match_judge(node->match, field_of(node, row), views);
	if (node->kind == NODE_NOT)
		return not_of(judge_row(node->parts[0], row, views));
	enum expect_outcome decisive = node->kind == NODE_ANY ? EXPECT_HOLDS : EXPECT_FAILS;
	enum expect_outcome whole = not_of(decisive);
	for (size_t i = 0; i < node->part_count && whole != decisive; i++) {
		enum expect_outcome part = judge_row(node->parts[i], row, views);
		if (part == decisive || part == EXPECT_CANNOT_SAY)
			whole = part;
	}
	return whole;
}

static json_t *rows_of(const struct expect *node, const struct view_seen *views) { return views[node->view].rows; }

/* How many rows there are of each outcome of the part about rows. */
struct tally {
	size_t of[3];
};

static struct tally tally_rows(const struct expect *node, const struct view_seen *views) {
	struct tally tally = {0};
	size_t index;
	json_t *row;
	if (node->part_count == 0)
		tally.of[EXPECT_HOLDS] = json_array_size(rows_of(node, views));
	else
		json_array_foreach(rows_of(node, views), index, row) tally.of[judge_row(node->parts[0], row, views)]++;
	return tally;
}

/* Rows that cannot be said to match may or may not count: the outcome must be the same for every number between. */
static enum expect_outcome judge_count(const struct expect *node, const struct view_seen *views) {
	struct tally tally = tally_rows(node, views);
	enum expect_outcome whole = EXPECT_CANNOT_SAY;
	for (size_t i = 0; i <= tally.of[EXPECT_CANNOT_SAY]; i++) {
		CLEANUP(json_decref_p)
		json_t *number = json_integer((json_int_t)tally.of[EXPECT_HOLDS] + (json_int_t)i);
		enum expect_outcome one = match_judge(node->match, number, views);
		if (i > 0 && one != whole)
			return EXPECT_CANNOT_SAY;
		whole = one;
	}
	return whole;
}

static enum expect_outcome judge_quantified(const struct expect *node, const struct view_seen *views) {
	struct tally tally = tally_rows(node, views);
	if (node->kind == NODE_EVERY) {
		if (tally.of[EXPECT_FAILS])
			return EXPECT_FAILS;
		return tally.of[EXPECT_CANNOT_SAY] || !tally.of[EXPECT_HOLDS] ? EXPECT_CANNOT_SAY : EXPECT_HOLDS;
	}
	enum expect_outcome some = tally.of[EXPECT_HOLDS]        ? EXPECT_HOLDS
				   : tally.of[EXPECT_CANNOT_SAY] ? EXPECT_CANNOT_SAY
								 : EXPECT_FAILS;
	if (node->kind == NODE_NONE)
		return not_of(some);
	return json_array_size(rows_of(node, views)) ? some : EXPECT_CANNOT_SAY;
}

static enum expect_outcome judge_table(const struct expect *node, const struct view_seen *views) {
	if (node->kind == NODE_NOT)
		return not_of(judge_table(node->parts[0], views));
	if (node->kind == NODE_COUNT)
		return json_is_array(rows_of(node, views)) ? judge_count(node, views) : EXPECT_CANNOT_SAY;
	if (node->kind != NODE_ALL && node->kind != NODE_ANY)
		return json_is_array(rows_of(node, views)) ? judge_quantified(node, views) : EXPECT_CANNOT_SAY;
	enum expect_outcome decisive = node->kind == NODE_ANY ? EXPECT_HOLDS : EXPECT_FAILS;
	enum expect_outcome whole = not_of(decisive);
	for (size_t i = 0; i < node->part_count && whole != decisive; i++) {
		enum expect_outcome part = judge_table(node->parts[i], views);
		if (part == decisive || part == EXPECT_CANNOT_SAY)
			whole = part;
	}
	return whole;
}

static void describe_joined(const struct expect *node, const char *between, struct buf *text) {
	bool many = node->part_count > 1;
	buf_adds(text, many && node->kind == NODE_ANY ? "(" : "");
	for (size_t i = 0; i < node->part_count; i++) {
		buf_adds(text, i ? between : "");
		expect_describe(node->parts[i], text);
	}
	buf_adds(text, many && node->kind == NODE_ANY ? ")" : "");
}

void expect_describe(const struct expect *expect, struct buf *text) {
	static const char *const before[] = {
		[NODE_NOT] = "not (", [NODE_EVERY] = "", [NODE_SOME] = "some row has ", [NODE_NONE] = "no row has "};
	switch (expect->kind) {
	case NODE_FIELD:
		buf_addf(text, "%s ", expect->name);
		match_describe(expect->match, text);
		break;
	case NODE_COUNT:
		match_describe(expect->match, text);
		buf_adds(text, expect->part_count ? " rows with " : " rows");
		describe_joined(expect, "", text);
		break;
	case NODE_ALL:
		describe_joined(expect, " and ", text);
		break;
	case NODE_ANY:
		describe_joined(expect, " or ", text);
		break;
	default:
		buf_adds(text, before[expect->kind]);
		expect_describe(expect->parts[0], text);
		buf_adds(text, expect->kind == NODE_NOT ? ")" : "");
	}
}

/* The part that brought this outcome about: the first within `all` that has it. */
static const struct expect *deciding(const struct expect *node, const json_t *row, const struct view_seen *views,
				     enum expect_outcome outcome) {
	while (node->kind == NODE_ALL) {
		size_t i = 0;
		while (i + 1 < node->part_count && judge_row(node->parts[i], row, views) != outcome)
			i++;
		node = node->parts[i];
	}
	return node;
}

/* Beside other fields these say nothing by being as they are: what the row is named by, and that it is there. */
static bool is_plain_to_see(const struct expect *part, const json_t *row, const struct check_field *named_by) {
	return part->kind == NODE_FIELD &&
	       (part->field == named_by || (!strcmp(part->field->name, "exists") && json_is_true(field_of(part, row))));
}

/* Why a row matches, in what was seen: of `any` only what holds, and what is plain to see only where that is all. */
static void tell_row(const struct expect *node, const json_t *row, const struct view_seen *views,
		     const struct check_field *named_by, struct buf *text) {
	if (node->kind == NODE_FIELD) {
		match_tell(node->match, field_of(node, row), text);
		return;
	}
	if (node->kind == NODE_NOT) {
		buf_adds(text, "not (");
		expect_describe(node->parts[0], text);
		buf_adds(text, ")");
		return;
	}
	bool is_all_plain = true;
	for (size_t i = 0; i < node->part_count; i++)
		is_all_plain &= is_plain_to_see(node->parts[i], row, named_by);
	const char *between = "";
	for (size_t i = 0; i < node->part_count; i++) {
		const struct expect *part = node->parts[i];
		if ((!is_all_plain && is_plain_to_see(part, row, named_by)) ||
		    judge_row(part, row, views) != EXPECT_HOLDS)
			continue;
		buf_adds(text, between);
		tell_row(part, row, views, named_by, text);
		between = " and ";
	}
}

static void explain_row(const struct expect *node, const json_t *row, const struct view_seen *views,
			enum expect_outcome outcome, struct buf *reason) {
	node = deciding(node, row, views, outcome);
	if (!json_is_object(row)) {
		buf_adds(reason, "a row is not an object");
	} else if (node->kind == NODE_FIELD) {
		match_explain(node->match, field_of(node, row), views, outcome, reason);
	} else if (node->kind == NODE_NOT && outcome == EXPECT_FAILS) {
		tell_row(node->parts[0], row, views, NULL, reason);
		buf_adds(reason, ", which is not allowed");
	} else if (node->kind == NODE_NOT) {
		explain_row(node->parts[0], row, views, outcome, reason);
	} else {
		const char *between = "";
		for (size_t i = 0; i < node->part_count; i++)
			if (judge_row(node->parts[i], row, views) == outcome) {
				buf_adds(reason, between);
				explain_row(node->parts[i], row, views, outcome, reason);
				between = "; ";
			}
	}
}

/* "eth0: ", after the row's first field; its number where that field may not be told; nothing where it says nothing. */
static void label_row(const struct expect *node, const struct expect *about, size_t index,
		      const struct view_seen *views, struct buf *reason) {
	const struct check_field *first = &node->check->fields[0];
	json_t *rows = rows_of(node, views);
	const json_t *value = json_object_get(json_array_get(rows, index), first->name);
	bool hidden = match_is_hidden(first);
	if (about->kind == NODE_FIELD && about->field == first && !hidden)
		return;
	if (hidden || !value || !value_has_type(value, first->type)) {
		if (json_array_size(rows) > 1)
			buf_addf(reason, "row %zu: ", index + 1);
		return;
	}
	if (first->type == VALUE_STRING)
		value_text_plain(json_string_value(value), reason);
	else
		value_text(value, first->type, reason);
	buf_adds(reason, ": ");
}

/* The first row whose part has this outcome, and how many more have it. */
static size_t first_row(const struct expect *node, const struct view_seen *views, enum expect_outcome outcome,
			size_t *ret_more) {
	size_t index, first = 0, count = 0;
	json_t *row;
	json_array_foreach(rows_of(node, views), index, row) {
		if (judge_row(node->parts[0], row, views) == outcome && count++ == 0)
			first = index;
	}
	*ret_more = count > 0 ? count - 1 : 0;
	return first;
}

/* " (fs.suid_dumpable, ...)": the names of the rows behind the first with this outcome, where names may be told. */
static void name_others(const struct expect *node, const struct view_seen *views, enum expect_outcome outcome,
			size_t first, struct buf *reason) {
	const struct check_field *field = &node->check->fields[0];
	const json_t *rows = rows_of(node, views);
	const char *own = json_string_value(json_object_get(json_array_get(rows, first), field->name));
	size_t named = 0;
	if (field->type != VALUE_STRING || match_is_hidden(field) || !own)
		return;
	for (size_t i = first + 1; i < json_array_size(rows) && named <= OTHERS_NAMED; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = json_string_value(json_object_get(row, field->name));
		if (!name || !strcmp(name, own) || judge_row(node->parts[0], row, views) != outcome)
			continue;
		buf_adds(reason, named ? ", " : " (");
		if (named++ == OTHERS_NAMED)
			buf_adds(reason, "...");
		else
			value_text_plain(name, reason);
	}
	if (named)
		buf_adds(reason, ")");
}

static void explain_first_row(const struct expect *node, const struct view_seen *views, enum expect_outcome outcome,
			      struct buf *reason) {
	size_t more, index = first_row(node, views, outcome, &more);
	const json_t *row = json_array_get(rows_of(node, views), index);
	const struct expect *about = node->parts[0];
	if (outcome != EXPECT_HOLDS)
		about = deciding(about, row, views, outcome);
	label_row(node, about, index, views, reason);
	if (outcome == EXPECT_HOLDS) {
		tell_row(node->parts[0], row, views, node->check->fields, reason);
		buf_adds(reason, ", which is not allowed");
	} else {
		explain_row(node->parts[0], row, views, outcome, reason);
	}
	if (more) {
		buf_addf(reason, ", and %zu more", more);
		name_others(node, views, outcome, index, reason);
	}
}

static void explain_count(const struct expect *node, const struct view_seen *views, struct buf *reason) {
	size_t count = tally_rows(node, views).of[EXPECT_HOLDS];
	buf_addf(reason, "found %zu", count);
	if (node->part_count) {
		buf_adds(reason, " with ");
		expect_describe(node->parts[0], reason);
	}
	buf_adds(reason, ", expected ");
	match_describe(node->match, reason);
}

static void explain_rows(const struct expect *node, const struct view_seen *views, enum expect_outcome outcome,
			 struct buf *reason) {
	size_t count = json_array_size(rows_of(node, views));
	const char *view = views[node->view].name;
	if (node->kind == NODE_COUNT && (outcome == EXPECT_FAILS || !tally_rows(node, views).of[EXPECT_CANNOT_SAY])) {
		explain_count(node, views, reason);
	} else if (count == 0) {
		buf_addf(reason, "there is nothing to judge: %s%snothing was found", view, *view ? ": " : "");
	} else if (outcome == EXPECT_CANNOT_SAY || node->kind == NODE_EVERY || count == 1) {
		explain_first_row(node, views,
				  node->kind == NODE_NONE && outcome == EXPECT_FAILS ? EXPECT_HOLDS : outcome, reason);
	} else if (node->kind == NODE_NONE) {
		explain_first_row(node, views, EXPECT_HOLDS, reason);
	} else {
		buf_addf(reason, "none of the %zu that were found has ", count);
		expect_describe(node->parts[0], reason);
	}
}

static void explain_table(const struct expect *node, const struct view_seen *views, enum expect_outcome outcome,
			  struct buf *reason) {
	const char *between = node->kind == NODE_ANY && node->part_count > 1 ? "none of these holds: " : "";
	if (node->kind == NODE_NOT && outcome == EXPECT_FAILS) {
		buf_adds(reason, "expected not to find, and found: ");
		expect_describe(node->parts[0], reason);
	} else if (node->kind == NODE_NOT) {
		explain_table(node->parts[0], views, outcome, reason);
	} else if (node->kind != NODE_ALL && node->kind != NODE_ANY) {
		explain_rows(node, views, outcome, reason);
	} else {
		if (outcome == EXPECT_CANNOT_SAY)
			between = "";
		for (size_t i = 0; i < node->part_count; i++) {
			if (judge_table(node->parts[i], views) != outcome)
				continue;
			buf_adds(reason, between);
			explain_table(node->parts[i], views, outcome, reason);
			if (node->kind == NODE_ALL || outcome == EXPECT_CANNOT_SAY)
				return;
			between = "; ";
		}
	}
}

enum expect_outcome expect_judge(const struct expect *expect, const struct view_seen *views, struct buf *reason) {
	enum expect_outcome outcome = judge_table(expect, views);
	if (outcome != EXPECT_HOLDS)
		explain_table(expect, views, outcome, reason);
	return outcome;
}
