/* Writing sources as a folder that `vouch run --root` looks at: a captured folder, as sources/fetch.h describes it. */
#pragma once

#include "core/source.h"

struct root_folder;
/* Begin beside where it shall be, below a temporary name, 0700. path: not there yet, or an empty folder.
 * largest: bytes that all its files may have together. */
MUST_CHECK bool root_folder_new(const char *path, size_t largest, struct root_folder **ret_folder, struct err *err);
/* Removes what was not finished. */
void root_folder_free(struct root_folder *folder);
DEFINE_CLEANUP(struct root_folder, root_folder_free)
/* Add one: a file below its path, what is not a file below .vouch, a failed look to the meta. */
MUST_CHECK bool root_folder_put(struct root_folder *folder, const struct source *source, struct err *err);
/* Write .vouch/meta and .vouch/captured (this value). The folder is whole then, but not in its place. */
MUST_CHECK bool root_folder_close(struct root_folder *folder, const json_t *captured, struct err *err);
/* Where it is. Borrowed. */
const char *root_folder_path(const struct root_folder *folder);
/* Move it to its place. */
MUST_CHECK bool root_folder_move(struct root_folder *folder, struct err *err);
