/* luks: what the header of an encrypted device says of itself, without its salts and digests.
 *
 * luks:/dev/sda3 (or a file: a detached header, an image) is canonical JSON:
 * {"luks":false} - the device was read and has no LUKS header
 * {"luks":true, "version": 1 or 2, "uuid", "label", "subsystem" (both "" in version 1),
 *  "segments": [{"type", "cipher": "aes-xts-plain64", "sector_size"}...] - a type other than "crypt" has no cipher:
 * that part of the device is not encrypted (yet, or any more), "keyslots": [{"slot", "type", "key_bits", "cipher" (of
 * the slot itself), "kdf", and "hash" and "iterations" for pbkdf2, "time", "memory" (KiB) and "cpus" for argon2i and
 * argon2id}...] - slots in use; one of the type "reencrypt" has no kdf, "digests": [{"kdf", "hash", "iterations"}...],
 *  "tokens": [{"type": "systemd-tpm2", "keyslots": [1]}...] - with the slots whose key each has,
 *  "requirements": ["online-reencrypt"...] - what a reader of the header must know, config.requirements.mandatory}
 *
 * Version 1: "LUKS On-Disk Format Specification Version 1.2.3". Version 2: "LUKS2 On-Disk Format Specification 1.1.1".
 * Its checksum is not computed, because who may read a device has no library to do so; instead the header's two copies
 * have to agree in everything that both hold. Where they do not, or where only the second is left, it is malformed. */
#pragma once

#include "core/json.h"

#define LUKS_FIRST 4096U               /* bytes that show what a header is */
#define LUKS_HEADER_LARGEST (4U << 20) /* one copy of version 2 */

/* How many bytes from the device's beginning the whole header takes, going by its first LUKS_FIRST bytes; 0 where there
 * is no header. False: it is one that cannot be read. */
MUST_CHECK bool luks_size(const void *first, const char *where, size_t *ret_size, struct err *err);
/* A whole header, both copies. New reference. */
MUST_CHECK bool luks_parse(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err);
