/* Rows of an observation, member by member. What is not there is left out: pass NULL, or do not call. */
#pragma once

#include <stdint.h>

#include "core/json.h"

/* A new row behind the others; borrowed from rows. */
json_t *row_add(json_t *rows);
/* Bytes that are not UTF-8 are written as \xHH. NULL leaves the field out. */
void row_text(json_t *row, const char *field, const char *text);
void row_int(json_t *row, const char *field, int64_t value);
void row_bool(json_t *row, const char *field, bool value);
/* An instant in seconds, as RFC 3339. */
void row_time(json_t *row, const char *field, int64_t instant);
/* Appends to a strings field, making it when it is missing. */
void row_text_append(json_t *row, const char *field, const char *text);
/* The strings fields acl_readers and acl_writers, as "user:1000", after the "acl" of stat: and tree: (core/source.h);
 * each is left out where there is nobody. */
void row_acl(json_t *row, const json_t *acl);
