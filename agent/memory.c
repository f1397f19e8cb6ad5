#include "agent/memory.h"

#include "core/file.h"

#define PREFIX "previous:"

json_t *memory_read(const char *path) {
	CLEANUP(buf_done) struct buf bytes = {0};
	json_t *memory = NULL;
	struct err ignored;
	if (file_read(path, MEMORY_LARGEST, &bytes, &ignored) &&
	    json_read(bytes.data, bytes.len, MEMORY_LARGEST, path, &memory, &ignored) && json_is_object(memory))
		return memory;
	json_decref(memory);
	return json_object();
}

/* Whether a look of this round went by what was last observed for the rule. */
static bool is_gone_by(const struct round *round, const char *rule) {
	for (size_t i = 0; i < round->rule_count; i++)
		for (size_t n = 0; round->read[i] && n < names_count(round->read[i]); n++) {
			const char *name = names_at(round->read[i], n);
			if (!strncmp(name, PREFIX, strlen(PREFIX)) && !strcmp(name + strlen(PREFIX), rule))
				return true;
		}
	return false;
}

static bool is_small(const json_t *rows) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err ignored;
	return json_canonical(rows, &bytes, &ignored) && bytes.len <= MEMORY_ROWS_LARGEST;
}

static void remember(json_t *memory, const char *rule, const json_t *result, const char *boot_id) {
	json_t *rows = json_object_get(result, "observed"), *at = json_object_get(result, "collectedAt");
	if (json_is_array(rows) && json_is_string(at) && is_small(rows))
		json_object_set_new(
			memory, rule,
			json_pack("{s:O,s:O,s:o}", "observed", rows, "collectedAt", at, "bootId", json_text(boot_id)));
	else
		json_object_del(memory, rule);
}

bool memory_take(json_t *memory, const struct policy_stack *stack, const struct round *round, const char *path,
		 struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	bool is_new = false;
	for (size_t i = 0; i < round->rule_count; i++) {
		const char *rule = stack->rules[i]->id;
		if (!round->saw[i] || (!json_object_get(memory, rule) && !is_gone_by(round, rule)))
			continue;
		remember(memory, rule, round_result(round, rule), round->boot_id);
		is_new = true;
	}
	if (!is_new)
		return true;
	if (!json_canonical(memory, &bytes, err))
		return false;
	if (bytes.len > MEMORY_LARGEST)
		return err_set(err, ERR_TOO_BIG, path, "more than %u bytes to remember", MEMORY_LARGEST);
	return file_write(path, bytes.data, bytes.len, 0600, err);
}
