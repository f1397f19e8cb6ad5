#include "core/expect_odd.h"

static json_t *text_of(size_t which) {
	static const char *const texts[EXPECT_ODD] = {"\x02", "\x01\x02 ~", "vouch-odd-48611", "/Zq ~9_"};
	return json_string(texts[which]);
}

static json_t *value_of(enum value_type type, size_t which) {
	static const int64_t numbers[EXPECT_ODD] = {INT64_MIN, INT64_MAX, -7291834861LL, 7291834861LL};
	static const char *const times[EXPECT_ODD] = {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
						      "1907-03-01T04:05:06Z", "2907-03-01T04:05:06Z"};
	switch (type) {
	case VALUE_BOOL:
		return json_boolean(which % 2);
	case VALUE_INT:
	case VALUE_DURATION:
	case VALUE_SIZE:
		return json_integer(numbers[which]);
	case VALUE_MODE:
		return json_string(which % 2 ? "7777" : "0000");
	case VALUE_TIME:
		return json_string(times[which]);
	case VALUE_STRINGS:
		return which == 0 ? json_array() : json_pack("[o, s]", text_of(which), "\x01");
	default:
		return text_of(which);
	}
}

static json_t *rows_of(const struct check *check, size_t which) {
	json_t *row = json_object();
	for (const struct check_field *field = check->fields; field->name; field++)
		json_object_set_new(row, field->name, value_of(field->type, which));
	return json_pack("[o]", row);
}

void expect_odd_make(const struct rule *rule, struct expect_odd *ret_odd) {
	ret_odd->view_count = rule->view_count;
	for (size_t which = 0; which < EXPECT_ODD; which++)
		for (size_t i = 0; i < rule->view_count; i++)
			ret_odd->views[which][i] = (struct view_seen){.name = rule->views[i].name,
								      .check = rule->views[i].check,
								      .ok = true,
								      .rows = rows_of(rule->views[i].check, which)};
}

void expect_odd_done(struct expect_odd *odd) {
	for (size_t which = 0; which < EXPECT_ODD; which++)
		for (size_t i = 0; i < odd->view_count; i++)
			json_decref(odd->views[which][i].rows);
}

bool expect_holds_oddly(const struct expect *value, const struct expect_odd *odd) {
	bool holds[EXPECT_ODD];
	for (size_t which = 0; which < EXPECT_ODD; which++) {
		CLEANUP(buf_done) struct buf ignored = {0};
		holds[which] = expect_judge(value, odd->views[which], &ignored) == EXPECT_HOLDS;
	}
	return (holds[0] && holds[1]) || (holds[2] && holds[3]);
}
