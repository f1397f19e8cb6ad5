/* Evidence as the collector hands it out (docs/PROTOCOL.md, /api/v1/evidence), and what was gathered of it: lines in a
 * file without a name, in memory their places. */
#pragma once

#include "core/statement.h"

#define EVIDENCE_LINE_LARGEST (16U << 20)

struct evidence { /* one line of an answer */
	int64_t index, received, line;
	json_t *envelope_json;
	struct dsse *envelope;
	struct statement *statement; /* what the payload says; nothing is verified */
	struct hash digest;
	char name[96];            /* "statement <digest>", for errors */
	bool has_body, is_erased; /* erased: what is left of it, or nothing */
	struct buf body, timestamp;
	char *certificates; /* PEM; NULL where there is no time-stamp */
};
MUST_CHECK bool evidence_read(const char *line, size_t len, struct evidence *ret_evidence, struct err *err);
void evidence_done(struct evidence *evidence);
/* The fault, about this statement: the step that found it goes into the sentence. */
bool evidence_fault(const struct evidence *evidence, const struct err *fault, struct err *err);
#define evidence_fault(...) err_false(evidence_fault(__VA_ARGS__))

struct evidence_query {
	const char *host; /* NULL: of all */
	const char *type; /* NULL: any */
	int64_t from, to; /* received in [from, to) */
};
typedef bool (*evidence_visit)(void *context, const char *line, size_t len, const struct evidence *evidence,
			       struct err *err);
/* Where it comes from: all lines that are asked for, ascending by index; false ends it, with the visitor's *err. */
struct evidence_source {
	bool (*get)(void *context, const struct evidence_query *query, evidence_visit visit, void *visit_context,
		    struct err *err);
	void *context;
};

struct gathered_item {
	int64_t index;
	uint64_t offset;
	size_t len;
	size_t policies; /* which of `policies` it names */
};
struct gathered {
	int scratch; /* -1: not open */
	uint64_t end;
	struct gathered_item *items;
	size_t count, room;
	json_t *policies; /* [[{"id","sha256","version"}]]: each list that a statement names, once */
};
MUST_CHECK bool gathered_open(struct gathered *ret_gathered, struct err *err);
void gathered_done(struct gathered *gathered);
MUST_CHECK bool gathered_add(struct gathered *gathered, const char *line, size_t len, const struct evidence *evidence,
			     struct err *err);
/* Forgets the items in [from, to). */
void gathered_forget(struct gathered *gathered, size_t from, size_t to);
/* Sorts by index, each once. */
void gathered_sort(struct gathered *gathered);
MUST_CHECK bool gathered_get(const struct gathered *gathered, size_t item, struct evidence *ret_evidence,
			     struct err *err);
