/* A public key as OpenSSH keeps it in a file (RFC 4253 6.6, RFC 8332, RFC 5656 3.1). */
#pragma once

#include "core/err.h"

#define SSH_KEY_LONGEST 16384 /* characters of its line */

struct ssh_key {
	char type[64]; /* "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", ... */
	unsigned bits; /* of the modulus or the field; 0: not known of this type */
};
/* The first line of len bytes: "TYPE BASE64 [COMMENT]"; what is in BASE64 says the same type. */
MUST_CHECK bool ssh_key_read(const char *data, size_t len, const char *where, struct ssh_key *ret_key, struct err *err);
