#include "core/events.h"

#define SINCE_DEFAULT (INT64_C(7) * 86400)

static char *name_of(const json_t *params) {
	return xasprintf("journal:events?since=%lld", (long long)param_int(params, "since", SINCE_DEFAULT));
}

void events_ask(const json_t *params, struct names *names) {
	CLEANUP(free_ptr) char *name = name_of(params);
	names_add(names, name);
}

bool events_read(const json_t *params, const struct sources *fetched, json_t **ret_value, struct err *err) {
	CLEANUP(free_ptr) char *name = name_of(params);
	json_t *value;
	if (!source_need_json(fetched, name, &value, err))
		return false;
	if (!json_is_object(value))
		return err_set(err, ERR_MALFORMED, name, "not an object");
	*ret_value = value;
	return true;
}

bool events_class(const json_t *value, const char *name, int64_t *ret_count, bool *ret_more, struct err *err) {
	static const char where[] = "journal:events";
	json_t *classes, *class;
	if (!json_get_object(value, "classes", where, &classes, err) ||
	    !json_get_object(classes, name, where, &class, err) || !json_get_int(class, "count", where, ret_count, err))
		return false;
	*ret_more = json_is_true(json_object_get(class, "more"));
	return true;
}
