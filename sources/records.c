#include "sources/records.h"

#include <string.h>

void records_add(struct buf *bytes, uint32_t tag, const void *data, size_t len) {
	const uint32_t head[2] = {tag, (uint32_t)len};
	buf_add(bytes, head, sizeof head);
	buf_add(bytes, data, len);
}

bool records_next(struct cursor *cursor, uint32_t *ret_tag, const unsigned char **ret_data, size_t *ret_len) {
	uint32_t head[2];
	if (cursor->bad || cursor_at_end(cursor))
		return false;
	const unsigned char *bytes = cursor_bytes(cursor, sizeof head);
	if (!bytes)
		return false;
	memcpy(head, bytes, sizeof head);
	const unsigned char *data = cursor_bytes(cursor, head[1]);
	if (!data)
		return false;
	*ret_tag = head[0];
	*ret_data = data;
	*ret_len = head[1];
	return true;
}
