#include "core/nsswitch.h"

#include "core/lines.h"
#include "core/text.h"

/* "files [NOTFOUND=return] sss": an action may hold blanks, so it is cut from bracket to bracket first. */
static json_t *services_of(char *text) {
	for (char *open = strchr(text, '['); open; open = strchr(open, '[')) {
		char *close = strchr(open, ']');
		size_t len = close ? (size_t)(close - open) + 1 : strlen(open);
		memset(open, ' ', len);
	}
	json_t *services = json_array();
	char *service;
	while ((service = text_word(&text)))
		json_array_append_new(services, json_text(service));
	return services;
}

/* The text behind "database:", or NULL. */
static char *of_database(char *line, const char *database) {
	line[strcspn(line, "#")] = '\0';
	char *text = text_trim(line), *colon = strchr(text, ':');
	if (!colon)
		return NULL;
	*colon = '\0';
	return !strcmp(text_trim(text), database) ? colon + 1 : NULL;
}

bool nsswitch_need(const struct sources *fetched, const char *database, const char *otherwise, json_t **ret_services,
		   struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, NSSWITCH_SOURCE, &source, err))
		return false;
	CLEANUP(free_ptr) char *kept = xstrdup(otherwise);
	CLEANUP(json_decref_p) json_t *services = services_of(kept);
	CLEANUP(lines_done)
	struct lines lines =
		lines_over(NSSWITCH_SOURCE, source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	char *line;
	while ((line = lines_next(&lines))) {
		char *text = of_database(line, database);
		if (!text)
			continue;
		json_decref(services);
		services = services_of(text);
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_services = json_incref(services);
	return true;
}

bool nsswitch_has(const json_t *services, const char *service) {
	size_t i;
	const json_t *value;
	json_array_foreach(services, i, value) {
		if (!strcmp(json_string_value(value), service))
			return true;
	}
	return false;
}
