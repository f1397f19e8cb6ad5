/* Whom polkit takes for an administrator: whoever may answer with a password of their own, and so may become root by
 * pkexec(1) and much else. */
#pragma once

#include "core/err.h"
#include "core/json.h"

enum polkit_rules {
	POLKIT_ADMINS,  /* nothing but one addAdminRule that returns a list as it stands: read as a whole */
	POLKIT_NOTHING, /* comments alone */
	POLKIT_GRANTS,  /* a program without addAdminRule; what it lets whom do cannot be told */
	POLKIT_OPAQUE,  /* a program that speaks of administrators, or cannot be read as text */
};

/* A rules file (JavaScript), never run. With POLKIT_ADMINS *ret_identities is a new reference to
 * ["unix-group:sudo"...], else NULL. */
enum polkit_rules polkit_read(const char *text, size_t len, json_t **ret_identities);
/* "unix-group:sudo;unix-user:0" of AdminIdentities= in a file of polkit's older kind; new reference, NULL where the
 * text (NUL-terminated) sets none. */
json_t *polkit_read_conf(const char *text);
