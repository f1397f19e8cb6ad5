/* previous: what was last observed for a rule, by the process that asks: it remembers, nobody else is asked. */
#include "sources/fetch.h"
#include "sources/kind.h"

static void start(struct job *job) {
	const char *rule = job_ask(job)->rest;
	const json_t *seen = json_object_get(job_previous(job), rule);
	struct err err;
	if (seen) {
		job_answer(job, seen);
		return;
	}
	err_set(&err, ERR_UNPROVED, job_ask(job)->name, "a first look: nothing is remembered of %s", rule);
	job_fail(job, &err);
}

const struct kind kind_previous = {
	.prefix = "previous:", .is_volatile = true, .deadline_ms = FETCH_DEADLINE_MS, .start = start};
