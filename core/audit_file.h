/* Rules of the kernel's audit as auditctl(8) takes them, in one form for what is on disk (audit.rules(7)) and what is
 * loaded (audit:rules, core/source.h), so that the two can be compared.
 *
 * The form: {"list":"exit","action":"always","arch":"b64"|"b32"|null,"syscalls":sorted names, ["all"] or [],
 * "fields":[{"field","op","value"}...] sorted, without arch and keys, "keys":[] sorted,"watch":bool}. Values are the
 * kernel's: numbers of users and groups, -1 for unset, perm in the order rwxa, paths without a slash at their end. What
 * -w makes has "watch" true and the field path, or dir where the line has a slash at its end; auditctl itself looks
 * which of both it is. */
#pragma once

#include "core/audit_value.h"

#define AUDIT_LINE_LONGEST 8192 /* auditctl's own limit */

enum audit_line_kind {
	AUDIT_LINE_NOTHING,    /* blank, a comment, or a setting other than these */
	AUDIT_LINE_RULE,       /* -a, -A, -w */
	AUDIT_LINE_DELETE_ALL, /* -D */
	AUDIT_LINE_ENABLED,    /* -e */
};

struct audit_line {
	enum audit_line_kind kind;
	json_t *rule; /* owned; RULE alone */
	int enabled;  /* ENABLED: 0 to 2 */
};
void audit_line_done(struct audit_line *line);

/* One line; cut up in place. ERR_MALFORMED: auditctl would refuse it; ERR_UNPROVED: what it means is not known here (a
 * name of a user that is not among the people, a number for a syscall, -d and -W, which take away single rules). */
MUST_CHECK bool audit_line_parse(char *line, const struct audit_people *people, const char *where, unsigned number,
				 struct audit_line *ret_line, struct err *err);
/* The form of an entry of audit:rules. New reference. ERR_MALFORMED where it is none. */
MUST_CHECK bool audit_rule_of_kernel(const json_t *entry, const char *where, json_t **ret_rule, struct err *err);
