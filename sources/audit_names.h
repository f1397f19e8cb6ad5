/* Names that the kernel's headers have for numbers in audit rules; the build makes the tables from them. Each ends with
 * a NULL name. */
#pragma once

struct audit_name {
	const char *name;
	unsigned number;
};

extern const struct audit_name audit_syscalls_64[], audit_syscalls_32[], audit_types[];
