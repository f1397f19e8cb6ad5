/* textfile: what vouchd knows of itself, for the textfile collector of Prometheus' node_exporter (OpenMetrics' older
 * brother, text format 0.0.4). Names and labels of metrics are an interface: they are added to, never changed. */
#pragma once

#include <stdint.h>

#include "agent/look.h"
#include "core/buf.h"

#define TEXTFILE_FAILING_MOST 100 /* rules that are named; how many more there are is a metric of its own */

/* Instants are seconds since 1970; 0: there was none. */
struct textfile {
	const char *results;     /* textfile_results() of the last round; borrowed */
	int64_t round_at;        /* the last round's end */
	bool is_sealed;          /* and whether it is in the chain */
	bool is_reload_failed;   /* the files are not what counts */
	int64_t sequence;        /* of the last statement */
	int64_t acknowledged_at; /* the last checkpoint of the log was verified */
	int64_t spool_bytes, spool_limit, spool_oldest_at;
	size_t spool_statements;
	int64_t certificate_ends_at;
	int64_t clock_jumps; /* since the start: the clock was set, or the host slept */
};

/* What is about the current results of all rules; appended, as both are. */
void textfile_results(const struct policy_stack *stack, const json_t *results, struct buf *text);
void textfile_text(const struct textfile *textfile, struct buf *text);
