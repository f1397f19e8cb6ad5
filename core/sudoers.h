/* Who may do what through sudo on this host: the rules of cmd:cvtsudoers, one grant for each user, group or other name
 * that a rule begins with, as whom, and what. */
#pragma once

#include "core/sudoers_list.h"

#define SUDOERS_GRANTS_MOST 20000

/* [{"who":"%sudo", as it stands in sudoers, aliases resolved,
 *   "type": user group everybody other (a netgroup, a plugin's group: who is in it cannot be seen),
 *   "users":["alice"...] whom of those that are known here it stands for, those left out by "!" not among them,
 *   "is_root":bool nobody but root itself,
 *   "host_sure":bool whether it is sure that the rule is meant for this host (rules for others are left out),
 *   "as":"ALL:ALL" users and groups, "as_root":bool these take root in, or a group that is as good as root,
 *   "commands":["/bin/a","!/bin/b"...], "all_commands":bool,
 *   "root_by":["ALL","/bin/bash"...] what of the commands makes root, empty where nothing that can be told does,
 *   "wildcards":["/bin/cat /var/log/?"...], "setenv":bool, "sudoedit":bool,
 *   "nopasswd":bool, "nopasswd_by": tag defaults exempt_group, or null,
 *   "overridden":bool a later rule takes all commands of it, as the same user, and wants a password}...]
 * in the order of sudoers, where the last rule that matches decides. New reference. */
MUST_CHECK bool sudoers_grants(const struct sudoers *sudoers, json_t **ret_grants, struct err *err);
