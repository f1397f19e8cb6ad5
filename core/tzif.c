#include "core/tzif.h"

#include <string.h>

#include "core/buf.h"

#define HEADER_BYTES 44

struct counts {
	uint32_t utc, standard, leaps, times, types, chars;
};

/* The header; the second one, of the block with wide times, where there is one. */
static bool read_header(struct cursor *cursor, char *ret_version, struct counts *ret_counts) {
	const unsigned char *magic = cursor_bytes(cursor, 4), *version = cursor_bytes(cursor, 16);
	ret_counts->utc = cursor_u32be(cursor);
	ret_counts->standard = cursor_u32be(cursor);
	ret_counts->leaps = cursor_u32be(cursor);
	ret_counts->times = cursor_u32be(cursor);
	ret_counts->types = cursor_u32be(cursor);
	ret_counts->chars = cursor_u32be(cursor);
	if (cursor->bad || memcmp(magic, "TZif", 4) != 0 || ret_counts->times > TZIF_TRANSITIONS_MOST ||
	    ret_counts->types == 0 || ret_counts->types > 256 || ret_counts->chars > 65536 ||
	    ret_counts->leaps > TZIF_TRANSITIONS_MOST || ret_counts->utc > 256 || ret_counts->standard > 256)
		return false;
	*ret_version = (char)version[0];
	return true;
}

static size_t block_size(const struct counts *counts, size_t width) {
	return counts->times * (width + 1) + counts->types * 6 + counts->chars + counts->leaps * (width + 4) +
	       counts->standard + counts->utc;
}

static int64_t read_wide(struct cursor *cursor) {
	uint64_t high = cursor_u32be(cursor);
	return (int64_t)(high << 32 | cursor_u32be(cursor));
}

/* The type in force at the instant; *ret_is_behind: it is later than the last change. Before the first it is type 0. */
static unsigned type_at(struct cursor *cursor, const struct counts *counts, int64_t instant, bool *ret_is_behind) {
	uint32_t passed = 0;
	for (uint32_t i = 0; i < counts->times; i++)
		passed += read_wide(cursor) <= instant;
	const unsigned char *types = cursor_bytes(cursor, counts->times);
	*ret_is_behind = passed == counts->times;
	return passed > 0 && types ? types[passed - 1] : 0;
}

/* The footer is "\nCET-1CEST,M3.5.0,M10.5.0/3\n": a comma where it has a rule. */
static bool has_rule(struct cursor *cursor) {
	size_t left = (size_t)(cursor->end - cursor->at);
	return memchr(cursor->at, ',', left) != NULL;
}

bool tzif_offset(const void *data, size_t len, int64_t instant, const char *where, int64_t *ret_offset,
		 struct err *err) {
	struct cursor cursor = cursor_over(data, len);
	struct counts counts;
	char version;
	bool is_behind;
	if (!read_header(&cursor, &version, &counts) || version < '2' ||
	    !cursor_bytes(&cursor, block_size(&counts, 4)) || !read_header(&cursor, &version, &counts))
		return err_set(err, ERR_MALFORMED, where, "no compiled time zone of version 2 or later");
	unsigned type = type_at(&cursor, &counts, instant, &is_behind);
	const unsigned char *types = cursor_bytes(&cursor, counts.types * 6);
	(void)cursor_bytes(&cursor, counts.chars + counts.leaps * 12 + counts.standard + counts.utc);
	if (cursor.bad || type >= counts.types)
		return err_set(err, ERR_MALFORMED, where, "a compiled time zone that is cut off");
	if (is_behind && has_rule(&cursor))
		return err_set(err, ERR_UNPROVED, where,
			       "the zone's changes are not listed this far, and local times cannot be told");
	struct cursor offset = cursor_over(types + (size_t)type * 6, 4);
	*ret_offset = (int32_t)cursor_u32be(&offset);
	return true;
}
