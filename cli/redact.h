/* What may leave a host: sources without the secrets and the personal data in them. One table says which kind of source
 * and which path is treated how; what it does not name is searched for secrets, never taken for harmless.
 *
 * Kept, because rules judge by it: names of accounts, groups, hosts, units and files, addresses, public keys, times.
 * Masked, each leaving the word "masked" in its place: the inside of private keys (what kind of key stays), values of
 * settings and options whose names say secret (password, passphrase, token, psk, key and the like), user information in
 * URLs, hashes of passwords, authorization headers and tokens of well-known forms. Emptied: the comment field of passwd
 * entries, the comments of public keys. Left out whole: files that are nothing but secrets, and what is not text and no
 * known kind. */
#pragma once

#include "cli/mask.h"
#include "core/source.h"

struct redaction {
	size_t masked;    /* places that were masked or emptied */
	bool is_left_out; /* the source has become ERR_DENIED */
};

/* Changes the source (bytes, digest, reason of a failed look) in place. What cannot be searched to its end is left
 * out. */
struct redaction redact(const struct masker *masker, struct source *source);
