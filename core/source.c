#include "core/source.h"

#include "core/text.h"

struct sources {
	struct source **all; /* in order of adding */
	size_t count, room;
	size_t *slots; /* open addressing: index + 1 into all, 0 is free; slot_count is a power of two */
	size_t slot_count;
};

struct sources *sources_new(void) {
	struct sources *set = xcalloc(1, sizeof *set);
	set->slot_count = 256;
	set->slots = xcalloc(set->slot_count, sizeof *set->slots);
	return set;
}

static void source_free(struct source *source) {
	free(source->name);
	buf_done(&source->bytes);
	json_decref(source->json);
	free(source);
}

void sources_free(struct sources *set) {
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		source_free(set->all[i]);
	free(set->all);
	free(set->slots);
	free(set);
}

/* FNV-1a: names come from policy and checks, SOURCES_MOST bounds them. */
static size_t slot_of(const struct sources *set, const char *name) {
	uint64_t sum = 14695981039346656037ULL;
	for (const char *p = name; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211ULL;
	size_t slot = (size_t)sum & (set->slot_count - 1);
	while (set->slots[slot] && strcmp(set->all[set->slots[slot] - 1]->name, name) != 0)
		slot = (slot + 1) & (set->slot_count - 1);
	return slot;
}

struct source *sources_get(const struct sources *set, const char *name) {
	size_t index = set->slots[slot_of(set, name)];
	return index ? set->all[index - 1] : NULL;
}

static void grow_slots(struct sources *set) {
	free(set->slots);
	set->slot_count *= 2;
	set->slots = xcalloc(set->slot_count, sizeof *set->slots);
	for (size_t i = 0; i < set->count; i++)
		set->slots[slot_of(set, set->all[i]->name)] = i + 1;
}

struct source *sources_add(struct sources *set, const char *name) {
	if (set->count == set->room) {
		set->room = set->room ? set->room * 2 : 64;
		set->all = xreallocarray(set->all, set->room, sizeof(struct source *));
	}
	struct source *source = xcalloc(1, sizeof *source);
	source->name = xstrdup(name);
	set->all[set->count++] = source;
	if (set->count * 2 > set->slot_count)
		grow_slots(set);
	else
		set->slots[slot_of(set, name)] = set->count;
	return source;
}

size_t sources_count(const struct sources *set) { return set->count; }

struct source *sources_at(const struct sources *set, size_t index) {
	return set->all[index];
}

bool source_need(const struct sources *set, const char *name, const struct source **ret_source, struct err *err) {
	const struct source *source = sources_get(set, name);
	if (!source)
		return err_set(err, ERR_UNPROVED, name, "never asked for");
	if (source->err.code) {
		*err = source->err;
		return false;
	}
	*ret_source = source;
	return true;
}

bool source_maybe(const struct sources *set, const char *name, const struct source **ret_source, struct err *err) {
	const struct source *source = sources_get(set, name);
	if (source && source->err.code == ERR_ABSENT) {
		*ret_source = NULL;
		return true;
	}
	return source_need(set, name, ret_source, err);
}

/* These kinds hold lists, every other object. */
static bool is_list(const char *name) {
	static const char *const lists[] = {
		"dir:",     "tree:",  "mounts:",    "shadow:",     "sockets:", "containers:", "inodes:",
		"netfile:", "netns:", "processes:", "audit:rules", "rpmdb:",   "units:failed"};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (text_starts(name, lists[i]))
			return true;
	return false;
}

bool source_json(const struct source *source, json_t **ret_value, struct err *err) {
	struct source *parsed = (struct source *)source; /* the parsed form is a cache */
	if (!parsed->json &&
	    !json_read(source->bytes.data, source->bytes.len, SOURCE_LARGEST, source->name, &parsed->json, err))
		return false;
	/* Walking a list that is none would find nothing, and that must not look like emptiness. */
	const json_type due = is_list(source->name) ? JSON_ARRAY : JSON_OBJECT;
	if (json_typeof(parsed->json) != due)
		return err_set(err, ERR_MALFORMED, source->name, "not %s", due == JSON_ARRAY ? "a list" : "an object");
	*ret_value = parsed->json;
	return true;
}

bool source_need_json(const struct sources *set, const char *name, json_t **ret_value, struct err *err) {
	const struct source *source;
	return source_need(set, name, &source, err) && source_json(source, ret_value, err);
}

bool source_maybe_json(const struct sources *set, const char *name, json_t **ret_value, struct err *err) {
	const struct source *source;
	if (!source_maybe(set, name, &source, err))
		return false;
	if (source)
		return source_json(source, ret_value, err);
	*ret_value = NULL;
	return true;
}

enum probe_end source_probe(const struct sources *set, const char *name, json_t **ret_value, struct err *err) {
	if (source_need_json(set, name, ret_value, err))
		return PROBE_ANSWERED;
	if (err->code == ERR_ABSENT)
		return PROBE_REFUSED;
	if (err->code == ERR_TIMEOUT && text_starts(err->why, PROBE_SILENCE))
		return PROBE_SILENT;
	return err->code == ERR_DENIED && text_starts(err->why, PROBE_NOT_SENT) ? PROBE_HELD : PROBE_UNTOLD;
}

bool source_now(const struct sources *set, int64_t *ret_now, struct err *err) {
	json_t *clock;
	return source_need_json(set, "now:", &clock, err) && json_get_int(clock, "time", "now:", ret_now, err);
}
