/* Whether a criterion of a Match block takes a value, as sshd does it (sshd_config(5), PATTERNS in ssh_config(5)). */
#pragma once

#include <stdbool.h>

/* key: "user", "host", "address", "localaddress" or "localport". patterns: parted by commas; one fits, and none with !
 * does. Addresses also match networks (10.0.0.0/8). */
bool sshd_match(const char *key, const char *patterns, const char *value);
