/* What capabilities(7) this process has. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Effective ones: a bit each, by number. 0 also where the kernel does not say. */
uint64_t capability_effective(void);
/* Whether a program that is run from here has them too: it does as root, or where they are ambient. */
bool capability_is_inherited(void);
