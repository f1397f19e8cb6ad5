/* Memory and cleanup by scope.
 *
 * Every size that an outsider controls is capped before it is allocated, so an allocation that fails is the
 * machine's end of memory: the x-functions then abort(). It is the one way in which core/ ends a process; what is
 * on disk stays whole, because files appear by rename. They never return NULL. The caller frees with free(). */
#pragma once

#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* Room for count elements of size bytes; a product that overflows aborts. */
void *xreallocarray(void *old, size_t count, size_t size);
/* text may be NULL: then NULL. */
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* CLEANUP(free_ptr) char *p = NULL;  frees *(&p) when p's scope ends. A module offers cleanups for its own types with
 * DEFINE_CLEANUP(struct json, json_free): then CLEANUP(json_free_p). */
#define CLEANUP(function) __attribute__((cleanup(function), unused))
#define DEFINE_CLEANUP(type, function)                                                                                 \
	static inline __attribute__((unused)) void function##_p(type **pointer) { function(*pointer); }
/* For a struct on the stack that is emptied, not freed: CLEANUP(buf_done) struct buf b = {0}; */

void free_ptr(void *pointer_to_pointer);
void close_fd(int *fd); /* closes if >= 0 */
/* Close what was opened; NULL was not. */
void close_folder(DIR **folder);
void close_stream(FILE **stream);

#define MUST_CHECK __attribute__((warn_unused_result))
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
