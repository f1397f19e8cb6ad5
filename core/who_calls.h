/* System calls that change files, by number, for the machines that Debian runs most on: x86-64, i386 and arm64. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum who_call_kind {
	WHO_CALL_OTHER,  /* it changes no file, or is not known here */
	WHO_CALL_WRITES, /* each file that it names */
	WHO_CALL_LINKS,  /* entries come and go; what else it names stays what it is */
	WHO_CALL_OPENS,  /* by the flags in argument `flags`; -1: in a record of its own */
};

struct who_call {
	enum who_call_kind kind;
	int flags;
	unsigned folders; /* bit i: argument i is an open folder that names are relative to */
};

/* arch: as in a record, AUDIT_ARCH_*. */
struct who_call who_call_of(uint32_t arch, unsigned number);
/* Whether a file that was opened with these flags may be changed through it, or was by opening it. */
bool who_flags_write(uint64_t flags);
