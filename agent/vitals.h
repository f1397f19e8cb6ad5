/* vitals: what the state folder says of how the agent fares, for agent/textfile.h. */
#pragma once

#include "agent/home.h"
#include "agent/textfile.h"

/* Fills what is about acknowledging, spool and certificate; what cannot be read stays 0. */
void vitals_read(const struct home *home, struct textfile *into);
