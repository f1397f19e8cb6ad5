#include "core/mounts.h"

#include "core/text.h"

static int64_t number(const json_t *mount, const char *member) {
	return json_integer_value(json_object_get(mount, member));
}

const char *mount_text(const json_t *mount, const char *member) {
	const char *text = json_string_value(json_object_get(mount, member));
	return text ? text : "";
}

bool mounts_need(const struct sources *fetched, const json_t **ret_table, struct err *err) {
	json_t *table = NULL;
	if (!source_need_json(fetched, "mounts:", &table, err))
		return false;
	if (!json_is_array(table) || json_array_size(table) == 0)
		return err_set(err, ERR_UNPROVED, "mounts:", "the table is empty, which no running system's is");
	size_t i;
	const json_t *mount;
	json_array_foreach(table, i, mount) {
		if (!json_is_integer(json_object_get(mount, "id")) ||
		    !json_is_integer(json_object_get(mount, "parent")) ||
		    !json_is_string(json_object_get(mount, "target")))
			return err_set_at(err, ERR_MALFORMED, "mounts:", (unsigned)i + 1, 0,
					  "entry without id or target");
	}
	*ret_table = table;
	return true;
}

static bool is_root(const json_t *table, const json_t *mount) {
	if (strcmp(mount_text(mount, "target"), "/") != 0)
		return false;
	size_t i;
	const json_t *other;
	json_array_foreach(table, i, other) {
		if (other != mount && number(other, "id") == number(mount, "parent"))
			return false;
	}
	return true;
}

/* The mount that lies on `on` at the first len bytes of path; the last one where there are several. */
static const json_t *lying_on(const json_t *table, const json_t *on, const char *path, size_t len) {
	const json_t *found = NULL, *mount;
	size_t i;
	json_array_foreach(table, i, mount) {
		const char *target = mount_text(mount, "target");
		if (mount != on && number(mount, "parent") == number(on, "id") && strlen(target) == len &&
		    !memcmp(target, path, len))
			found = mount;
	}
	return found;
}

/* Mounts may be stacked: climb to the top one. The table's size bounds the climb, whatever the ids say. */
static const json_t *top_at(const json_t *table, const json_t *mount, const char *path, size_t len) {
	for (size_t left = json_array_size(table); left > 0; left--) {
		const json_t *above = lying_on(table, mount, path, len);
		if (!above)
			break;
		mount = above;
	}
	return mount;
}

const json_t *mounts_holding(const json_t *table, const char *path) {
	const json_t *here = NULL, *mount;
	size_t i;
	json_array_foreach(table, i, mount) {
		if (is_root(table, mount))
			here = mount;
	}
	if (!here)
		return NULL;
	here = top_at(table, here, "/", 1);
	for (size_t len = 1; path[0] == '/' && path[len - 1]; len++)
		if (len > 1 && (path[len] == '/' || path[len] == '\0'))
			here = top_at(table, here, path, len);
	return here;
}

bool mount_has(const json_t *mount, const char *list, const char *option) {
	size_t i;
	const json_t *value;
	json_array_foreach(json_object_get(mount, list), i, value) {
		if (!strcmp(json_string_value(value) ? json_string_value(value) : "", option))
			return true;
	}
	return false;
}

const char *mount_value(const json_t *mount, const char *name) {
	size_t i, len = strlen(name);
	const json_t *value;
	json_array_foreach(json_object_get(mount, "super_options"), i, value) {
		const char *text = json_string_value(value);
		if (text && text_starts(text, name) && text[len] == '=')
			return text + len + 1;
	}
	return NULL;
}
