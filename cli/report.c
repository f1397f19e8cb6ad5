#include "cli/report.h"

#include "cli/say.h"
#include "core/text.h"
#include "core/times.h"

#define ROWS_SHOWN 5
#define ROW_LONGEST 300 /* bytes of a row that are shown; --json has it whole */
#define INDENT 17       /* of what stands below a result's title */

const char *report_text(const json_t *result, const char *member) {
	const char *text = json_string_value(json_object_get(result, member));
	return text ? text : "";
}

enum verdict report_verdict(const json_t *result) {
	enum verdict verdict;
	return verdict_from_name(report_text(result, "verdict"), &verdict) ? verdict : VERDICT_ERROR;
}

const char *report_control(const json_t *result) {
	const char *control = json_string_value(json_array_get(json_object_get(result, "controls"), 0));
	return control ? control : "";
}

/* A fail with a waiver that has not ended. */
static bool has_waiver(const json_t *result) {
	int64_t until;
	return report_verdict(result) == VERDICT_FAIL &&
	       times_parse(report_text(json_object_get(result, "waiver"), "expiresAt"), &until) && until > times_now();
}

bool report_is_disabled(const json_t *result) {
	return report_verdict(result) == VERDICT_NOTCHECKED &&
	       text_starts(report_text(result, "reason"), "disabled by ");
}

struct counts report_count(const json_t *results) {
	struct counts counts = {0};
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) {
		counts.by_verdict[report_verdict(result)]++;
		counts.waived += has_waiver(result);
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
		if (verdict == VERDICT_FAIL && counts->waived)
			printf(" (%zu waived)", counts->waived);
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
	int order = control_compare(report_control(left), report_control(right));
	return order ? order : strcmp(report_text(left, "rule"), report_text(right, "rule"));
}

static unsigned severity_rank(const json_t *result) {
	const char *severity = report_text(result, "severity");
	unsigned rank = SEVERITY_CRITICAL;
	while (rank <= SEVERITY_LOW && strcmp(severity_name(rank), severity) != 0)
		rank++;
	return rank;
}

static bool is_open_fail(const json_t *result) { return report_verdict(result) == VERDICT_FAIL && !has_waiver(result); }

static int by_weight(const void *a, const void *b) {
	const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;
	int failed = is_open_fail(right) - is_open_fail(left);
	int severity = (int)severity_rank(left) - (int)severity_rank(right);
	int key = json_is_true(json_object_get(right, "key")) - json_is_true(json_object_get(left, "key"));
	if (failed || severity || key)
		return failed ? failed : severity ? severity : key;
	return by_control(a, b);
}

static void add_value(const char *name, const json_t *value, struct buf *line) {
	char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	buf_addf(line, "%s%s=%s", line->len ? "  " : "", name, text ? text : json_string_value(value));
	free(text);
}

/* Whether the reason speaks of this field, as in "mode is 0644". */
static bool is_spoken_of(const char *name, const char *reason) {
	CLEANUP(free_ptr) char *words = xasprintf("%s is ", name);
	return strstr(reason, words) != NULL;
}

/* The row's first field, then those that the reason speaks of, then the others as far as there is room. */
static void print_row(const json_t *row, const char *reason) {
	CLEANUP(buf_done) struct buf line = {0};
	for (int others = 0; others < 2; others++) {
		const char *name;
		json_t *value;
		size_t index = 0;
		json_object_foreach((json_t *)row, name, value) {
			bool is_first = index++ == 0 || is_spoken_of(name, reason);
			if (!json_is_null(value) && is_first != (others == 1) && line.len <= ROW_LONGEST)
				add_value(name, value, &line);
		}
	}
	size_t len = line.len;
	while (line.len > ROW_LONGEST && (len > ROW_LONGEST || ((unsigned char)line.data[len] & 0xc0) == 0x80))
		len--;
	CLEANUP(free_ptr) char *text = xstrndup(buf_str(&line), len);
	printf("%*s", INDENT, "");
	say_text(stdout, text);
	puts(len < line.len ? " ..." : "");
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
			print_row(json_array_get(rows, i), report_text(result, "reason"));
			shown++;
		}
	for (size_t i = 0; i < count && shown < ROWS_SHOWN; i++)
		if (!is_named(json_array_get(rows, i), report_text(result, "reason"))) {
			print_row(json_array_get(rows, i), report_text(result, "reason"));
			shown++;
		}
	if (count > shown)
		printf("%*s... and %zu more\n", INDENT, "", count - shown);
}

