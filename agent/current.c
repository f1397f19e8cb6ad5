#include "agent/current.h"

#include <string.h>

#include "core/buf.h"
#include "core/gzip.h"
#include "core/statement.h"
#include "core/times.h"
#include "core/waiver.h"

struct current *current_new(size_t count) {
	return xcalloc(count + 1, sizeof(struct current));
}

void current_free(struct current *current, size_t count) {
	for (size_t i = 0; i < count; i++)
		free(current[i].result);
	free(current);
}

struct current *current_take(struct current *current, const struct policy_stack *old,
			     const struct policy_stack *stack) {
	struct current *taken = current_new(stack->rule_count);
	for (size_t i = 0; i < stack->rule_count; i++)
		for (size_t n = 0; n < old->rule_count; n++)
			if (!strcmp(stack->rules[i]->id, old->rules[n]->id)) {
				taken[i] = current[n];
				current[n] = (struct current){0};
			}
	current_free(current, old->rule_count);
	return taken;
}

/* The rule is looked at again when what a waiver does to it changes. */
static void keep_waiver(struct current *current, const struct policy_stack *stack, size_t index, const json_t *result) {
	const char *text = json_string_value(json_object_get(result, "collectedAt"));
	int64_t collected;
	current[index].waiver_moves =
		text && times_parse(text, &collected) ? waiver_next(stack, stack->rules[index], collected) : INT64_MAX;
}

/* A result that has no text makes no statement either: seal() says why. */
void current_keep(struct current *current, const struct policy_stack *stack, size_t index, const json_t *result,
		  uint64_t looked_at) {
	CLEANUP(buf_done) struct buf text = {0}, packed = {0};
	struct err ignored;
	if (!json_canonical(result, &text, &ignored))
		buf_done(&text);
	gzip_write(text.data, text.len, &packed);
	free(current[index].result);
	/* A copy of its own length: the buffer has up to twice the room. */
	current[index].result = memcpy(xmalloc(packed.len), packed.data, packed.len);
	current[index].result_len = packed.len;
	current[index].looked_at = looked_at;
	keep_waiver(current, stack, index, result);
}

char *current_text(const struct current *current, size_t index) {
	struct buf text = {0};
	struct err ignored;
	if (!current[index].result)
		return NULL;
	if (!gzip_read(current[index].result, current[index].result_len, STATEMENT_BODY_LARGEST, "result", &text,
		       &ignored))
		buf_done(&text);
	return buf_take(&text);
}

json_t *current_read(const char *text) {
	json_t *result;
	struct err ignored;
	return json_read(text, strlen(text), STATEMENT_BODY_LARGEST, "result", &result, &ignored) ? result
												  : json_null();
}

json_t *current_value(const struct current *current, size_t index) {
	CLEANUP(free_ptr) char *text = current_text(current, index);
	return text ? current_read(text) : json_null();
}
