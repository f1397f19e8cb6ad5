/* What a plugin says: an organisation's own program, or a monitoring plugin. */
#include "core/check.h"
#include "core/plugin_call.h"
#include "core/plugin_output.h"
#include "core/row.h"
#include "core/text.h"
#include "core/value.h"

static const struct check_param params[] = {
	{"name", VALUE_STRING, true, "The plugin: a file in /etc/vouch/plugins.d or /usr/lib/vouch/plugins.d."},
	{"arguments", VALUE_STRINGS, false, "What it is run with; none if left out. They stand in the evidence."},
	{0},
};

static const struct check_field fields[] = {
	{"row", VALUE_STRING, NULL,
	 "status: the one row of a monitoring plugin; perf: one of its perfdata; item: a line of JSON.", PRIVACY_PUBLIC,
	 false},
	{"state", VALUE_STRING, NULL,
	 "ok, warning, critical: after the exit code, in every row of the run; of a line of JSON its own \"state\", ok "
	 "where it has none. What a plugin cannot say is a failed look, never a state.",
	 PRIVACY_PUBLIC, false},
	{"text", VALUE_STRING, NULL, "The first line; of JSON \"text\".", PRIVACY_PERSONAL, true},
	{"lines", VALUE_STRINGS, NULL, "Further lines of text.", PRIVACY_PERSONAL, true},
	{"label", VALUE_STRING, NULL, "Of perfdata.", PRIVACY_PUBLIC, false},
	{"value", VALUE_STRING, NULL, "The value of perfdata as it was printed; U: undetermined.", PRIVACY_PUBLIC,
	 true},
	{"number", VALUE_INT, NULL, "That value where it has no fraction; of JSON \"number\".", PRIVACY_PUBLIC, true},
	{"millionths", VALUE_INT, NULL, "That value times 1,000,000, where that is exact.", PRIVACY_PUBLIC, true},
	{"bytes", VALUE_SIZE, "bytes", "That value where its unit is B, KiB, MiB, GiB or TiB.", PRIVACY_PUBLIC, true},
	{"unit", VALUE_STRING, NULL, "Of perfdata, as printed, empty where there is none; of JSON \"unit\".",
	 PRIVACY_PUBLIC, false},
	{"warn", VALUE_STRING, NULL, "The range of perfdata outside of which it warns, as printed.", PRIVACY_PUBLIC,
	 false},
	{"crit", VALUE_STRING, NULL, "The range outside of which it is critical.", PRIVACY_PUBLIC, false},
	{"min", VALUE_STRING, NULL, "The least that there can be.", PRIVACY_PUBLIC, false},
	{"max", VALUE_STRING, NULL, "The most that there can be.", PRIVACY_PUBLIC, false},
	{"item", VALUE_STRING, NULL, "Of JSON \"item\": what the line is about.", PRIVACY_PUBLIC, false},
	{"at", VALUE_TIME, NULL, "Of JSON \"at\".", PRIVACY_PUBLIC, true},
	{"flag", VALUE_BOOL, NULL, "Of JSON \"flag\".", PRIVACY_PUBLIC, false},
	{"list", VALUE_STRINGS, NULL, "Of JSON \"list\".", PRIVACY_PUBLIC, false},
	{"more", VALUE_STRINGS, NULL, "Of JSON all other members, as \"key=value\", sorted.", PRIVACY_PUBLIC, false},
	{0},
};

/* Members of a line of JSON that are fields of their own, "state" beside. */
static const struct {
	const char *key;
	enum value_type type;
} own[] = {{"item", VALUE_STRING}, {"text", VALUE_STRING}, {"number", VALUE_INT},  {"unit", VALUE_STRING},
	   {"at", VALUE_TIME},     {"flag", VALUE_BOOL},   {"list", VALUE_STRINGS}};

static const char *const patterns[] = {PLUGIN_PREFIX "*", NULL};

