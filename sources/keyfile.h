/* keyfile: whether a file holds a private key, and whether that needs a passphrase. The key itself stays where it is:
 * it is read, looked at and wiped in the hand.
 *
 * keyfile:/root/.ssh/id_ed25519 is canonical JSON:
 * {"key":false} - it was read and holds no private key in a text form
 * {"key":true,"format":"openssh" or "pem","encrypted":bool} - of several keys the first that is not encrypted, else the
 * first. openssh: OpenSSH's PROTOCOL.key; pem: RFC 7468 clauses 10 and 11, and RFC 1421's Proc-Type as OpenSSL writes
 * it.
 */
#pragma once

#include "core/json.h"

#define KEYFILE_LARGEST (64U << 10) /* bytes; a larger file is {"key":false}: none is that long */

/* What is in the bytes. New reference. */
json_t *keyfile_parse(const char *data, size_t len);
