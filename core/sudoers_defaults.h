/* What the Defaults of sudoers(5) mean for its rules. In the JSON a Defaults of a user and one of a user to run as look
 * alike: a name that rules name as a user is taken for one, root and any other as either. What brings the password back
 * for somebody is not believed. */
#pragma once

#include "core/sudoers_list.h"

/* As whom a command runs where the rule says nothing: "root". Borrowed. */
const char *sudoers_runas_default(const struct sudoers *sudoers);
/* Sets nopasswd and nopasswd_by ("defaults", "exempt_group") of those grants (core/sudoers.h) that no tag of theirs
 * frees from the password, but something else does. It takes the member "tagged" away: a bool, that the grant has a tag
 * PASSWD or NOPASSWD, which is stronger than Defaults. */
void sudoers_exempt(const struct sudoers *sudoers, json_t *grants);
