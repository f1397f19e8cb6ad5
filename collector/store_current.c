#include "collector/sql.h"

#define TIMES_LEN 16 /* of one result in a line's `standing`: collected and received, most significant byte first */

void store_current_done(struct store_current *current) {
	state_free(current->state);
	free(current->standing);
	*current = (struct store_current){0};
}

static void put_time(unsigned char *at, int64_t time) {
	for (int i = 7; i >= 0; i--, time = (int64_t)((uint64_t)time >> 8))
		at[i] = (unsigned char)((uint64_t)time & 0xff);
}

static int64_t get_time(const unsigned char *at) {
	uint64_t time = 0;
	for (int i = 0; i < 8; i++)
		time = time << 8 | at[i];
	return (int64_t)time;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool read_line(struct store *store, int64_t line, enum store_known *ret_known, char ret_host[STORE_HOST_ID],
		      struct buf *standing, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT known, host, standing FROM lines WHERE id = ?", "i", line))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_known = is_found ? (enum store_known)sql_int(&query, 0) : STORE_NO_ROUND;
	snprintf(ret_host, STORE_HOST_ID, "%s", is_found ? sql_text(&query, 1) : "");
	size_t len;
	const void *bytes = is_found ? sql_bytes(&query, 2, &len) : NULL;
	if (bytes)
		buf_add(standing, bytes, len);
	return true;
}

static bool add_result(struct store_current *current, const struct sql *query, const struct buf *times) {
	const size_t at = state_size(current->state);
	const unsigned char *pair = (const unsigned char *)buf_str(times) + at * TIMES_LEN;
	struct hash leaf;
	size_t len;
	const void *bytes = sql_bytes(query, 1, &len);
	if ((at + 1) * TIMES_LEN > times->len || len != sizeof leaf.bytes)
		return false;
	memcpy(leaf.bytes, bytes, len);
	state_append(current->state, sql_text(query, 0), &leaf);
	current->standing[at] =
		(struct store_standing){get_time(pair), get_time(pair + 8), sql_int(query, 3) - sql_int(query, 2)};
	return true;
}

static bool read_results(struct store *store, const char *host, const struct buf *times, struct store_current *current,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	bool is_whole = true;
	current->standing = xcalloc(times->len / TIMES_LEN + 1, sizeof *current->standing);
	if (!sql_open(store, &query, err,
		      "SELECT rule, leaf, collected, expires FROM results WHERE host = ? ORDER BY rule", "t", host))
		return false;
	while (is_whole && sql_next(&query))
		is_whole = add_result(current, &query, times);
	if (!sql_ok(&query, err))
		return false;
	return (is_whole && state_size(current->state) * TIMES_LEN == times->len) ||
	       err_set(err, ERR_IO, store->index_path, "the results of a line are not as many as it knows of");
}

static bool load(struct store *store, int64_t line, struct store_current *ret_current, struct err *err) {
	CLEANUP(store_current_done) struct store_current current = {.line = line, .state = state_new()};
	CLEANUP(buf_done) struct buf times = {0};
	char host[STORE_HOST_ID];
	if (!read_line(store, line, &current.known, host, &times, err) ||
	    (current.known == STORE_KNOWN && !read_results(store, host, &times, &current, err)))
		return false;
	*ret_current = current;
	current = (struct store_current){0};
	return true;
}

bool store_current(struct store *store, int64_t line, const struct store_current **ret_current, struct err *err) {
	struct store_current *slot = &store->currents[(uint64_t)line % SQL_CURRENTS];
	if (!slot->state || slot->line != line) {
		store_current_done(slot);
		if (!load(store, line, slot, err))
			return false;
	}
	*ret_current = slot;
	return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

bool store_current_keep(struct store *store, struct store_current *current, struct err *err) {
	struct store_current *slot = &store->currents[(uint64_t)current->line % SQL_CURRENTS];
	const size_t count = current->known == STORE_KNOWN ? state_size(current->state) : 0;
	CLEANUP(buf_done) struct buf times = {0};
	unsigned char *at = (unsigned char *)buf_room(&times, count * TIMES_LEN);
	times.len = count * TIMES_LEN;
	for (size_t i = 0; i < count; i++, at += TIMES_LEN) {
		put_time(at, current->standing[i].collected);
		put_time(at + 8, current->standing[i].received);
	}
	if (!sql_run(store, err, "UPDATE lines SET known = ?, standing = ? WHERE id = ?", "ibi",
		     (int64_t)current->known, buf_str(&times), times.len, current->line))
		return false;
	store_current_done(slot);
	*slot = *current;
	*current = (struct store_current){0};
	return true;
}
