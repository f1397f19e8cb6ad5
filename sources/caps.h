/* Capabilities of a program's file (capabilities(7)): what it may do, whoever starts it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The attribute security.capability in getcap(8)'s words: "cap_net_bind_service,cap_net_raw=ep"; more than one group
 * where they differ, parted by spaces; " [rootid=100000]" behind them where they hold below that user's namespace
 * alone. A capability without a name here is its number; none at all is "=". Letters are e, i, p: effective,
 * inheritable, permitted. NULL when it is not such an attribute. The caller frees. */
char *caps_text(const void *data, size_t len);
