/* Who may administer this host by account alone: uid 0, and the members of groups of administrators, the primary group
 * among them. */
#pragma once

#include "core/check.h"

/* Adds what is needed: passwd, group, nsswitch.conf and systemd's userdb. */
void privileged_ask(struct names *names);
/* with: the parameters "groups" (strings; default admin sudo wheel) and "trusted_services" (strings, of nsswitch.conf)
 * of the check. [{"name","password","uid","gid","home","shell","line"}...] as core/accounts.h has them, in the file's
 * order, without a second line of the same name. Unproved where another service than the files may know more of them.
 * New reference. */
MUST_CHECK bool privileged_need(const json_t *with, const struct sources *fetched, json_t **ret_accounts,
				struct err *err);
