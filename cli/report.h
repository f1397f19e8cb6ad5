/* Results as people read them: by control, the worst failures, what could not be read. Works on result objects
 * (docs/FORMAT.md 2), from this host's round or from a collector. */
#pragma once

#include "core/catalogue.h"
#include "core/json.h"
#include "core/judge.h"

#define REPORT_WORST 5

struct counts {
	size_t by_verdict[VERDICT_COUNT];
	size_t total, waived; /* waived: of the fails, as far as results say so */
};
struct counts report_count(const json_t *results);
/* {"pass":n,...}; new reference. */
json_t *report_summary(const struct counts *counts);
/* Every result under its deciding control, in the order of the standard. */
void report_by_control(const json_t *results, const struct catalogue *catalogue);
/* The worst failures that are not waived, at most REPORT_WORST, with what to do; nothing where there is none. */
void report_worst(const json_t *results);
/* The sources that this process may not read, each with its reason and the rules that wanted it. */
void report_denied(const json_t *results);
/* Why results that were not denied a look are unknown or in error, each reason once with the rules that it holds for.
 */
void report_unsaid(const json_t *results);
/* What is disabled, and what was not checked: probes that nobody approved, parameters that nobody set, and the controls
 * that are not evaluated because of that alone. controls: the collector's list of them, where passes may be missing
 * among the results; NULL where they are all there. */
void report_unchecked(const json_t *results, const json_t *controls);
/* Why a result is unknown, in error or not checked, as its decisive source says it; NULL for other verdicts. */
const char *report_gap(const json_t *result);
enum verdict report_verdict(const json_t *result);
/* A rule that a policy disables: not checked because somebody said so. */
bool report_is_disabled(const json_t *result);
/* The control that it decides or informs first, "" where there is none. */
const char *report_control(const json_t *result);
/* "37 rules: 20 pass, 5 fail (1 waived), ...", where one and many say what is counted. */
void report_counts(const struct counts *counts, const char *one, const char *many);
/* Text member of a result, "" when it is missing. */
const char *report_text(const json_t *result, const char *member);
