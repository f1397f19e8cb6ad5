/* The shortest password that a password stack of PAM lets be stored for an account of this host.
 *
 * libpam runs the stack twice and decides by the first time which modules take part; a check that refuses the second
 * time stops nobody by itself, it only takes the new password away. So it counts only where whoever stores it asks for
 * none of their own (use_authtok, use_first_pass), and only where its control takes a refusal for bad. */
#pragma once

#include "core/pam_walk.h"
#include "core/pwquality.h"

/* *ret_can: whether a password can be stored at all. */
MUST_CHECK bool pam_password_shortest(const struct pam_stack *stack, const struct pwquality *base, bool is_root,
				      const struct sources *fetched, bool *ret_can, int *ret_shortest, struct err *err);
/* Whether the module looks at new passwords, whether it stores them. */
bool pam_password_checks(const struct pam_module *module);
bool pam_password_stores(const struct pam_module *module);
