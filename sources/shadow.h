/* shadow: /etc/shadow without its hashes.
 *
 * Canonical JSON, in the file's order: [{"name", "scheme", "locked", "empty", "last_change", "max_days", "expire"}...].
 * scheme: what the hash was made by, as crypt(5) prefixes it: "$y$", "$gy$", "$7$", "$2a$" "$2b$" "$2x$" "$2y$", "$6$",
 * "$5$", "$1$", "$md5$", "$sha1$", "$3$", "_"; "des" for thirteen characters of the oldest kind; "unknown" for anything
 * else that is there; "" when there is no hash ("*", "!", "!!", "!*", empty). locked: the field begins with ! or *, so
 * no password is accepted; the scheme of a hash behind ! is still given. empty: the field is empty, and no password is
 * asked for. The three numbers are days (since the epoch, of validity, since the epoch), null when empty or -1. */
#pragma once

#include "core/json.h"

#define SHADOW_LARGEST (4U << 20) /* bytes of /etc/shadow */

/* A line that is not nine fields as shadow(5) has them is malformed, with its number; empty lines and those that begin
 * with # are passed over, as libc does. The hashes do not get into *ret_list nor into *err. New reference. */
MUST_CHECK bool shadow_parse(const char *data, size_t len, const char *where, json_t **ret_list, struct err *err);
