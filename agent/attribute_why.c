#include "agent/attribute_why.h"

#include "core/audit_cover.h"
#include "core/audit_file.h"
#include "core/times.h"

/* Whether every write to this path would be recorded by the rules that are loaded. True where that is not known. */
static bool is_covered(const struct sources *fetched, const char *path) {
	json_t *entries, *entry;
	size_t i;
	struct err ignored;
	CLEANUP(json_decref_p) json_t *loaded = json_array();
	CLEANUP(json_decref_p) json_t *exceptions = json_array();
	CLEANUP(json_decref_p) json_t *narrowed = json_array();
	if (!source_need_json(fetched, ATTRIBUTE_RULES, &entries, &ignored))
		return true;
	json_array_foreach(entries, i, entry) {
		json_t *rule;
		if (audit_rule_of_kernel(entry, ATTRIBUTE_RULES, &rule, &ignored))
			json_array_append_new(loaded, rule);
	}
	CLEANUP(json_decref_p)
	json_t *wanted = json_pack("{s:s,s:s,s:s,s:[s],s:[{s:s,s:s,s:s},{s:s,s:s,s:s}],s:[],s:b}", "list", "exit",
				   "action", "always", "arch", sizeof(void *) == 8 ? "b64" : "b32", "syscalls", "all",
				   "fields", "field", "path", "op", "=", "value", path, "field", "perm", "op", "=",
				   "value", "wa", "keys", "watch", 1);
	return !wanted ||
	       (audit_rule_is_covered(wanted, loaded, exceptions, narrowed) && json_array_size(narrowed) == 0);
}

static const char *why_no_log(const struct sources *fetched, struct err *err) {
	const struct source *log;
	json_t *status;
	if (source_need_json(fetched, ATTRIBUTE_STATUS, &status, err)) {
		if (json_integer_value(json_object_get(status, "enabled")) == 0)
			return "auditing is off";
		if (json_integer_value(json_object_get(status, "pid")) == 0)
			return "no audit daemon runs";
	}
	if (!sources_get(fetched, ATTRIBUTE_LOG))
		return "the audit log was not read in time";
	if (source_need(fetched, ATTRIBUTE_LOG, &log, err))
		return NULL;
	switch (err->code) {
	case ERR_ABSENT:
		return "no audit daemon keeps a log here";
	case ERR_DENIED:
		return "the audit log may not be read";
	case ERR_TIMEOUT:
		return "the audit log was not read in time";
	default:
		return "the audit log cannot be read";
	}
}

/* Whether what might tell is not here only because it was not waited for. */
static bool is_cut(const struct sources *fetched) {
	for (size_t i = 0; i < sources_count(fetched); i++)
		if (sources_at(fetched, i)->err.code == ERR_TIMEOUT)
			return true;
	return !sources_get(fetched, ATTRIBUTE_LOG);
}

/* What the records that are there leave open. */
static char *why_no_record(const struct attribute_ask *ask, const struct who_target *first,
			   const struct who_found *found) {
	if (first->kind == WHO_UNIT)
		return xasprintf("no record in the audit log of somebody who asked for %s", first->name);
	if (found->is_another)
		return xasprintf("no record in the audit log of who changed %s: those that name it are of another file "
				 "of its name",
				 first->name);
	return xasprintf("no record in the audit log, or not yet, of who changed %s",
			 target_is_of_path(first) ? first->name : names_at(ask->sources, 0));
}

/* Of targets that logs tell of. */
static char *why_not_told(struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched,
			  const struct who_found *found) {
	struct err err = {0};
	const struct who_target *first = targets->list;
	const char *why = why_no_log(fetched, &err);
	ask->may_come = is_cut(fetched);
	if (why)
		return xstrdup(why);
	for (size_t i = 0; i < targets->count; i++)
		if (target_is_of_path(&targets->list[i]) && !is_covered(fetched, targets->list[i].name))
			return xasprintf("no audit rule covers %s", targets->list[i].name);
	if (found->is_unsure && ask->may_come)
		return xasprintf("which file %s is was not read in time", first->name);
	if (found->is_unsure)
		return xasprintf("the audit log tells of a change to %s, but not whether that is the file here or "
				 "another of its name",
				 first->name);
	if (!found->oldest_ms || found->oldest_ms > ask->from_ms)
		return xstrdup("the part of the audit log that was read begins after the last look");
	ask->may_come = true;
	return why_no_record(ask, first, found);
}

char *attribute_why(struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched,
		    const struct who_found *found) {
	if (ask->from_ms > ask->until_ms)
		return xstrdup("the clock went backwards since the last look, so no record can be placed");
	if (names_count(ask->sources) == 0 && ask->is_other_policy)
		return xstrdup("the policy is another");
	if (names_count(ask->sources) == 0)
		return xstrdup("nothing that this rule reads is another: what it depends on is");
	if (targets->count == 0)
		return xasprintf("no log tells who changes %s", names_at(ask->sources, 0));
	return why_not_told(ask, targets, fetched, found);
}

char *attribute_journal(const struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched) {
	for (size_t t = 0; t < targets->count; t++) {
		CLEANUP(free_ptr) char *name = xasprintf(ATTRIBUTE_JOURNAL "%s", targets->list[t].name);
		json_t *value, *change;
		struct err ignored;
		size_t i;
		if (targets->list[t].kind != WHO_UNIT || !source_need_json(fetched, name, &value, &ignored))
			continue;
		json_array_foreach(json_object_get(value, "changes"), i, change) {
			char at[TIMES_TEXT];
			int64_t ms = json_integer_value(json_object_get(change, "at")) / 1000;
			const char *what = json_string_value(json_object_get(change, "what"));
			if (what && ms >= ask->from_ms && ms <= ask->until_ms)
				return xasprintf("the journal says that %s %s at %s, but not by whose wish",
						 targets->list[t].name, what, times_format(ms / 1000, at));
		}
	}
	return NULL;
}
