/* /etc/passwd and /etc/group as lists. Blank lines, comments and the "+" and "-" lines of NIS are left out, as glibc's
 * files service does; any other line that is not whole is malformed, with its number. */
#pragma once

#include "core/source.h"

#define ACCOUNTS_SOURCE "file:/etc/passwd"
#define GROUPS_SOURCE "file:/etc/group"

/* [{"name","password","uid","gid","home","shell","line"}...] in the file's order. password is the second field, raw: it
 * may be a hash and never leaves the process. *ret_has_nis: there were lines of NIS. New reference. */
MUST_CHECK bool accounts_need(const struct sources *fetched, json_t **ret_accounts, bool *ret_has_nis, struct err *err);
/* [{"name","gid","members":[]}...] in the file's order; empty when the file is absent. New reference. */
MUST_CHECK bool groups_need(const struct sources *fetched, json_t **ret_groups, struct err *err);
/* The name of the first entry whose member `id` ("uid", "gid") has this value, or NULL. Borrowed. */
const char *accounts_name_of(const json_t *entries, const char *id, int64_t value);
/* Whether a shell of passwd lets somebody in: not nologin, false and the like. "" stands for /bin/sh. */
bool accounts_shell_lets_in(const char *shell);
