/* Capabilities (capabilities(7)) by name. */
#pragma once

#include <stdint.h>

#include "core/json.h"

/* "chown" for 0; NULL behind those known here. */
const char *capability_name(unsigned number);
/* ["cap_net_admin"...] in the order of their numbers, one without a name as "cap_63"; ["all"] where none is missing.
 * New reference. */
json_t *capability_list(uint64_t set);
