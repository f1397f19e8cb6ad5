/* What a unit cannot take from a program, because the service manager needs it to start the program. */
#pragma once

#include "core/err.h"

/* From now on neither this process nor its children can begin another program: execve(2) and execveat(2) are EPERM, a
 * system call of another architecture ends the process. Sets no_new_privs. Cannot be taken back. */
MUST_CHECK bool confine_to_this_program(struct err *err);
