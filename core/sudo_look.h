/* The sudo of this host, as the checks read it: its rules, who is there, and what they may not be able to see. */
#pragma once

#include "core/check.h"
#include "core/nss_unlisted.h"
#include "core/sudoers.h"

#define SUDO_SOURCE "cmd:cvtsudoers"
#define SUDO_HOST_SOURCE "file:/proc/sys/kernel/hostname"
/* Another sudo than the one that cvtsudoers belongs to. */
#define SUDO_OTHERS "stat:/usr/local/bin/sudo", "stat:/usr/bin/sudo-rs", "stat:/opt/sudo/bin/sudo"

struct sudo_look {
	bool is_installed;
	json_t *accounts, *groups, *grants; /* owned; core/accounts.h, core/sudoers.h */
	char *unlisted;  /* owned: "passwd: sss", where users or groups may be elsewhere; NULL: none */
	char *elsewhere; /* owned: "sudoers: sss", where rules may be; NULL: none */
};

void sudo_look_ask(struct names *names);
MUST_CHECK bool sudo_look(const struct sources *fetched, const json_t *with, struct sudo_look *ret_look,
			  struct err *err);
void sudo_look_done(struct sudo_look *look);
