/* cmd:cvtsudoers: who may do what through sudo, as cvtsudoers(1) writes it in JSON:
 * {"Defaults"?: [...], "User_Aliases"?: {...}, "Runas_Aliases"?, "Host_Aliases"?, "Command_Aliases"?, "User_Specs"?:
 * [...]}
 *
 * cvtsudoers also reads what sudo refuses: so before it is asked, each file that sudo would read has to be one that
 * sudo would take. The first that is not makes the whole unreadable, with its name and mode in the reason. Where
 * sudo.conf(5) names another policy or other files, it is unproved. Absent: no sudo. Rules that sudo gets from a
 * directory service (nsswitch.conf(5)) are in no file, and not in here. */
#pragma once

#include "core/err.h"

/* Follows @include and @includedir from the main file on, as sudo does: the owner must be this user, the files regular,
 * and neither they nor the folders writable by others, or by a group but the first. where names errors. */
MUST_CHECK bool sudoers_are_taken(const char *main, unsigned owner, const char *where, struct err *err);
/* Whether sudo.conf's text (NUL-terminated) leaves sudo with the policy that it comes with, and its files. */
bool sudoers_is_standard(const char *conf);
/* What a line includes: *ret_path is its path as it stands there, unescaped (the caller frees), NULL when the line
 * includes nothing. False when it cannot be told. */
bool sudoers_include(const char *line, bool *ret_is_folder, char **ret_path);
