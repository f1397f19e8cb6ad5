/* Hosts by state, for every technological control of the catalogue: what the overview, the JSON and the metrics show.
 */
#pragma once

#include "collector/collector.h"
#include "collector/rollup.h"

struct summary_control {
	const struct control *control;
	unsigned hosts[CONTROL_STATES];
	bool has_key; /* some host has a key rule that decides it */
};

struct summary {
	struct summary_control *controls; /* in the standard's order */
	size_t count;
	unsigned in_scope, reporting, silent; /* hosts; silent: nothing that they said still stands */
};

/* Whether hosts have a state for it: it is a technological one. */
bool summary_is_of_hosts(const struct control *control);
/* A host that never sent results is unknown where other hosts have a key rule. The caller summary_done()s. */
MUST_CHECK bool summary_make(const struct collector *collector, int64_t now, struct summary *ret_summary,
			     struct err *err);
void summary_done(struct summary *summary);

/* What a revoked line says is unknown, as long as it would stand. */
enum rule_state summary_rule_state(const struct store_result *result, int64_t now);
/* Whether a comma-joined list of controls has this one; *ret_is_first where it may be NULL. */
bool summary_has_control(const char *controls, const char *id, bool *ret_is_first);
