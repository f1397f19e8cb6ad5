/* Access lists (acl(5)): whom they let in beside the owner, the group and everybody, which the mode does not show. */
#pragma once

#include "core/json.h"
#include "sources/place.h"

/* Of what is open at the descriptor (name NULL; O_PATH will do), or of an entry of the folder that is open there; path
 * is its path, by which a fixture has it. *ret_list: ["user:1000:rw-","group:27:r--"...], each as far as the list's
 * mask lets it, in the list's order; those whom it lets nothing are left out. NULL where nobody is named: without a
 * list, for links, and where the path is gone. False and errno. The caller decrefs. */
bool acl_read(const struct place *place, int at, const char *name, const char *path, mode_t mode, json_t **ret_list);
