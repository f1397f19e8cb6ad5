/* Values: as a policy writes them, as rows hold them, as people read them. */
#pragma once

#include "core/check.h"
#include "core/yaml.h"

#define VALUE_TEXT_LONGEST 120 /* bytes of a string that get into a sentence */
#define VALUE_TEXT_ITEMS 8     /* members of a list that do */

/* A rule's parameters. Either may be NULL: none. */
struct value_params {
	const json_t *values; /* {name: value} */
	const json_t *docs;   /* {name: {"type","doc"}} */
};

/* A scalar or sequence of a policy as a typed JSON value ("90d" for a duration gives 7776000, modes become four octal
 * digits). "$name" stands for the value of a parameter of the same type, "$$name" for the string "$name". A bare `no`
 * where a string is due gets a hint that quotes are needed. what names the thing in errors. New reference. */
MUST_CHECK bool value_read(const struct yaml *node, enum value_type type, const struct value_params *params,
			   const char *where, const char *what, json_t **ret_value, struct err *err);
/* The same without parameters: "$x" is an error. */
MUST_CHECK bool value_from_yaml(const struct yaml *node, enum value_type type, const char *where, json_t **ret_value,
				struct err *err);
/* Whether a row's value is what its field declares. */
bool value_has_type(const json_t *value, enum value_type type);
/* Both of this type. Modes are equal when their bits are. */
bool value_equal(const json_t *a, const json_t *b, enum value_type type);
/* Both of this type, which is not STRING or BOOL. Of modes and lists: whether a holds nothing that b lacks. */
bool value_at_most(const json_t *a, const json_t *b, enum value_type type);
/* For a sentence: "0" in quotes, 90d, 4G, 0640, true; long ones are cut. Appends. */
void value_text(const json_t *value, enum value_type type, struct buf *text);
/* The start of a string as it may stand in a sentence: cut, control characters replaced. Appends. */
void value_text_plain(const char *value, struct buf *text);
/* Whether a name may be given to a parameter or a view: [a-z][a-z0-9_]*, at most 64 bytes. */
bool value_is_name(const char *text);
