/* JSON through jansson: strict reading, one canonical form of writing. Values are json_t, reference-counted. */
#pragma once

#include <jansson.h>

#include "core/buf.h"
#include "core/err.h"

#define JSON_DEEPEST 32

static inline __attribute__((unused)) void json_decref_p(json_t **value) { json_decref(*value); }
/* CLEANUP(json_decref_p) json_t *value = NULL; */

/* One value and nothing behind it; at most max bytes; duplicate keys, NUL characters in strings, reals out of range and
 * nesting deeper than JSON_DEEPEST are refused with line and column. The caller json_decref()s. */
MUST_CHECK bool json_read(const char *data, size_t len, size_t max, const char *where, json_t **ret_value,
			  struct err *err);
/* The canonical bytes: keys sorted by their bytes, no white space, UTF-8 unescaped, integers only. A real number is
 * refused. Appends to *bytes. */
MUST_CHECK bool json_canonical(const json_t *value, struct buf *bytes, struct err *err);

/* Members of an object by type; a missing or differently typed one is ERR_MALFORMED at where. Borrowed from value. */
MUST_CHECK bool json_get_string(const json_t *object, const char *key, const char *where, const char **ret_text,
				struct err *err);
MUST_CHECK bool json_get_int(const json_t *object, const char *key, const char *where, int64_t *ret_value,
			     struct err *err);
MUST_CHECK bool json_get_array(const json_t *object, const char *key, const char *where, json_t **ret_array,
			       struct err *err);
MUST_CHECK bool json_get_object(const json_t *object, const char *key, const char *where, json_t **ret_object,
				struct err *err);
/* A string that may not be UTF-8 becomes one that is: each wrong byte is written as \xHH. New reference. */
json_t *json_text(const char *text);
json_t *json_textn(const char *text, size_t len);
