#include "core/gzip.h"

#include <limits.h>
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* zlib's word for the largest window with gzip's header */
#define MEMORY_MOST 9
#define BLOCK 16384

/* zlib counts in unsigned int. */
static void feed(z_stream *stream, const char **at, size_t *left) {
	unsigned take = *left > UINT_MAX ? UINT_MAX : (unsigned)*left;
	if (stream->avail_in > 0)
		return;
	stream->next_in = (Bytef *)(uintptr_t)*at;
	stream->avail_in = take;
	*at += take;
	*left -= take;
}

void gzip_write(const void *data, size_t len, struct buf *ret_bytes) {
	Bytef block[BLOCK];
	z_stream stream = {0};
	const char *at = data;
	int code = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY_MOST, Z_DEFAULT_STRATEGY);
	if (code != Z_OK) /* only memory can be short */
		abort();
	while (code == Z_OK) {
		feed(&stream, &at, &len);
		stream.next_out = block;
		stream.avail_out = BLOCK;
		code = deflate(&stream, len > 0 ? Z_NO_FLUSH : Z_FINISH);
		buf_add(ret_bytes, block, BLOCK - stream.avail_out);
	}
	deflateEnd(&stream);
	if (code != Z_STREAM_END)
		abort();
}

static bool inflate_all(z_stream *stream, const char *at, size_t left, size_t max, const char *where, struct buf *bytes,
			struct err *err) {
	Bytef block[BLOCK];
	int code = Z_OK;
	while (code == Z_OK) {
		feed(stream, &at, &left);
		stream->next_out = block;
		stream->avail_out = BLOCK;
		code = inflate(stream, Z_NO_FLUSH);
		buf_add(bytes, block, BLOCK - stream->avail_out);
		if (bytes->len > max)
			return err_set(err, ERR_TOO_BIG, where, "more than %zu bytes come out", max);
	}
	if (code == Z_BUF_ERROR)
		return err_set(err, ERR_MALFORMED, where, "gzip that is cut short");
	if (code != Z_STREAM_END)
		return err_set(err, ERR_MALFORMED, where, "not gzip: %s", stream->msg ? stream->msg : zError(code));
	return (left == 0 && stream->avail_in == 0) ||
	       err_set(err, ERR_MALFORMED, where, "something comes behind the gzip");
}

bool gzip_read(const void *data, size_t len, size_t max, const char *where, struct buf *ret_bytes, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	z_stream stream = {0};
	if (inflateInit2(&stream, WINDOW_GZIP) != Z_OK) /* only memory can be short */
		abort();
	bool ok = inflate_all(&stream, data, len, max, where, &bytes, err);
	inflateEnd(&stream);
	if (ok)
		buf_add(ret_bytes, buf_str(&bytes), bytes.len);
	return ok;
}
