#include "sources/chronyc.h"

#include <string.h>

#include "core/lines.h"
#include "core/text.h"
#include "sources/command.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/namespace.h"

#define CHRONYC "/usr/bin/chronyc"
#define TRACKING_FIELDS 14
#define SOURCE_FIELDS 10

/* The fields of a line between commas, in place; false where they are not so many. */
static bool split(char *line, char *fields[], size_t count) {
	for (size_t i = 0; i < count; i++)
		fields[i] = strsep(&line, ",");
	return fields[count - 1] && !line;
}

static bool malformed(const char *where, unsigned line, struct err *err) {
	return err_set(err, ERR_MALFORMED, where, "line %u of chronyc is not what it writes", line);
}

static bool read_tracking(char *line, const char *where, json_t *value, struct err *err) {
	char *fields[TRACKING_FIELDS];
	unsigned long long stratum;
	if (!split(line, fields, TRACKING_FIELDS) || strlen(fields[0]) != 8 ||
	    strspn(fields[0], "0123456789ABCDEF") != 8 || !text_to_u64(fields[2], 255, &stratum))
		return malformed(where, 1, err);
	json_object_set_new(value, "refid", json_string(fields[0]));
	json_object_set_new(value, "stratum", json_integer((json_int_t)stratum));
	json_object_set_new(value, "leap", json_text(fields[TRACKING_FIELDS - 1]));
	return true;
}

static const char *mode_of(const char *text) {
	return !strcmp(text, "^") ? "server" : !strcmp(text, "=") ? "peer" : !strcmp(text, "#") ? "refclock" : NULL;
}

/* reach is written in octal. */
static bool read_source(char *line, json_t *sources) {
	char *fields[SOURCE_FIELDS];
	unsigned long long stratum;
	unsigned reach;
	if (!split(line, fields, SOURCE_FIELDS))
		return false;
	const char *mode = mode_of(fields[0]);
	if (!mode || strlen(fields[1]) != 1 || !strchr("*+-?x~", fields[1][0]) || !*fields[2] ||
	    !text_to_u64(fields[3], 255, &stratum) || !text_to_mode(fields[5], &reach) || reach > 0377)
		return false;
	json_array_append_new(sources, json_pack("{s:s,s:s,s:o,s:o,s:I,s:i}", "mode", mode, "state", fields[1],
						 "address", json_text(fields[2]), "name", json_text(fields[2]),
						 "stratum", (json_int_t)stratum, "reach", (int)reach));
	return true;
}

/* The same sources in the same order, as they were named; two looks between which they changed say no names. */
static void add_names(const char *names, json_t *sources) {
	CLEANUP(lines_done) struct lines lines = lines_over("", names, strlen(names));
	CLEANUP(json_decref_p) json_t *all = json_array();
	json_t *source, *name;
	size_t i;
	for (char *line; (line = lines_next(&lines));) {
		char *fields[SOURCE_FIELDS];
		if (!split(line, fields, SOURCE_FIELDS))
			return;
		json_array_append_new(all, json_text(fields[2]));
	}
	if (json_array_size(all) != json_array_size(sources))
		return;
	json_array_foreach(sources, i, source) {
		name = json_array_get(all, i);
		json_object_set(source, "name", name);
	}
}

bool chronyc_read(const char *numbers, const char *names, const char *where, json_t **ret_value, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, numbers, strlen(numbers));
	CLEANUP(json_decref_p) json_t *value = json_object(), *sources = json_array();
	char *line = lines_next(&lines);
	if (!line || !read_tracking(line, where, value, err))
		return line ? false : malformed(where, 1, err);
	while ((line = lines_next(&lines))) {
		if (json_array_size(sources) == CHRONYC_SOURCES_MOST)
			return err_set(err, ERR_UNREADABLE, where, "more than %d sources", CHRONYC_SOURCES_MOST);
		if (!read_source(line, sources))
			return malformed(where, lines.number, err);
	}
	if (!lines_ok(&lines, err))
		return false;
	add_names(names, sources);
	json_object_set(value, "sources", sources);
	*ret_value = json_incref(value);
	return true;
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	static const char *const by_number[] = {CHRONYC, "-n", "-c", "-m", "tracking", "sources", NULL};
	static const char *const by_name[] = {CHRONYC, "-N", "-c", "sources", NULL};
	CLEANUP(command_output_done) struct command_output numbers = {0}, names = {0};
	if (!namespace_is_hosts_net(ask->name, err) || !command_run(ask, by_number, &numbers, err))
		return false;
	if (numbers.exit == 0 && !command_run(ask, by_name, &names, err))
		return false;
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:i,s:o,s:o}", "exit", numbers.exit, "numbers", json_text(buf_str(&numbers.out)),
				  "names", json_text(names.exit == 0 ? buf_str(&names.out) : ""));
	return answer_json(ask, value, ret_answer, err);
}

static bool shape(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *said = NULL, *value = NULL;
	const char *numbers, *names;
	int64_t status;
	if (!json_read(buf_str(&answer->bytes), answer->bytes.len, SOURCE_LARGEST, ask->name, &said, err) ||
	    !json_get_int(said, "exit", ask->name, &status, err) ||
	    !json_get_string(said, "numbers", ask->name, &numbers, err) ||
	    !json_get_string(said, "names", ask->name, &names, err))
		return false;
	if (status != 0)
		return err_set(err, ERR_UNPROVED, ask->name, "chronyc: %.*s", (int)strcspn(numbers, "\n"), numbers);
	return chronyc_read(numbers, names, ask->name, &value, err) && answer_shaped(ask, value, answer, err);
}

const struct kind kind_chronyc = {.prefix = "cmd:chronyc",
				  .is_whole = true,
				  .is_volatile = true,
				  .helper = HELPER_NET,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .look = look,
				  .shape = shape};
