/* Whether the PAM files that a tool writes (pam-auth-update, authselect) are still as that tool left them. */
#pragma once

#include "core/check.h"

/* Adds what is needed. */
void pam_managed_ask(struct names *names);
/* *ret_tool: "pam-auth-update", "authselect" or NULL: none is used here, or nothing tells. *ret_changed: the auth lines
 * of the file that it writes are others than those that it wrote (pam-auth-update), the file is no longer a link to its
 * own (authselect). */
MUST_CHECK bool pam_managed_read(const struct sources *fetched, const char **ret_tool, bool *ret_changed,
				 struct err *err);
