/* What was denied, could not be said, or waits for somebody's word. */
#include "cli/report.h"
#include "cli/say.h"

#define RULES_SHOWN 3
#define REASONS_SHOWN 6
#define PROBES_SHOWN 8

/* {source: {"why", "rules": [..]}} over all results, in order of names. New reference. */
static json_t *denied_sources(const json_t *results) {
	json_t *denied = json_object(), *result, *source;
	size_t index, at;
	json_array_foreach(results, index, result) {
		json_array_foreach(json_object_get(result, "sources"), at, source) {
			if (strcmp(report_text(source, "error"), "denied") != 0)
				continue;
			const char *name = report_text(source, "name");
			if (!json_object_get(denied, name))
				json_object_set_new(
					denied, name,
					json_pack("{s:s, s:[]}", "why", report_text(source, "why"), "rules"));
			json_array_append(json_object_get(json_object_get(denied, name), "rules"),
					  json_object_get(result, "rule"));
		}
	}
	return denied;
}

static void print_rules(const json_t *rules) {
	size_t count = json_array_size(rules);
	for (size_t i = 0; i < count && i < RULES_SHOWN; i++)
		say(stdout, "%s %s", i ? "," : "", json_string_value(json_array_get(rules, i)));
	if (count > RULES_SHOWN)
		printf(" and %zu more", count - RULES_SHOWN);
}

void report_denied(const json_t *results) {
	CLEANUP(json_decref_p) json_t *denied = denied_sources(results);
	size_t count = json_object_size(denied);
	const char *name;
	json_t *entry;
	if (!count)
		return;
	printf("\n%zu %s denied\n", count, plural(count, "look was", "looks were"));
	json_object_foreach(denied, name, entry) {
		say(stdout, "  %s: %s (for", name, report_text(entry, "why"));
		print_rules(json_object_get(entry, "rules"));
		printf(")\n");
	}
}

/* What its first source with this error says (NULL: any but absent), or NULL. */
static const char *why_of_source(const json_t *result, const char *wanted) {
	size_t at;
	const json_t *source;
	json_array_foreach(json_object_get(result, "sources"), at, source) {
		const char *error = report_text(source, "error");
		if (wanted ? !strcmp(error, wanted) : *error && strcmp(error, "absent") != 0)
			return report_text(source, "why");
	}
	return NULL;
}

const char *report_gap(const json_t *result) {
	enum verdict verdict = report_verdict(result);
	const char *why = NULL;
	if (verdict != VERDICT_UNKNOWN && verdict != VERDICT_ERROR && verdict != VERDICT_NOTCHECKED)
		return NULL;
	if (verdict == VERDICT_NOTCHECKED)
		why = why_of_source(result, "unapproved");
	else if (!why_of_source(result, "denied"))
		why = why_of_source(result, NULL);
	return why ? why : report_text(result, "reason");
}

/* Adds rule to the list at key of {key: [rule]}. */
static void add_under(json_t *lists, const char *key, json_t *rule) {
	if (!json_object_get(lists, key))
		json_object_set_new(lists, key, json_array());
	json_array_append(json_object_get(lists, key), rule);
}

void report_unsaid(const json_t *results) {
	CLEANUP(json_decref_p) json_t *reasons = json_object();
	size_t index, count = 0, shown = 0;
	json_t *result, *rules;
	const char *why;
	json_array_foreach(results, index, result) {
		enum verdict verdict = report_verdict(result);
		if ((verdict != VERDICT_UNKNOWN && verdict != VERDICT_ERROR) || why_of_source(result, "denied"))
			continue;
		add_under(reasons, report_gap(result), json_object_get(result, "rule"));
		count++;
	}
	if (!count)
		return;
	printf("\nWhy %zu %s unknown\n", count, plural(count, "is", "are"));
	json_object_foreach(reasons, why, rules) {
		if (shown++ == REASONS_SHOWN)
			break;
		say(stdout, "  %s (", why);
		printf("%zu:", json_array_size(rules));
		print_rules(rules);
		printf(")\n");
	}
	if (json_object_size(reasons) > REASONS_SHOWN)
		printf("  and %zu other %s\n", json_object_size(reasons) - REASONS_SHOWN,
		       plural(json_object_size(reasons) - REASONS_SHOWN, "reason", "reasons"));
}

/* The parameter that a rule waits for, as its reason names it: "unapproved: NAME: ...". NULL: it has a probe. Owned. */
static char *unset_parameter(const json_t *result) {
	static const char before[] = "unapproved: ";
	const char *name = strstr(report_text(result, "reason"), before);
	if (!name || why_of_source(result, "unapproved"))
		return NULL;
	name += strlen(before);
	return xstrndup(name, strcspn(name, ":"));
}

/* The names of an object's members, at most PROBES_SHOWN, in lines. */
static void print_names(const json_t *names) {
	CLEANUP(buf_done) struct buf line = {0};
	const char *name;
	json_t *unused;
	size_t shown = 0;
	json_object_foreach((json_t *)names, name, unused) {
		if (shown++ == PROBES_SHOWN)
			break;
		buf_addf(&line, "%s%s", line.len ? ", " : "", name);
	}
	if (json_object_size(names) > PROBES_SHOWN)
		buf_addf(&line, " and %zu more", json_object_size(names) - PROBES_SHOWN);
	say_wrapped(buf_str(&line), 4);
}

