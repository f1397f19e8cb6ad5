/* What lies under a path or a block device, down to the disks: whether bytes at rest are encrypted.
 *
 * Read from the live system alone: the mount table and /sys/class/block. Only dm-crypt counts (dm/uuid "CRYPT-LUKS2-",
 * "CRYPT-PLAIN-", ...); CRYPT-VERITY and CRYPT-INTEGRITY are dm-crypt's neighbours and encrypt nothing. crypttab is
 * never evidence. What sysfs cannot tell: a null cipher, a self-encrypting drive, per-directory encryption (fscrypt).
 *
 * One walk serves both halves of a check: with `names` it adds what it lacks so far and what it says is of no use;
 * without, it says what was found. A walk that needs a layer more than VOLUME_DEEPEST, and whatever hides what carries
 * it (zfs, overlay, network, loop device), is unproved. */
#pragma once

#include "core/check.h"

#define VOLUME_DEEPEST 5 /* layers below the first; one pass of naming sources each */

struct volume {
	bool has_plain;     /* some part of it lies on a disk without an encrypted layer in between */
	bool has_encrypted; /* some part crosses dm-crypt */
	bool has_memory;    /* some part is memory only: tmpfs, zram */
	bool is_virtual;    /* one of the plain disks is the hypervisor's: what that does cannot be seen from here */
	char *source;       /* owned: the mount's source or the device; "" when unknown */
	char *plain;        /* owned: the first disk without encryption above it, or NULL */
	json_t *chain;      /* owned: strings, from the file system down: "ext4", "dm-0 CRYPT-LUKS2", "vda" */
};

/* Patterns of every source that a walk may name, for the checks that use it. */
#define VOLUME_PATTERNS                                                                                                \
	"mounts:", "link:/*", "dir:/sys/class/block/*", "file:/sys/class/block/*", "dir:/sys/fs/btrfs*",               \
		"file:/proc/cpuinfo"

/* The patterns of what is looked at for any device or path, but for the link: of a path itself. */
void volume_paths(struct names *patterns);
/* What carries an absolute path (links in it are resolved; one that is not there is where it would be made). */
MUST_CHECK bool volume_of_path(const struct sources *fetched, struct names *names, const char *path,
			       struct volume *volume, struct err *err);
/* The block device at a path such as /dev/dm-1. */
MUST_CHECK bool volume_of_device(const struct sources *fetched, struct names *names, const char *path,
				 struct volume *volume, struct err *err);
/* The block device with these numbers, "254:0". */
MUST_CHECK bool volume_of_number(const struct sources *fetched, struct names *names, const char *number,
				 struct volume *volume, struct err *err);
/* False when the only disks without encryption are the hypervisor's: *err says that nothing is proved. */
MUST_CHECK bool volume_is_seen(const struct volume *volume, struct err *err);
void volume_done(struct volume *volume);
