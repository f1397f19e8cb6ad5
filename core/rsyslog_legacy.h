/* rsyslog's configuration of the old form: "$Directive value" lines, which say how the actions behind them are made,
 * and actions that are one word. */
#pragma once

#include "core/check.h"

struct legacy {
	json_t *values;         /* what $Action... directives say; owned */
	struct names *rulesets; /* that $RuleSet named; owned */
	const char *ruleset;    /* one of these, where statements go since; NULL: where they stand */
	bool has_socket, has_journal, omits_local;
};

struct legacy legacy_new(void);
void legacy_done(struct legacy *legacy);
/* Settings for the whole go to settings, names in lower case. */
void legacy_directive(struct legacy *legacy, json_t *settings, const char *name, const char *value);
/* What an action amounts to, written as the parameters of action(); NULL where it forwards nothing. Queues are for one
 * action alone, settings of the connection stay (omfwd.c, action.c). */
json_t *legacy_forward(struct legacy *legacy, const char *text);
