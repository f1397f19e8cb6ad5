/* What a command that somebody ran through sudo tells a unit. */
#pragma once

#include <stdbool.h>

/* Whether it has a program that tells units of this system what to do, what makes a unit another, and this one:
 * "systemctl stop ssh" tells "ssh.service". */
bool who_unit_is_told(const char *command, const char *unit);