static void print_waiver(const json_t *waiver) {
	CLEANUP(free_ptr)
	char *line =
		xasprintf("waived until %s by %s (%s): %s", report_text(waiver, "expiresAt"),
			  report_text(waiver, "approver"), report_text(waiver, "id"), report_text(waiver, "reason"));
	say_wrapped(line, INDENT);
}

static void print_result(const json_t *result) {
	enum verdict verdict = report_verdict(result);
	const bool is_waived = has_waiver(result);
	char word[20];
	snprintf(word, sizeof word, "%-15s", is_waived ? "fail (waived)" : verdict_name(verdict));
	fputs("  ", stdout);
	say_coloured(is_waived ? COLOUR_YELLOW : verdict_colour(verdict), word);
	say_text(stdout, report_text(result, "title"));
	fputs("  ", stdout);
	say_coloured(COLOUR_DIM, report_text(result, "rule"));
	putchar('\n');
	if (verdict == VERDICT_PASS)
		return;
	say_wrapped(report_text(result, "reason"), INDENT);
	if (is_waived)
		print_waiver(json_object_get(result, "waiver"));
	if (verdict != VERDICT_NOTAPPLICABLE)
		print_observed(result);
}

static bool is_same_gap(const json_t *a, const json_t *b) {
	const char *why = report_gap(a), *other = report_gap(b);
	return why && other && report_verdict(a) == report_verdict(b) && !strcmp(why, other);
}

/* What is unsaid for one and the same reason, said once. */
static void print_alike(const json_t *const *items, size_t count, size_t first) {
	enum verdict verdict = report_verdict(items[first]);
	char word[20];
	size_t alike = 0;
	for (size_t i = first; i < count; i++)
		alike += is_same_gap(items[first], items[i]);
	if (alike < 2) {
		print_result(items[first]);
		return;
	}
	snprintf(word, sizeof word, "%-15s", verdict_name(verdict));
	fputs("  ", stdout);
	say_coloured(verdict_colour(verdict), word);
	say(stdout, "%zu rules: %s\n", alike, report_gap(items[first]));
	for (size_t i = first; i < count; i++) {
		if (!is_same_gap(items[first], items[i]))
			continue;
		say(stdout, "%*s%s  ", INDENT, "", report_text(items[i], "title"));
		say_coloured(COLOUR_DIM, report_text(items[i], "rule"));
		putchar('\n');
	}
}

static void print_control(const json_t *const *items, size_t count, const struct catalogue *catalogue) {
	const char *id = report_control(items[0]);
	const struct control *control = catalogue_find(catalogue, id);
	CLEANUP(free_ptr) char *heading = xasprintf("%s %s", id, control ? control->title : "");
	say_coloured(COLOUR_BOLD, heading);
	putchar('\n');
	for (size_t i = 0; i < count; i++) {
		bool is_told = false;
		for (size_t k = 0; k < i && !is_told; k++)
			is_told = is_same_gap(items[k], items[i]);
		if (!is_told)
			print_alike(items, count, i);
	}
}

void report_by_control(const json_t *results, const struct catalogue *catalogue) {
	size_t count;
	const json_t **items = sorted(results, by_control, &count);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from + 1; to < count && !strcmp(report_control(items[from]), report_control(items[to]));)
			to++;
		printf("%s", from ? "\n" : "");
		print_control(items + from, to - from, catalogue);
	}
	free(items);
}

static void print_failure(size_t number, const json_t *result) {
	const char *host = report_text(result, "host"), *fix = report_text(result, "fix");
	printf("  %zu. ", number);
	say_coloured(COLOUR_RED, report_text(result, "severity"));
	say(stdout, "  %s%s%s (%s, %s)\n", host, *host ? ": " : "", report_text(result, "title"),
	    report_text(result, "rule"), report_control(result));
	say_wrapped(report_text(result, "reason"), 5);
	if (*fix) {
		CLEANUP(free_ptr) char *line = xasprintf("fix: %s", fix);
		say_wrapped(line, 5);
	}
}

void report_worst(const json_t *results) {
	const struct counts counts = report_count(results);
	size_t count, failures = counts.by_verdict[VERDICT_FAIL] - counts.waived;
	if (!failures)
		return;
	const json_t **items = sorted(results, by_weight, &count);
	size_t shown = failures < REPORT_WORST ? failures : REPORT_WORST;
	printf("\nWorst %s of %zu\n", plural(shown, "failure", "failures"), failures);
	for (size_t i = 0; i < shown; i++)
		print_failure(i + 1, items[i]);
	free(items);
}
