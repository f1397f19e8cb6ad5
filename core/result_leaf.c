#include "core/result_leaf.h"

static const char where[] = "result";

/* A copy of the rows without the volatile fields. *ret_moves: whether one of them had any. */
json_t *result_still_rows(const json_t *rows, const json_t *volatile_names, bool *ret_moves) {
	json_t *still = json_array(), *row, *name;
	size_t i, j;
	*ret_moves = false;
	json_array_foreach(rows, i, row) {
		json_t *copy = json_copy(row);
		json_array_foreach(volatile_names, j,
				   name) if (json_object_del(copy, json_string_value(name)) == 0) *ret_moves = true;
		json_array_append_new(still, copy);
	}
	return still;
}

static bool check_omitted(const json_t *omitted, struct err *err) {
	int64_t count;
	const char *hex;
	struct hash hash;
	if (!json_get_int(omitted, "count", where, &count, err) ||
	    !json_get_string(omitted, "sha256", where, &hex, err))
		return false;
	if (count < 1 || !hash_from_hex(hex, &hash))
		return err_set(err, ERR_MALFORMED, where, "\"omitted\" is not a count and a digest");
	return true;
}

static bool check_rows(const json_t *rows, const json_t *volatile_names, struct err *err) {
	size_t index;
	json_t *item;
	if (json_array_size(rows) > RESULT_ROWS_MOST)
		return err_set(err, ERR_MALFORMED, where, "more than %d rows", RESULT_ROWS_MOST);
	json_array_foreach(rows, index, item) if (!json_is_object(item)) return err_set(err, ERR_MALFORMED, where,
											"a row is not an object");
	json_array_foreach(volatile_names, index, item) if (!json_is_string(item)) return err_set(
		err, ERR_MALFORMED, where, "\"volatile\" is not of strings");
	return true;
}

/* Digest of what was observed, as docs/FORMAT.md, "State leaf", has it. */
bool result_observation(const json_t *result, char ret_hex[HASH_HEX], struct err *err) {
	json_t *rows, *volatile_names, *omitted = json_object_get(result, "omitted");
	bool moves;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!json_get_array(result, "observed", where, &rows, err) ||
	    !json_get_array(result, "volatile", where, &volatile_names, err) ||
	    !check_rows(rows, volatile_names, err) || (omitted && !check_omitted(omitted, err)))
		return false;
	CLEANUP(json_decref_p) json_t *observation = json_object();
	json_object_set_new(observation, "observed", result_still_rows(rows, volatile_names, &moves));
	if (omitted && !moves)
		json_object_set(observation, "omitted", omitted);
	if (!json_canonical(observation, &bytes, err))
		return false;
	struct hash sha256 = hash_of(bytes.data, bytes.len);
	hash_hex(&sha256, ret_hex);
	return true;
}

static bool is_blind(const char *text) {
	size_t len = strspn(text, "0123456789abcdef");
	return len == 32 && text[len] == '\0';
}

/* Members that the leaf takes over as they are. */
static bool copy_members(const json_t *result, json_t *leaf, struct err *err) {
	static const char *const members[] = {"kind", "reason", "rule", "verdict"};
	enum verdict verdict;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *text;
		if (!json_get_string(result, members[i], where, &text, err))
			return false;
		json_object_set_new(leaf, members[i], json_string(text));
	}
	if (!verdict_from_name(json_string_value(json_object_get(leaf, "verdict")), &verdict))
		return err_set(err, ERR_MALFORMED, where, "\"verdict\" is none");
	json_t *waiver = json_object_get(result, "waiver");
	if (waiver && !json_is_object(waiver))
		return err_set(err, ERR_MALFORMED, where, "\"waiver\" is not an object");
	if (waiver)
		json_object_set(leaf, "waiver", waiver);
	return true;
}

bool result_leaf(const json_t *result, const char *blind, struct buf *ret_leaf, struct err *err) {
	char digest[HASH_HEX];
	CLEANUP(json_decref_p) json_t *leaf = json_object();
	if (!is_blind(blind))
		return err_set(err, ERR_MALFORMED, where, "a blind is 32 hexadecimal digits");
	if (!copy_members(result, leaf, err) || !result_observation(result, digest, err))
		return false;
	json_object_set_new(leaf, "blind", json_string(blind));
	json_object_set_new(leaf, "observation", json_string(digest));
	return json_canonical(leaf, ret_leaf, err);
}
