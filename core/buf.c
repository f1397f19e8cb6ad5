#include "core/buf.h"

#include <stdarg.h>
#include <stdint.h>

char *buf_room(struct buf *buf, size_t more) {
	if (more >= SIZE_MAX / 2 - buf->len)
		abort();
	size_t need = buf->len + more + 1;
	if (need > buf->cap) {
		size_t cap = buf->cap ? buf->cap : 64;
		while (cap < need)
			cap *= 2;
		buf->data = xreallocarray(buf->data, cap, 1);
		buf->cap = cap;
	}
	buf->data[buf->len] = '\0';
	return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len) {
	char *room = buf_room(buf, len);
	if (len)
		memcpy(room, data, len);
	room[len] = '\0';
	buf->len += len;
}

void buf_adds(struct buf *buf, const char *text) { buf_add(buf, text, strlen(text)); }

void buf_addf(struct buf *buf, const char *format, ...) {
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (len < 0)
		abort();
	vsnprintf(buf_room(buf, (size_t)len), (size_t)len + 1, format, again);
	va_end(again);
	buf->len += (size_t)len;
}

const char *buf_str(const struct buf *buf) { return buf->data ? buf->data : ""; }

char *buf_take(struct buf *buf) {
	buf_room(buf, 0);
	char *data = buf->data;
	*buf = (struct buf){0};
	return data;
}

void buf_done(struct buf *buf) {
	free(buf->data);
	*buf = (struct buf){0};
}

struct cursor cursor_over(const void *data, size_t len) {
	return (struct cursor){.at = data, .end = (const unsigned char *)data + len};
}

const unsigned char *cursor_bytes(struct cursor *cursor, size_t len) {
	if (cursor->bad || (size_t)(cursor->end - cursor->at) < len) {
		cursor->bad = true;
		return NULL;
	}
	const unsigned char *bytes = cursor->at;
	cursor->at += len;
	return bytes;
}

static uint32_t big_endian(struct cursor *cursor, size_t len) {
	const unsigned char *bytes = cursor_bytes(cursor, len);
	uint32_t value = 0;
	for (size_t i = 0; bytes && i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint16_t cursor_u16be(struct cursor *cursor) { return (uint16_t)big_endian(cursor, 2); }
uint32_t cursor_u32be(struct cursor *cursor) { return big_endian(cursor, 4); }

bool cursor_at_end(const struct cursor *cursor) { return !cursor->bad && cursor->at == cursor->end; }
