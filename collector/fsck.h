/* fsck: whether everything that a collector keeps is what it says it is. It trusts nothing that was derived: roots are
 * computed from the entries, every envelope is verified again, every body held against its statement. Reads only. */
#pragma once

#include "collector/log_files.h"
#include "collector/store.h"

struct fsck {
	char *log;     /* DIR/log */
	char *anchors; /* DIR/anchors */
	char *index;   /* DIR/index.db */
	struct store *store;
	struct note_verifier *verifier; /* of the log */
	struct checkpoint checkpoint;
	void (*say)(const char *line); /* what is wrong, and how far it is */
	uint64_t problems;
	bool has_erased; /* some statement erased something; set by fsck_evidence() */
};

/* Something that must not be. */
void fsck_problem(struct fsck *fsck, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each part: false only when it could not go on. What is wrong is a problem, and it goes on. */
typedef bool (*fsck_part)(struct fsck *fsck, struct err *err);
/* Every entry is the leaf that the tiles have, every tile the one above it has, and the root the checkpoint's. */
MUST_CHECK bool fsck_log(struct fsck *fsck, struct err *err);
/* Every statement: its signature by the key of its line, its place in the log and in its line, its body or the erasure
 * that took it, its state. Entries without a statement are counted. */
MUST_CHECK bool fsck_evidence(struct fsck *fsck, struct err *err);
/* The kept index, against what the evidence gives. */
MUST_CHECK bool fsck_index(struct fsck *fsck, struct err *err);
/* Every anchor is a checkpoint of this log with the root that the tiles give. */
MUST_CHECK bool fsck_anchors(struct fsck *fsck, struct err *err);
