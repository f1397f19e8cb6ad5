/* What a verification found: what contradicts, each by the step that saw it, and what it could not establish. */
#pragma once

#include "core/err.h"

enum found_kind { FOUND_CONTRADICTION, FOUND_OPEN, FOUND_KINDS };
/* In the order in which they are told; docs/AUDITING.md says what each proves. */
enum found_step {
	FOUND_MANIFEST,
	FOUND_LOG,
	FOUND_ANCHORS,
	FOUND_KEYS,
	FOUND_CHAINS,
	FOUND_BODIES,
	FOUND_TIME,
	FOUND_TIMELINE,
	FOUND_STEPS
};

#define FOUND_KEPT_MOST 200 /* of each kind and step; more are only counted */

struct found_item {
	enum found_kind kind;
	enum found_step step;
	char *where; /* a file, a host, a statement; may be empty */
	char *why;   /* one sentence, control characters replaced */
};
struct found {
	struct found_item *items; /* in the order in which they came */
	size_t count;
	size_t totals[FOUND_KINDS][FOUND_STEPS];
};
void found_done(struct found *found);

void found_add(struct found *found, enum found_kind kind, enum found_step step, const char *where, const char *why, ...)
	__attribute__((format(printf, 5, 6)));
/* An error as a contradiction at where: its own place and reason. */
void found_err(struct found *found, enum found_step step, const char *where, const struct err *err);
size_t found_total(const struct found *found, enum found_kind kind);
const char *found_step_name(enum found_step step); /* "manifest" */
