/* A growable byte buffer, always NUL-terminated behind its length; {0} is the empty one. And the cursor that reads
 * bytes without running over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem.h"

struct buf {
	char *data; /* owned; NULL while empty: use buf_str() for text */
	size_t len, cap;
};

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `more` bytes behind len; returns where they begin. The caller fills and adds to len. */
char *buf_room(struct buf *buf, size_t more);
/* Never NULL, "" when empty; owned by the buffer. */
const char *buf_str(const struct buf *buf);
/* Hands the text over (the caller frees; "" when empty) and leaves the buffer empty. */
char *buf_take(struct buf *buf);
/* Empties and frees; the buffer may be used again. */
void buf_done(struct buf *buf);

/* A cursor over bytes that somebody else owns. A read past the end sets bad and yields zeros; check `bad` and
 * cursor_at_end() once, at the end. */
struct cursor {
	const unsigned char *at, *end;
	bool bad;
};

struct cursor cursor_over(const void *data, size_t len);
uint16_t cursor_u16be(struct cursor *cursor);
uint32_t cursor_u32be(struct cursor *cursor);
/* len bytes, or NULL and bad. */
const unsigned char *cursor_bytes(struct cursor *cursor, size_t len);
bool cursor_at_end(const struct cursor *cursor);
