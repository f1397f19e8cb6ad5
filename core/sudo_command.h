/* What one command in a rule of sudo gives away: as cvtsudoers(1) writes it, a path with or without arguments,
 * "sudoedit FILE", "ALL". Only what can be told from the words; a script that its user may write is not seen. */
#pragma once

#include <stdbool.h>

/* Whether arguments, or the path, hold wildcards or a regular expression: "*" in arguments takes blanks in too. */
bool sudo_command_is_wild(const char *command);
/* Whether who may run this as root is root: a shell, an editor, a package manager, a folder of programs, what lies in a
 * home or in /tmp; also behind env, nice and the like. Fixed arguments tell "su -" from "su - backup", and "bash" from
 * one script. no_exec: sudo keeps it from starting others (NOEXEC). */
bool sudo_command_is_root(const char *command, bool no_exec);
/* Whether the two may stand for the same program. */
bool sudo_commands_meet(const char *one, const char *other);
