/* What a password field of passwd(5) or shadow(5) says without its hash: crypt(5)'s scheme, and whether it can match.
 */
#pragma once

#include <stdbool.h>

/* "yescrypt", "gost-yescrypt", "scrypt", "bcrypt", "sha512crypt", "sha256crypt", "sha1crypt", "sunmd5", "md5crypt",
 * "bsdicrypt", "descrypt", "nt"; "other" for a $id$ that is none of these; NULL when the field holds no hash. Marks of
 * locking in front ("!") are skipped: the hash comes back when the account is unlocked. Static. */
const char *password_scheme(const char *field);
/* Whether no password can match: a mark in front, or text that is no result of crypt(3). An empty field is not locked:
 * it lets everybody in. */
bool password_is_locked(const char *field);
