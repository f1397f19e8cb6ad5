/* The shortest password that a password stack of PAM lets be stored for an account of this host.
 *
 * libpam runs the stack twice; the second time is when passwords are asked for, looked at and stored. A check that
 * refuses takes the new password away. That ends the way (requisite), or whoever stores finds none and gives up
 * (use_authtok, use_first_pass), or asks for one of their own, which nobody looks at: that one is stored, even where
 * the stack as a whole fails. */
#pragma once

#include "core/pam_walk.h"
#include "core/pwquality.h"

/* *ret_can: whether a password can be stored at all. */
MUST_CHECK bool pam_password_shortest(const struct pam_stack *stack, const struct pwquality *base, bool is_root,
				      const struct sources *fetched, bool *ret_can, int *ret_shortest, struct err *err);
/* Whether the module looks at new passwords, whether it stores them. */
bool pam_password_checks(const struct pam_module *module);
bool pam_password_stores(const struct pam_module *module);
