#include "agent/changes.h"

struct reader {
	struct names *names; /* NULL: not looked at yet */
	bool is_marked;
	uint64_t first, last; /* change since the look began */
	unsigned budget;
	bool is_said;
};

struct changes {
	struct reader *readers; /* by rule */
	size_t count;
	uint64_t refills; /* times that the clock has gone round CHANGES_REFILL_US, as of the last refill */
};

struct changes *changes_new(size_t rule_count) {
	struct changes *changes = xcalloc(1, sizeof *changes);
	changes->readers = xcalloc(rule_count + 1, sizeof *changes->readers);
	changes->count = rule_count;
	for (size_t i = 0; i < rule_count; i++)
		changes->readers[i].budget = CHANGES_BUDGET;
	return changes;
}

void changes_free(struct changes *changes) {
	if (!changes)
		return;
	for (size_t i = 0; i < changes->count; i++)
		names_free(changes->readers[i].names);
	free(changes->readers);
	free(changes);
}

void changes_read(struct changes *changes, size_t rule, struct names *names) {
	names_free(changes->readers[rule].names);
	names_pack(names);
	changes->readers[rule].names = names;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char **changes_names(const struct changes *changes, size_t *ret_count) {
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < changes->count; i++)
		count += changes->readers[i].names ? names_count(changes->readers[i].names) : 0;
	const char **all = xcalloc(count + 1, sizeof *all);
	count = 0;
	for (size_t i = 0; i < changes->count; i++)
		for (size_t n = 0; changes->readers[i].names && n < names_count(changes->readers[i].names); n++)
			all[count++] = names_at(changes->readers[i].names, n);
	qsort(all, count, sizeof *all, by_text);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(all[kept - 1], all[i]) != 0)
			all[kept++] = all[i];
	*ret_count = kept;
	return all;
}

static bool has_read(const struct reader *reader, const char *name) {
	for (size_t i = 0; reader->names && i < names_count(reader->names); i++)
		if (!strcmp(names_at(reader->names, i), name))
			return true;
	return false;
}

static void refill(struct changes *changes, uint64_t now) {
	uint64_t refills = now / CHANGES_REFILL_US;
	uint64_t more = refills > changes->refills ? refills - changes->refills : 0;
	changes->refills = refills;
	for (size_t i = 0; i < changes->count && more > 0; i++) {
		struct reader *reader = &changes->readers[i];
		uint64_t room = CHANGES_BUDGET - reader->budget;
		reader->budget += (unsigned)(more < room ? more : room);
		if (reader->budget == CHANGES_BUDGET)
			reader->is_said = false;
	}
}

static void mark(struct reader *reader, uint64_t now) {
	if (!reader->is_marked)
		reader->first = now;
	reader->is_marked = true;
	reader->last = now;
}

bool changes_mark_unseen(struct changes *changes, const char *name, uint64_t now, const bool *seen,
			 bool *ret_is_marked) {
	bool is_news = false;
	*ret_is_marked = false;
	refill(changes, now);
	for (size_t i = 0; i < changes->count; i++) {
		struct reader *reader = &changes->readers[i];
		if ((seen && seen[i]) || !has_read(reader, name))
			continue;
		mark(reader, now);
		*ret_is_marked = true;
		is_news |= reader->budget == 0 && !reader->is_said;
		reader->is_said |= reader->budget == 0;
	}
	return is_news;
}

bool changes_mark(struct changes *changes, const char *name, uint64_t now) {
	bool is_marked;
	return changes_mark_unseen(changes, name, now, NULL, &is_marked);
}

void changes_mark_all(struct changes *changes, uint64_t now) {
	refill(changes, now);
	for (size_t i = 0; i < changes->count; i++)
		mark(&changes->readers[i], now);
}

uint64_t changes_due(struct changes *changes, uint64_t now) {
	uint64_t first = UINT64_MAX, last = 0, refilled = UINT64_MAX;
	refill(changes, now);
	for (size_t i = 0; i < changes->count; i++) {
		const struct reader *reader = &changes->readers[i];
		if (!reader->is_marked)
			continue;
		if (reader->budget == 0) {
			refilled = (changes->refills + 1) * CHANGES_REFILL_US;
			continue;
		}
		first = reader->first < first ? reader->first : first;
		last = reader->last > last ? reader->last : last;
	}
	if (first == UINT64_MAX)
		return refilled;
	return last + CHANGES_QUIET_US < first + CHANGES_LONGEST_US ? last + CHANGES_QUIET_US
								    : first + CHANGES_LONGEST_US;
}

void changes_take(struct changes *changes, uint64_t now, bool *due) {
	refill(changes, now);
	for (size_t i = 0; i < changes->count; i++) {
		struct reader *reader = &changes->readers[i];
		if (!reader->is_marked || reader->budget == 0)
			continue;
		reader->budget--;
		due[i] = true;
	}
}

void changes_begin(struct changes *changes, size_t rule) { changes->readers[rule].is_marked = false; }
