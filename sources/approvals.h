/* Asking the approvals file (core/approvals.h) whether a probe may be made. */
#pragma once

#include "core/approvals.h"

#define APPROVALS_FILE VOUCH_SYSCONFDIR "/approvals"

/* approvals_find() in the file, read anew, now: *ret_who gets "Jane Doe until 2027-01-31". False: ERR_UNAPPROVED
 * whatever was the matter with the file. */
MUST_CHECK bool approvals_ask(const char *file, const char *name, struct buf *ret_who, struct err *err);
