/* What an auth stack of PAM is worth: whether it can let in where nothing verified who it is, and whether a lockout in
 * it counts and holds. What modules do is known for those of Linux-PAM and of the usual packages. */
#pragma once

#include "core/pam_walk.h"

/* Modules that the organisation knows to verify, beyond those known here; a borrowed array of strings or NULL. */
struct pam_auth_context {
	const char *service;
	const json_t *verifying;
};

enum pam_module_kind {
	PAM_KIND_UNKNOWN,
	PAM_KIND_VERIFIES, /* its success means that somebody proved to be who they say they are */
	PAM_KIND_PERMITS,  /* always success */
	PAM_KIND_DENIES,   /* always refusal */
	PAM_KIND_REFUSES,  /* refuses or keeps silent, never success */
	PAM_KIND_LOCKS,    /* counts wrong attempts */
	PAM_KIND_OTHER,    /* verifies nobody */
};
enum pam_module_kind pam_auth_kind(const struct pam_module *module, const struct pam_auth_context *context);

/* Whether the stack can grant though no module verified. *ret_last: what decided, borrowed from the stack. Modules that
 * nobody knows are taken for verifying, or for the opposite. */
bool pam_auth_can_bypass(const struct pam_stack *stack, const struct pam_auth_context *context, bool trusts_unknown,
			 const struct pam_module **ret_last);

enum pam_lockout { PAM_LOCKOUT_NONE, PAM_LOCKOUT_HOLDS, PAM_LOCKOUT_OPEN, PAM_LOCKOUT_UNCOUNTED };
/* NONE: no module that locks. OPEN: the stack can grant where all of these say that the account is locked. UNCOUNTED:
 * it can refuse a wrong password without one of them having counted it. */
enum pam_lockout pam_auth_lockout(const struct pam_stack *stack, const struct pam_auth_context *context);
