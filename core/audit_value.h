/* Values of the fields of audit rules, as auditctl(8) takes them, in the kernel's words: what core/audit_file.h has. */
#pragma once

#include "core/err.h"
#include "core/json.h"

/* Who names of users and groups are: lists of core/accounts.h. Borrowed. */
struct audit_people {
	const json_t *accounts, *groups;
};

/* Where a value stands. */
struct audit_value_at {
	const struct audit_people *people;
	const char *where;
	unsigned number; /* of the line */
};

/* The caller frees. ERR_MALFORMED: no value of this field; ERR_UNPROVED: a field, or the name of a person, that is not
 * known here. */
MUST_CHECK bool audit_value_read(const struct audit_value_at *at, const char *field, const char *text, char **ret_value,
				 struct err *err);
/* Whether a field holds the number of a user or a group. */
bool audit_value_is_id(const char *field);
/* A path without slashes at its end. The caller frees. */
char *audit_value_path(const char *path);
/* The letters of kinds of access in the order rwxa. The caller frees. */
MUST_CHECK bool audit_value_perm(const struct audit_value_at *at, const char *text, char **ret_value, struct err *err);
