/* Lines of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT; the blob: RFC 4253 6.6, RFC 8709). */
#pragma once

#include "core/json.h"

#define AUTHORIZED_KEYS_MOST 10000 /* lines with something on them in one file */

/* One line that is neither blank nor a comment, as
 *   {"line","understood":true,"type","bits"?,"fingerprint":"SHA256:...","options":[names],"comment"?}
 * or, where sshd would pass over it, {"line","understood":false}. bits is not there for types whose size is not known.
 * Options are named without what they are set to. Appends to list. where: the source's name. */
MUST_CHECK bool authorized_keys_read(const char *where, const char *data, size_t len, json_t *list, struct err *err);
