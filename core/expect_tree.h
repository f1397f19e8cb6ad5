/* The compiled form of an expectation: what expect_compile.c makes and expect.c judges by. Of nobody else's concern. */
#pragma once

#include "core/expect.h"

enum node_kind {
	NODE_ALL, /* compose: of tables, and within a row */
	NODE_ANY,
	NODE_NOT,
	NODE_EVERY, /* of a table: parts[0] is about a row */
	NODE_SOME,
	NODE_NONE,
	NODE_COUNT, /* parts[0] only with `where` */
	NODE_FIELD, /* of a row */
};

struct expect {
	enum node_kind kind;
	struct expect **parts;
	size_t part_count;
	size_t view; /* EVERY, SOME, NONE, COUNT: whose rows */
	const struct check *check;
	const struct check_field *field;
	struct match *match; /* FIELD, COUNT */
	char *name;          /* FIELD: as the rule writes it */
	json_t *json;        /* only of the outermost */
};
