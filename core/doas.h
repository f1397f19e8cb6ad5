/* doas.conf(5): which of its rules make root. */
#pragma once

#include "core/err.h"
#include "core/json.h"

/* [{"identity":"alice" or ":wheel","nopass":bool,"command":"/bin/sh"|null}...] of the permit lines that take root in
 * and whose command (null: all) makes root; deny lines take nobody out here. New reference. A line that is no rule is
 * malformed. */
MUST_CHECK bool doas_read(const char *where, const char *data, size_t len, json_t **ret_rules, struct err *err);
