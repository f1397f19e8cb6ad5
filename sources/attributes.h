/* What extended attributes add to a mode: access lists (acl(5)), whom they let in beside the owner, the group and
 * everybody; and capabilities of programs (capabilities(7)). */
#pragma once

#include "core/json.h"
#include "sources/place.h"

/* Of what is open at the descriptor (name NULL; O_PATH will do), or of an entry of the folder that is open there; path
 * is its path, by which a fixture has it. *ret_object has those of these members that there are, and is NULL where
 * there is none, for links, and where the path is gone. False and errno. The caller decrefs.
 *
 * - "acl": ["user:1000:rw-","group:27:r--"...], each as far as the list's mask lets it, in the list's order; those whom
 *   it lets nothing are left out
 * - "default_acl": of a folder, the same for what will be made in it
 * - "caps": of a file, sources/caps.h */
bool attributes_read(const struct place *place, int at, const char *name, const char *path, mode_t mode,
		     json_t **ret_object);
/* Whether a file has capabilities: all of the above at once would take longer. False with errno 0: it has none. */
bool attributes_has_caps(const struct place *place, int at, const char *name, const char *path, mode_t mode);
