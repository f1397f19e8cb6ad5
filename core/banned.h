/* Functions that may not be used anywhere: with this header (included by the build before everything else)
 * they do not compile. Each has a bounded or reentrant counterpart. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef sprintf /* a macro of the C library's where the compiler is clang */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime atoi atol atoll system popen gets tmpnam     \
	mktemp
