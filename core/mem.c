#include "core/mem.h"

#include <stdint.h>
#include <unistd.h>

static void *or_abort(void *pointer) {
	if (!pointer)
		abort();
	return pointer;
}

void *xmalloc(size_t size) { return or_abort(malloc(size ? size : 1)); }

void *xcalloc(size_t count, size_t size) { return or_abort(calloc(count ? count : 1, size ? size : 1)); }

void *xreallocarray(void *old, size_t count, size_t size) {
	return or_abort(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text) { return text ? or_abort(strdup(text)) : NULL; }

char *xstrndup(const char *text, size_t len) { return or_abort(strndup(text, len)); }

char *xasprintf(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	char *text = xvasprintf(format, arguments);
	va_end(arguments);
	return text;
}

char *xvasprintf(const char *format, va_list arguments) {
	char *text = NULL;
	int len = vasprintf(&text, format, arguments);
	return or_abort(len < 0 ? NULL : text);
}

void free_ptr(void *pointer_to_pointer) { free(*(void **)pointer_to_pointer); }

void close_fd(int *fd) {
	if (*fd >= 0)
		close(*fd);
}

void close_folder(DIR **folder) {
	if (*folder)
		closedir(*folder);
}

void close_stream(FILE **stream) {
	if (*stream)
		fclose(*stream);
}
