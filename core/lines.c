#include "core/lines.h"

struct lines lines_over(const char *where, const void *data, size_t len) {
	const char *text = data ? data : "";
	return (struct lines){.where = where, .at = text, .end = text + len};
}

char *lines_next(struct lines *lines) {
	if (lines->at == lines->end || lines->bad.code)
		return NULL;
	size_t left = (size_t)(lines->end - lines->at);
	const char *newline = memchr(lines->at, '\n', left);
	size_t len = newline ? (size_t)(newline - lines->at) : left;
	lines->number++;
	if (len > LINES_LONGEST)
		err_set_at(&lines->bad, ERR_MALFORMED, lines->where, lines->number, 0, "line longer than %d bytes",
			   LINES_LONGEST);
	else if (memchr(lines->at, '\0', len))
		err_set_at(&lines->bad, ERR_MALFORMED, lines->where, lines->number, 0, "NUL byte");
	if (lines->bad.code)
		return NULL;
	free(lines->line);
	lines->line = xstrndup(lines->at, len);
	lines->at += newline ? len + 1 : len;
	return lines->line;
}

bool lines_ok(const struct lines *lines, struct err *err) {
	if (!lines->bad.code)
		return true;
	*err = lines->bad;
	return false;
}

void lines_done(struct lines *lines) {
	free(lines->line);
	lines->line = NULL;
}
