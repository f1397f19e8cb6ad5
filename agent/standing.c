#include "agent/standing.h"

#define ASKED_LARGEST 64

void standing_forget(struct standing *standing) {
	state_free(standing->state);
	standing->state = NULL;
}

bool standing_ask(const struct home *home, int64_t sequence, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	buf_addf(&bytes, "{\"sequence\":%lld}", (long long)sequence);
	return file_write(home->incomplete, bytes.data, bytes.len, 0644, err);
}

/* Of the last statement for which it was asked; 0: of none. What cannot be read asks for nothing: it is another user's
 * file, and the next full round comes by itself. */
static int64_t asked(const struct home *home) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	int64_t sequence;
	struct err ignored;
	return file_read_plain(home->incomplete, ASKED_LARGEST, &bytes, &ignored) &&
			       json_read(bytes.data, bytes.len, ASKED_LARGEST, home->incomplete, &object, &ignored) &&
			       json_get_int(object, "sequence", home->incomplete, &sequence, &ignored)
		       ? sequence
		       : 0;
}

static bool has_same_rules(const struct state *a, const struct state *b) {
	if (state_size(a) != state_size(b))
		return false;
	for (size_t i = 0; i < state_size(a); i++)
		if (strcmp(state_rule(a, i), state_rule(b, i)) != 0)
			return false;
	return true;
}

bool standing_wants_all(const struct standing *standing, const struct state *now, const struct home *home,
			int64_t instant) {
	return !standing->state || !has_same_rules(standing->state, now) ||
	       instant - standing->full_at >= STANDING_FULL_EVERY_S || asked(home) >= standing->full_sequence;
}

json_t *standing_changed(const struct standing *standing, const struct state *now, const json_t *results) {
	json_t *changed = json_array(), *result;
	size_t index;
	json_array_foreach(results, index, result) {
		if (!hash_equal(state_leaf(standing->state, index), state_leaf(now, index)))
			json_array_append(changed, result);
	}
	return changed;
}

void standing_follow(struct standing *standing, struct state **now, bool full, int64_t sequence, int64_t instant) {
	state_free(standing->state);
	standing->state = *now;
	*now = NULL;
	if (!full)
		return;
	standing->full_at = instant;
	standing->full_sequence = sequence;
}
