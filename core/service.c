#include "core/service.h"

#include "core/text.h"

void service_ask(const char *unit, struct names *names) { names_addf(names, "unit:%s", unit); }

static bool is(const json_t *value, const char *property, const char *word) {
	const char *text = json_string_value(json_object_get(value, property));
	return text && !strcmp(text, word);
}

bool service_read(const struct sources *fetched, const char *unit, struct service *ret_service, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	json_t *value;
	if (!source_maybe_json(fetched, name, &value, err))
		return false;
	const char *sub = json_string_value(json_object_get(value, "SubState"));
	bool is_up = is(value, "ActiveState", "active") || is(value, "ActiveState", "reloading") ||
		     is(value, "ActiveState", "activating");
	*ret_service = (struct service){
		.is_loaded = is(value, "LoadState", "loaded"),
		.is_active = is_up && !(sub && text_starts(sub, "auto-restart")),
		.is_enabled = is(value, "UnitFileState", "enabled"),
		.started = json_integer_value(json_object_get(value, "ExecMainStartTimestamp")) / 1000000,
	};
	return true;
}
