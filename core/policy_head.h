/* A policy's head: who it is, and which hosts it is for. What core/policy.c loads with; of nobody else's concern. */
#pragma once

#include "core/policy.h"
#include "core/yaml.h"

/* Of the first file's tree, all of whose keys are checked. policy->path is set; the caller policy_free()s the policy,
 * also what failed. */
MUST_CHECK bool policy_head_read(const struct yaml *root, const struct catalogue *catalogue, struct policy *policy,
				 struct err *err);
void policy_free(struct policy *policy);
DEFINE_CLEANUP(struct policy, policy_free)
