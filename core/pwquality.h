/* What libpwquality and its elders ask of a new password's length: pwquality.conf(5) with its drop-ins and the
 * arguments of pam_pwquality, pam_cracklib, pam_passwdqc and pam_unix. Defaults are those of libpwquality 1.4 (2017)
 * and later. */
#pragma once

#include "core/pam.h"

#define PWQUALITY_CONF "/etc/security/pwquality.conf"
#define PWQUALITY_FOLDER "/etc/security/pwquality.conf.d"
#define PASSWDQC_CONF "/etc/passwdqc.conf"

struct pwquality {
	int minlen, retry;
	int credits[4]; /* digits, capitals, small letters, others: above 0 they shorten, below they are asked for */
	bool enforcing, enforce_for_root, local_users_only;
};

void pwquality_ask(const struct sources *fetched, struct names *names);
void pwquality_paths(struct names *patterns);
/* pwquality.conf and, before it, so that it overrides them, its drop-ins in the order of their names. What libpwquality
 * does not understand ends its reading: what stands behind does not count. */
MUST_CHECK bool pwquality_read(const struct sources *fetched, struct pwquality *ret_settings, struct err *err);
/* One more setting, as an argument has it: "minlen=12", "enforce_for_root". False: it is none. */
bool pwquality_set(struct pwquality *settings, const char *option);
/* The shortest password that can pass. */
int pwquality_shortest(const struct pwquality *settings);

/* The shortest password that a module of a password stack takes; 0: any. is_root: set by root for somebody. base: what
 * pwquality_read() gave. */
MUST_CHECK bool pwquality_module(const struct pam_module *module, const struct pwquality *base, bool is_root,
				 const struct sources *fetched, int *ret_shortest, struct err *err);
