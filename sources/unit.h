/* What the source unit: holds. */
#pragma once

#include <stdbool.h>

#define UNIT_NAME_LONGEST 255 /* as in systemd */

/* Whether a change of this property of a unit changes the source. */
bool unit_has_property(const char *name);
