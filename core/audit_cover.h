/* What a list of loaded audit rules does with the events of another rule. All rules are in the form of
 * core/audit_file.h; the order is that of precedence: of the rules that an event meets the first decides. */
#pragma once

#include "core/json.h"

/* The rule's canonical text, to find it among others; with keys or without. The caller frees. */
char *audit_rule_text(const json_t *rule, bool with_keys);
/* Whether `loaded` is what auditctl makes of the line that `rule` was parsed from, keys included. Beside equality: -w
 * may have become path or dir, and newer versions load, for kinds of access without system calls, those
 * that can have them instead of all. */
bool audit_rule_is_loaded_as(const json_t *rule, const json_t *loaded);

/* Whether every event of the rule (list exit, action always) is recorded by one of the loaded ones: by one with fewer
 * conditions or the same, on both kinds of machine calls where the rule names none, each system call by itself.
 * Exceptions are rules with the action never that are borne; every other one that may take away some of the events
 * before they are recorded is added to narrowed_by (indices into loaded, each once). */
bool audit_rule_is_covered(const json_t *rule, const json_t *loaded, const json_t *exceptions, json_t *narrowed_by);
/* Whether a loaded rule takes away what others record, whatever these are: never for whole tasks, or record types
 * without which an event says nothing (SYSCALL, PATH, EXECVE, CONFIG_CHANGE). Not one of the exceptions. */
bool audit_rule_suppresses(const json_t *loaded, const json_t *exceptions);
