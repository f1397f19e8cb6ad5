#include "verify/found.h"

#include "core/text.h"

void found_done(struct found *found) {
	for (size_t i = 0; i < found->count; i++) {
		free(found->items[i].where);
		free(found->items[i].why);
	}
	free(found->items);
	*found = (struct found){0};
}

void found_add(struct found *found, enum found_kind kind, enum found_step step, const char *where, const char *why,
	       ...) {
	if (++found->totals[kind][step] > FOUND_KEPT_MOST)
		return;
	va_list arguments;
	va_start(arguments, why);
	char *text = xvasprintf(why, arguments);
	va_end(arguments);
	text_replace_controls(text);
	found->items = xreallocarray(found->items, found->count + 1, sizeof *found->items);
	struct found_item *item = &found->items[found->count++];
	*item = (struct found_item){kind, step, xstrdup(where), text};
	text_replace_controls(item->where);
}

void found_err(struct found *found, enum found_step step, const char *where, const struct err *err) {
	char text[640];
	found_add(found, FOUND_CONTRADICTION, step, where, "%s",
		  strcmp(err->where, where) != 0 ? err_text(err, text, sizeof text) : err->why);
}

size_t found_total(const struct found *found, enum found_kind kind) {
	size_t total = 0;
	for (size_t i = 0; i < FOUND_STEPS; i++)
		total += found->totals[kind][i];
	return total;
}

const char *found_step_name(enum found_step step) {
	static const char *const names[FOUND_STEPS] = {"manifest", "log",    "anchors", "keys",
						       "chains",   "bodies", "time",    "timeline"};
	return names[step];
}