static void print_probes(const json_t *results) {
	CLEANUP(json_decref_p) json_t *probes = json_object();
	const char *why = NULL;
	size_t index, at, rules = 0;
	json_t *result, *source;
	json_array_foreach(results, index, result) {
		const char *unapproved = why_of_source(result, "unapproved");
		if (report_verdict(result) != VERDICT_NOTCHECKED || !unapproved)
			continue;
		why = why ? why : unapproved;
		rules++;
		json_array_foreach(json_object_get(result, "sources"), at,
				   source) if (!strcmp(report_text(source, "error"), "unapproved"))
			add_under(probes, report_text(source, "name"), json_object_get(result, "rule"));
	}
	if (!rules)
		return;
	say(stdout, "  %zu %s off, which %zu %s: %s\n", json_object_size(probes),
	    plural(json_object_size(probes), "probe is", "probes are"), rules,
	    plural(rules, "rule needs", "rules need"), why);
	print_names(probes);
	printf("    approve them in the file approvals: docs/OPERATING.md, \"Probes\"\n");
}

static void print_parameters(const json_t *results) {
	CLEANUP(json_decref_p) json_t *parameters = json_object();
	size_t index, rules = 0;
	json_t *result, *names;
	const char *parameter;
	json_array_foreach(results, index, result) {
		CLEANUP(free_ptr)
		char *name = report_verdict(result) == VERDICT_NOTCHECKED ? unset_parameter(result) : NULL;
		if (!name)
			continue;
		add_under(parameters, name, json_object_get(result, "rule"));
		rules++;
	}
	if (!rules)
		return;
	printf("  %zu %s a parameter that only you can fill\n", rules,
	       plural(rules, "rule waits for", "rules wait for"));
	json_object_foreach(parameters, parameter, names) {
		CLEANUP(buf_done) struct buf line = {0};
		size_t at;
		const json_t *name;
		json_array_foreach(names, at, name) buf_addf(&line, "%s%s", at ? ", " : "", json_string_value(name));
		CLEANUP(free_ptr) char *whole = xasprintf("%s: %s", parameter, buf_str(&line));
		say_wrapped(whole, 4);
	}
	printf("    set them in a policy of your own: docs/POLICY.md, \"What is yours\"\n");
}

/* Whether the collector has a host on which this control is not evaluated; true without a list of it. */
static bool may_be_grey(const json_t *controls, const char *id) {
	size_t index;
	const json_t *control;
	json_array_foreach(controls, index, control) {
		const json_t *hosts = json_object_get(control, "hosts");
		if (!strcmp(report_text(control, "id"), id))
			return json_integer_value(json_object_get(hosts, "notevaluated")) > 0;
	}
	return !controls;
}

/* Whether each key rule of the control was not checked, or does not apply. */
static bool is_unchecked(const json_t *results, const char *control) {
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) {
		enum verdict verdict = report_verdict(result);
		if (json_is_true(json_object_get(result, "key")) && !strcmp(report_control(result), control) &&
		    verdict != VERDICT_NOTCHECKED && verdict != VERDICT_NOTAPPLICABLE)
			return false;
	}
	return true;
}

static void print_grey(const json_t *results, const json_t *controls) {
	CLEANUP(buf_done) struct buf line = {0};
	CLEANUP(json_decref_p) json_t *seen = json_object();
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) {
		const char *control = report_control(result);
		if (report_verdict(result) != VERDICT_NOTCHECKED || report_is_disabled(result) ||
		    !json_is_true(json_object_get(result, "key")) || json_object_get(seen, control) ||
		    !is_unchecked(results, control) || !may_be_grey(controls, control))
			continue;
		json_object_set_new(seen, control, json_true());
		buf_addf(&line, "%s%s", line.len ? ", " : "", control);
	}
	if (line.len)
		say(stdout, "  not evaluated for this reason alone: %s\n", buf_str(&line));
}

/* Each with who disabled it and why. */
static size_t print_disabled(const json_t *results) {
	size_t index, count = 0;
	json_t *result;
	json_array_foreach(results, index, result) {
		if (!report_is_disabled(result))
			continue;
		printf("%s", count++ ? "" : "\nDisabled\n");
		const char *host = report_text(result, "host");
		CLEANUP(free_ptr)
		char *line = xasprintf("%s%s%s: %s", host, *host ? ": " : "", report_text(result, "rule"),
				       report_text(result, "reason"));
		say_wrapped(line, 2);
	}
	return count;
}

void report_unchecked(const json_t *results, const json_t *controls) {
	size_t count = report_count(results).by_verdict[VERDICT_NOTCHECKED];
	count -= print_disabled(results);
	if (!count)
		return;
	printf("\n%zu %s not looked at until you say so\n", count, plural(count, "rule was", "rules were"));
	print_probes(results);
	print_parameters(results);
	print_grey(results, controls);
}
