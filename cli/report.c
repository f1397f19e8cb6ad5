#include "cli/report.h"

#include "cli/say.h"

#define ROWS_SHOWN 5
#define RULES_SHOWN 3
#define REASONS_SHOWN 6
#define INDENT 17 /* of what stands below a result's title */

const char *report_text(const json_t *result, const char *member) {
	const char *text = json_string_value(json_object_get(result, member));
	return text ? text : "";
}

static enum verdict verdict_of(const json_t *result) {
	enum verdict verdict;
	return verdict_from_name(report_text(result, "verdict"), &verdict) ? verdict : VERDICT_ERROR;
}

static const char *control_of(const json_t *result) {
	const char *control = json_string_value(json_array_get(json_object_get(result, "controls"), 0));
	return control ? control : "";
}

struct counts report_count(const json_t *results) {
	struct counts counts = {0};
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) {
		counts.by_verdict[verdict_of(result)]++;
		counts.total++;
	}
	return counts;
}

json_t *report_summary(const struct counts *counts) {
	json_t *summary = json_object();
	for (enum verdict verdict = 0; verdict < VERDICT_COUNT; verdict++)
		json_object_set_new(summary, verdict_name(verdict),
				    json_integer((json_int_t)counts->by_verdict[verdict]));
	return summary;
}

void report_counts(const struct counts *counts, const char *one, const char *many) {
	printf("%zu %s:", counts->total, plural(counts->total, one, many));
	const char *comma = " ";
	for (enum verdict verdict = 0; verdict < VERDICT_COUNT; verdict++) {
		if (!counts->by_verdict[verdict])
			continue;
		printf("%s%zu ", comma, counts->by_verdict[verdict]);
		say_coloured(verdict_colour(verdict), verdict_name(verdict));
		comma = ", ";
	}
	putchar('\n');
}

/* Borrowed results in an order of our own. */
static const json_t **sorted(const json_t *results, int (*compare)(const void *, const void *), size_t *ret_count) {
	size_t count = json_array_size(results);
	const json_t **items = xcalloc(count + 1, sizeof(json_t *));
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(results, i);
	qsort(items, count, sizeof(json_t *), compare);
	*ret_count = count;
	return items;
}

static int by_control(const void *a, const void *b) {
	const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;
	int order = control_compare(control_of(left), control_of(right));
	return order ? order : strcmp(report_text(left, "rule"), report_text(right, "rule"));
}

static unsigned severity_rank(const json_t *result) {
	const char *severity = report_text(result, "severity");
	unsigned rank = SEVERITY_CRITICAL;
	while (rank <= SEVERITY_LOW && strcmp(severity_name(rank), severity) != 0)
		rank++;
	return rank;
}

static int by_weight(const void *a, const void *b) {
	const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;
	int failed = (verdict_of(right) == VERDICT_FAIL) - (verdict_of(left) == VERDICT_FAIL);
	int severity = (int)severity_rank(left) - (int)severity_rank(right);
	int key = json_is_true(json_object_get(right, "key")) - json_is_true(json_object_get(left, "key"));
	if (failed || severity || key)
		return failed ? failed : severity ? severity : key;
	return by_control(a, b);
}

static void print_value(const json_t *value) {
	if (json_is_string(value)) {
		say_text(stdout, json_string_value(value));
		return;
	}
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	say_text(stdout, text ? text : "?");
	free(text);
}

static void print_row(const json_t *row) {
	const char *name;
	json_t *value;
	const char *blank = "";
	printf("%*s", INDENT, "");
	json_object_foreach((json_t *)row, name, value) {
		if (json_is_null(value))
			continue;
		fputs(blank, stdout);
		say_text(stdout, name);
		putchar('=');
		print_value(value);
		blank = "  ";
	}
	putchar('\n');
}

/* Whether the reason names a value of this row, as in "/etc/x: mode is ..., and 2 more (/etc/y, /etc/z)": those that
 * it is about are shown before others. */
static bool is_named(const json_t *row, const char *reason) {
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)row, name, value) {
		const char *text = json_string_value(value);
		const size_t len = text ? strlen(text) : 0;
		for (const char *at = reason; len && (at = strstr(at, text)); at += len)
			if ((at == reason || strchr(" (", at[-1])) && at[len] && strchr(":,)", at[len]))
				return true;
	}
	return false;
}

