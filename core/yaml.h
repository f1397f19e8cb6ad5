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
	/* scalar */
	char *text;
	bool quoted; /* written in quotes or as a block: then it is a string whatever it looks like */
	/* sequence: items; mapping: keys[i] (a scalar's text) and items[i] */
	size_t count;
	struct yaml **items;
	struct yaml **keys;
};

/* The caller frees. where names the text in errors (a file's path). */
MUST_CHECK bool yaml_read(const char *data, size_t len, const char *where, struct yaml **ret_root, struct err *err);
void yaml_free(struct yaml *node);
DEFINE_CLEANUP(struct yaml, yaml_free)
/* The value under a key of a mapping, or NULL. */
const struct yaml *yaml_get(const struct yaml *mapping, const char *key);
/* "a mapping", "a sequence", "a scalar": for messages. */
const char *yaml_kind_name(const struct yaml *node);
