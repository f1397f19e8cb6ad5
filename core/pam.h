/* PAM's configuration as libpam reads it (pam.d(5), libpam's pam_handlers.c): the modules of one facility of one
 * service, in order, with what each return value leads to. include and substack are resolved, and Debian's @include;
 * /etc/pam.conf counts only where there is no folder. What a module does is not in here: core/pam_walk.h. */
#pragma once

#include "core/check.h"

#define PAM_RETURNS 32       /* PAM_SUCCESS to PAM_INCOMPLETE */
#define PAM_DEEPEST 16       /* include and substack, as in libpam */
#define PAM_MODULES_MOST 256 /* in one stack; more are malformed */
#define PAM_READS_MOST 200   /* of files for one stack */
#define PAM_OTHER "other"

/* The return values that are spoken of by name; their numbers are libpam's. */
enum pam_return {
	PAM_IS_SUCCESS = 0,
	PAM_IS_PERM_DENIED = 6,
	PAM_IS_AUTH_ERR = 7,
	PAM_IS_USER_UNKNOWN = 10,
	PAM_IS_NEW_AUTHTOK_REQD = 12,
	PAM_IS_AUTHTOK_ERR = 20,
	PAM_IS_IGNORE = 25,
	PAM_IS_MODULE_UNKNOWN = 28,
	PAM_IS_INCOMPLETE = 31,
};

/* What a return value leads to; above 0 so many modules are jumped over. */
enum pam_action {
	PAM_DOES_IGNORE = 0,
	PAM_DOES_OK = -1,
	PAM_DOES_DONE = -2,
	PAM_DOES_BAD = -3,
	PAM_DOES_DIE = -4,
	PAM_DOES_RESET = -5,
	PAM_DOES_UNSET = -6, /* while a line is parsed */
};

struct pam_module {
	char *name;   /* "pam_unix": without folder and .so; "" where must_fail */
	json_t *args; /* array of strings */
	char *where;  /* "/etc/pam.d/sshd:4" */
	int actions[PAM_RETURNS];
	unsigned level;      /* of substacks */
	bool is_substack;    /* no module: the line that opens one, which a jump counts */
	bool must_fail;      /* a line that libpam does not understand */
	bool may_be_missing; /* "-auth": passed over where the module is not installed */
};

struct pam_stack {
	struct pam_module *modules; /* owned */
	size_t count;
	char *file;       /* the service's own file, /etc/pam.conf, or that of "other" */
	bool is_of_other; /* the service says nothing about this facility */
};

/* The services of the parameter of that name, or without it the usual ones. */
struct names *pam_services(const json_t *with, const char *const *usual, size_t count);
/* Adds what is needed next to know these services: folders, files, what they include. */
void pam_ask(const struct names *services, const struct sources *fetched, struct names *names);
/* The patterns of what it adds. */
void pam_paths(struct names *patterns);
/* Whether the service has a file (or lines of /etc/pam.conf). Unproved where there is no PAM to be seen at all. */
MUST_CHECK bool pam_has_service(const char *service, const struct sources *fetched, bool *ret_has, struct err *err);
/* facility: "auth", "account", "password", "session". A stack without modules grants nothing. */
MUST_CHECK bool pam_stack_read(const char *service, const char *facility, const struct sources *fetched,
			       struct pam_stack *ret_stack, struct err *err);
void pam_stack_done(struct pam_stack *stack);
/* The i-th argument, NULL behind the end. */
const char *pam_arg_at(const struct pam_module *module, size_t index);
bool pam_has_arg(const struct pam_module *module, const char *arg);
/* What stands behind "name=" in the last argument of this name, or NULL. */
const char *pam_arg_value(const struct pam_module *module, const char *name);
