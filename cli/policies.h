/* Which policies a verb works with. */
#pragma once

#include "agent/stack.h"
#include "cli/cli.h"

struct policies {
	struct texts named; /* --policy: these alone, whatever host they are for */
	const char *config; /* --config: what vouchd runs by this configuration */
	const char *data;   /* --data */
	const char *root, *helpers;
};
/* For a table of options: --policy, --config and --data. */
#define POLICIES_OPTIONS(policies)                                                                                     \
	{"policy", 0, OPTION_TEXTS, &(policies)->named}, {"config", 0, OPTION_TEXT, &(policies)->config}, {            \
		"data", 0, OPTION_TEXT, &(policies)->data                                                              \
	}
#define POLICIES_USAGE                                                                                                 \
	"  --policy FILE        this policy alone, whatever host it is for; may be repeated\n"                         \
	"  --config FILE        what vouchd runs by this configuration\n"                                              \
	"  --data DIR           where the catalogue and the shipped policies are\n"
#define POLICIES_DEFAULT                                                                                               \
	"\nWithout --policy: what vouchd runs on this host; with --root or --data, and without --config, the "         \
	"shipped\n"                                                                                                    \
	"baseline.\n\n"

void policies_done(struct policies *policies);
/* The policies that are named; else what vouchd runs by --config, or by this host's configuration. With --root or
 * --data (or VOUCH_DATADIR) and without --config it is the shipped baseline: then this host's configuration is not what
 * is asked about. */
MUST_CHECK bool policies_load(const struct policies *policies, struct stack **ret_stack, struct err *err);
/* Whether vouchd would run what was loaded, as far as that takes approvals: agent/approved.h. What is not a
 * configuration's takes none. */
MUST_CHECK bool policies_approved(const struct policies *policies, struct stack *stack, struct err *err);
