/* Lines of auditctl of any content: what is a rule has a canonical form, is loaded as itself, and, where it records,
 * records its own events; and two of them can be held against each other. */
#include "core/audit_cover.h"
#include "core/audit_file.h"
#include "core/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is(const json_t *rule, const char *name, const char *text) {
	return !strcmp(json_string_value(json_object_get(rule, name)), text);
}

static void hold(const json_t *rule, const json_t *all, const json_t *none) {
	CLEANUP(free_ptr) char *text = audit_rule_text(rule, true);
	CLEANUP(json_decref_p) json_t *own = json_pack("[O]", rule);
	CLEANUP(json_decref_p) json_t *narrowed_by = json_array();
	bool is_recording = is(rule, "list", "exit") && is(rule, "action", "always");
	if (!*text || !audit_rule_is_loaded_as(rule, rule))
		abort();
	if (is_recording && !audit_rule_is_covered(rule, own, none, narrowed_by))
		abort();
	if (json_array_size(narrowed_by) > 0 || audit_rule_suppresses(rule, own))
		abort();
	if (audit_rule_is_covered(rule, all, none, narrowed_by) && json_array_size(narrowed_by) > json_array_size(all))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const person = "[{\"name\":\"nobody\",\"uid\":65534,\"gid\":65534}]";
	CLEANUP(json_decref_p) json_t *people = json_loads(person, 0, NULL);
	CLEANUP(json_decref_p) json_t *all = json_array();
	CLEANUP(json_decref_p) json_t *none = json_array();
	CLEANUP(lines_done) struct lines lines = lines_over("rules", data, size);
	const struct audit_people who = {people, people};
	char *line;
	size_t i;
	json_t *rule;
	while (json_array_size(all) < 20 && (line = lines_next(&lines))) {
		CLEANUP(audit_line_done) struct audit_line parsed = {0};
		struct err err = {0};
		if (!audit_line_parse(line, &who, "rules", lines.number, &parsed, &err)) {
			if (err.code != ERR_MALFORMED && err.code != ERR_UNPROVED)
				abort();
		} else if (parsed.kind == AUDIT_LINE_RULE) {
			json_array_append(all, parsed.rule);
		}
	}
	json_array_foreach(all, i, rule) hold(rule, all, none);
	return 0;
}
