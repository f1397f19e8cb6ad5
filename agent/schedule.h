/* schedule: when a rule is looked at again. Every rule of a process goes by the same clock: with an `every` of T it is
 * due at the process' first look and at each whole multiple of T behind that, whenever else it was looked at. So what
 * fits falls due together, and changes between do not draw the rounds apart. Times are CLOCK_BOOTTIME, microseconds. */
#pragma once

#include <stdint.h>

#define SCHEDULE_SLACK_US UINT64_C(1000000) /* what is due within it is due now */

/* The first instant on the schedule that a look which began at `last` has not served. first <= last; every > 0. */
uint64_t schedule_next(uint64_t first, uint64_t last, uint64_t every);
