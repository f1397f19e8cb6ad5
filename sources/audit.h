/* audit:status and audit:rules: what the kernel's audit has been told, asked over netlink as auditctl(8) does.
 *
 * audit:status: {"enabled": 0, 1, or 2 (locked until the next boot), "failure": 0 silent, 1 printk, 2 panic, "pid": of
 * the daemon (0: none), "rate_limit", "backlog_limit", "lost", "backlog", "backlog_wait_time"?}
 *
 * audit:rules, in the kernel's order: [{"list": "exit", "action": "always", "arch": "b64", "b32" or null, "syscalls":
 * names, ["all"], or [] where the list takes none, "fields": [{"field","op","value"}...] without arch and keys, "keys":
 * ["time-change"...], "watch": it is what auditctl -w makes, "text": the line that `auditctl -l` (3.0) shows}...]. What
 * has no name here is given as auditctl does: a number ("f114", "1123").
 *
 * Both are denied to who may not ask, unproved from another user namespace, and absent where the kernel has no audit.
 */
#pragma once

#include "core/json.h"

#define AUDIT_RULES_MOST 10000

/* struct audit_status of linux/audit.h, which has grown over time. New reference. */
MUST_CHECK bool audit_status_parse(const void *data, size_t len, const char *where, json_t **ret_value,
				   struct err *err);
/* Records (sources/records.h) of a struct audit_rule_data each. New reference. */
MUST_CHECK bool audit_rules_parse(const void *data, size_t len, const char *where, json_t **ret_list, struct err *err);