static char *source_name(const json_t *with) {
	return plugin_source(param_string(with, "name", ""), json_object_get(with, "arguments"));
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *name = source_name(with);
	names_add(names, name);
}

static bool is_own(const char *key) {
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!strcmp(own[i].key, key))
			return true;
	return !strcmp(key, "state");
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char *more_of(const char *key, const json_t *member) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err never; /* plugin_output_read() lets nothing through that cannot be written */
	if (!json_is_string(member) && !json_canonical(member, &text, &never))
		return xstrdup(key);
	return xasprintf("%s=%s", key, json_is_string(member) ? json_string_value(member) : buf_str(&text));
}

static void add_more(json_t *row, const json_t *item) {
	char **lines = xcalloc(json_object_size(item) + 1, sizeof *lines);
	size_t count = 0;
	const char *key;
	json_t *member;
	json_object_foreach((json_t *)item, key, member) if (!is_own(key)) lines[count++] = more_of(key, member);
	qsort(lines, count, sizeof *lines, by_bytes);
	for (size_t i = 0; i < count; i++) {
		row_text_append(row, "more", lines[i]);
		free(lines[i]);
	}
	free(lines);
}

/* "unknown" is a look that failed, whatever the other lines say. */
static bool read_state(const json_t *item, const char *where, unsigned line, const char **ret_state, struct err *err) {
	static const char *const states[] = {"ok", "warning", "critical"};
	const json_t *member = json_object_get(item, "state");
	const char *state = member ? json_string_value(member) : "ok";
	CLEANUP(buf_done) struct buf words = {0};
	if (text_is_one_of(state, states, ARRAY_LEN(states))) {
		*ret_state = state;
		return true;
	}
	if (!state || strcmp(state, "unknown") != 0)
		return err_set_at(err, ERR_MALFORMED, where, line, 0,
				  "\"state\" is not ok, warning, critical or unknown");
	const char *text = json_string_value(json_object_get(item, "text"));
	buf_adds(&words, "the plugin could not say: ");
	value_text_plain(text ? text : "", &words);
	return err_set_at(err, ERR_UNPROVED, where, line, 0, "%s", buf_str(&words));
}

static bool add_item(const json_t *item, const char *where, unsigned line, json_t *rows, struct err *err) {
	const char *state = NULL;
	if (!read_state(item, where, line, &state, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "row", "item");
	row_text(row, "state", state);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		json_t *member = json_object_get(item, own[i].key);
		if (member && !value_has_type(member, own[i].type))
			return err_set_at(err, ERR_MALFORMED, where, line, 0, "\"%s\" is no %s", own[i].key,
					  value_type_name(own[i].type));
		if (member)
			json_object_set(row, own[i].key, member);
	}
	add_more(row, item);
	return true;
}

static bool add_items(const struct plugin_output *output, const char *where, json_t *rows, struct err *err) {
	json_t *item;
	size_t index;
	json_array_foreach(output->items, index, item) {
		if (!add_item(item, where, (unsigned)index + 1, rows, err))
			return false;
	}
	return true;
}

static void add_status(const struct plugin_output *output, json_t *rows) {
	json_t *row = row_add(rows), *perf;
	size_t index;
	row_text(row, "row", "status");
	row_text(row, "state", plugin_state(output->exit));
	row_text(row, "text", output->text);
	if (json_array_size(output->lines) > 0)
		json_object_set(row, "lines", output->lines);
	json_array_foreach(output->perf, index, perf) {
		row = row_add(rows);
		json_object_update(row, perf);
		row_text(row, "row", "perf");
		row_text(row, "state", plugin_state(output->exit));
	}
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(free_ptr) char *name = source_name(with);
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *value;
	if (!source_need_json(fetched, name, &value, err) || !plugin_output_read(value, name, &output, err))
		return false;
	if (!output.is_json)
		add_status(&output, rows);
	else if (!add_items(&output, name, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_plugin = {
	.name = "plugin",
	.about = "What a plugin says: an organisation's own program, or a monitoring plugin.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
