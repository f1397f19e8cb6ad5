/* The policies that a program works with, and the catalogue beside them. */
#pragma once

#include "agent/settings.h"
#include "core/policy.h"
#include "sources/fetch.h"

struct stack {
	char *data; /* the data folder that was used */
	struct catalogue *catalogue;
	struct policy_stack *policies;
};

/* Load these policies, one on top of the other, whatever host they are for; no paths: policies/linux-baseline of the
 * data folder. data: that folder; NULL: the environment's VOUCH_DATADIR, else the one that was built in. */
MUST_CHECK bool stack_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack,
			   struct err *err);
/* What vouchd runs by these settings on this host: `policies`, then what `policy_folder` holds, each file *.yaml and
 * each folder (a policy's), in the order of the bytes of their names; names that begin with a point and other files are
 * passed over, and a folder that is not there adds nothing. Selectors see the host's name and system as its sources say
 * them, and the settings' environment and groups. */
MUST_CHECK bool stack_of_host(const struct settings *settings, const char *data, const struct host *host,
			      struct stack **ret_stack, struct err *err);
/* Lets go of what loading and explaining need and judging does not: the catalogue and the rules' param_docs. */
void stack_shed(struct stack *stack);
void stack_free(struct stack *stack);
DEFINE_CLEANUP(struct stack, stack_free)
