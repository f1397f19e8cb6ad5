/* YAML as a small tree that keeps line and column, over libyaml's events. One document; anchors, aliases, tags and
 * merge keys are refused, duplicate keys too. Scalars stay text: who reads a field knows its type. */
#pragma once

#include "core/err.h"

#define YAML_LARGEST (4U << 20)
#define YAML_DEEPEST 32
#define YAML_NODES_MOST 200000

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml {
	enum yaml_kind kind;
	unsigned line, column; /* from 1 */
	/* scalar; text never holds a NUL byte */
	char *text;
	bool quoted; /* written in quotes or as a block: then it is a string whatever it looks like */
	/* sequence: items; mapping: keys[i] (a scalar) and items[i] */
	size_t count, room;
	struct yaml **items;
	struct yaml **keys;
};

/* The caller yaml_tree_free()s (libyaml itself has a yaml_free). where names the text in errors (a file's path). Errors
 * are ERR_SYNTAX, over a cap ERR_TOO_BIG. */
MUST_CHECK bool yaml_read(const char *data, size_t len, const char *where, struct yaml **ret_root, struct err *err);
void yaml_tree_free(struct yaml *node);
DEFINE_CLEANUP(struct yaml, yaml_tree_free)
/* The value under a key of a mapping, or NULL. */
const struct yaml *yaml_get(const struct yaml *mapping, const char *key);

/* Strict reading. what names the thing in errors: "a rule", "controls". */

/* Fill *err with ERR_SYNTAX at the node, and return false. */
bool yaml_fault(struct err *err, const char *where, const struct yaml *node, const char *why, ...)
	__attribute__((format(printf, 4, 5)));
#define yaml_fault(...) err_false(yaml_fault(__VA_ARGS__))
MUST_CHECK bool yaml_is(const struct yaml *node, enum yaml_kind kind, const char *where, const char *what,
			struct err *err);
/* A mapping, and each of its keys one of those (NULL ends). */
MUST_CHECK bool yaml_has_only(const struct yaml *node, const char *const known[], const char *where, const char *what,
			      struct err *err);
/* The value under a key that has to be there. */
MUST_CHECK bool yaml_need(const struct yaml *mapping, const char *key, const char *where, const char *what,
			  const struct yaml **ret_node, struct err *err);
/* A scalar that is a string. A plain one that YAML reads as a number, a truth value or nothing (1.10, `no`, ~) is an
 * error, with the hint that quotes are needed. *ret_text is borrowed from the node. */
MUST_CHECK bool yaml_string(const struct yaml *node, const char *where, const char *what, const char **ret_text,
			    struct err *err);
/* true or false, plain. */
MUST_CHECK bool yaml_bool(const struct yaml *node, const char *where, const char *what, bool *ret_value,
			  struct err *err);
