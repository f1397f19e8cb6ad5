/* Which statements an audit package for hosts and a period holds (docs/FORMAT.md 5.1, statements.jsonl). */
#pragma once

#include "cli/export_evidence.h"

struct selection {
	json_t *hosts;            /* {id: name}: those chosen, or all that there are */
	char *collector;          /* id of the collector's own line, or NULL */
	struct gathered gathered; /* sorted by index */
};
void selection_done(struct selection *selection);

struct selection_query {
	const char *const *hosts; /* ids or names, NULL behind the last; none: all */
	json_t *names;            /* {id: present name} of hosts that are called otherwise now; or NULL */
	int64_t from, to;
};
/* ERR_USAGE: a host that there is not, or a name that several have. */
MUST_CHECK bool select_statements(const struct evidence_source *source, const struct selection_query *query,
				  struct selection *ret_selection, struct err *err);
