/* What the Defaults of sudoers(5) mean for its rules. In the JSON a Defaults of a user and one of a user to run as look
 * alike: one that takes the password away is believed as either, one that brings it back as neither. */
#pragma once

#include "core/sudoers_list.h"

/* As whom a command runs where the rule says nothing: "root". Borrowed. */
const char *sudoers_runas_default(const struct sudoers *sudoers);
/* What keeps sudo from asking for a password though no tag of the rule (core/sudoers.h: a grant with who, users, as and
 * commands) does: "defaults", "exempt_group", or NULL. is_tagged: it has the tag PASSWD, which is stronger than
 * Defaults. */
const char *sudoers_exempt_by(const struct sudoers *sudoers, const json_t *grant, bool is_tagged);