static void print_observed(const json_t *result) {
	const json_t *rows = json_object_get(result, "observed");
	size_t count = json_array_size(rows), shown = 0;
	for (size_t i = 0; i < count && shown < ROWS_SHOWN; i++)
		if (is_named(json_array_get(rows, i), report_text(result, "reason"))) {
			print_row(json_array_get(rows, i));
			shown++;
		}
	for (size_t i = 0; i < count && shown < ROWS_SHOWN; i++)
		if (!is_named(json_array_get(rows, i), report_text(result, "reason"))) {
			print_row(json_array_get(rows, i));
			shown++;
		}
	if (count > shown)
		printf("%*s... and %zu more\n", INDENT, "", count - shown);
}

static void print_result(const json_t *result) {
	enum verdict verdict = verdict_of(result);
	char word[20];
	snprintf(word, sizeof word, "%-15s", verdict_name(verdict));
	fputs("  ", stdout);
	say_coloured(verdict_colour(verdict), word);
	say_text(stdout, report_text(result, "title"));
	fputs("  ", stdout);
	say_coloured(COLOUR_DIM, report_text(result, "rule"));
	putchar('\n');
	if (verdict == VERDICT_PASS)
		return;
	say_wrapped(report_text(result, "reason"), INDENT);
	if (verdict != VERDICT_NOTAPPLICABLE)
		print_observed(result);
}

void report_by_control(const json_t *results, const struct catalogue *catalogue) {
	size_t count;
	const json_t **items = sorted(results, by_control, &count);
	const char *current = "";
	for (size_t i = 0; i < count; i++) {
		if (strcmp(current, control_of(items[i])) != 0) {
			current = control_of(items[i]);
			const struct control *control = catalogue_find(catalogue, current);
			CLEANUP(free_ptr) char *heading = xasprintf("%s %s", current, control ? control->title : "");
			printf("%s", i ? "\n" : "");
			say_coloured(COLOUR_BOLD, heading);
			putchar('\n');
		}
		print_result(items[i]);
	}
	free(items);
}

static void print_failure(size_t number, const json_t *result) {
	const char *host = report_text(result, "host"), *fix = report_text(result, "fix");
	printf("  %zu. ", number);
	say_coloured(COLOUR_RED, report_text(result, "severity"));
	say(stdout, "  %s%s%s (%s, %s)\n", report_text(result, "title"), *host ? " on " : "", host,
	    report_text(result, "rule"), control_of(result));
	say_wrapped(report_text(result, "reason"), 5);
	if (*fix) {
		CLEANUP(free_ptr) char *line = xasprintf("fix: %s", fix);
		say_wrapped(line, 5);
	}
}

void report_worst(const json_t *results) {
	size_t count, failures = report_count(results).by_verdict[VERDICT_FAIL];
	if (!failures)
		return;
	const json_t **items = sorted(results, by_weight, &count);
	size_t shown = failures < REPORT_WORST ? failures : REPORT_WORST;
	printf("\nWorst %s of %zu\n", plural(shown, "failure", "failures"), failures);
	for (size_t i = 0; i < shown; i++)
		print_failure(i + 1, items[i]);
	free(items);
}

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

/* Why this result could not be said: what its first failed source says, or else its reason. NULL: it was denied. */
static const char *why_unsaid(const json_t *result) {
	size_t at;
	const json_t *source;
	const char *why = NULL;
	json_array_foreach(json_object_get(result, "sources"), at, source) {
		const char *error = report_text(source, "error");
		if (!strcmp(error, "denied"))
			return NULL;
		if (!why && *error && strcmp(error, "absent") != 0)
			why = report_text(source, "why");
	}
	return why ? why : report_text(result, "reason");
}

void report_unsaid(const json_t *results) {
	CLEANUP(json_decref_p) json_t *reasons = json_object();
	size_t index, count = 0, shown = 0;
	json_t *result, *rules;
	const char *why;
	json_array_foreach(results, index, result) {
		enum verdict verdict = verdict_of(result);
		if ((verdict != VERDICT_UNKNOWN && verdict != VERDICT_ERROR) || !(why = why_unsaid(result)))
			continue;
		if (!json_object_get(reasons, why))
			json_object_set_new(reasons, why, json_array());
		json_array_append(json_object_get(reasons, why), json_object_get(result, "rule"));
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
