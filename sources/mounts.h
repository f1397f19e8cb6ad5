/* mounts: the mount table as the first process has it. */
#pragma once

#include "core/json.h"

/* proc_pid_mountinfo(5): one line a mount, with \ooo escapes decoded; a line that is not like that is malformed, with
 * its number. Canonical shape in core/source.h. New reference. */
MUST_CHECK bool mounts_parse(const char *data, size_t len, const char *where, json_t **ret_list, struct err *err);
