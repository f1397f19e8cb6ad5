/* What a plugin printed, and how it ended: the source "plugin:NAME" (core/plugin_call.h), {"exit","output"}.
 *
 * Output that begins with "{" is JSON lines: one object a line, at most PLUGIN_LINES_MOST, keys [a-z][a-z0-9_]* and
 * none twice, values strings, integers, true, false or lists of strings. None at all is nothing as well: items is empty
 * then. Whoever prints JSON ends with 0: after any other exit code what was printed may not be all.
 *
 * All else is what a monitoring plugin prints (monitoring-plugins.org, guidelines 2 and 3): a line of text; further
 * ones; and behind the first "|" of the first line, and behind the first "|" of the further ones to the end, perfdata:
 * 'label'=value[UOM];[warn];[crit];[min];[max], separated by blanks. Exit code 0 is ok, 1 warning, 2 critical.
 *
 * Exit code 3 is a plugin's own word for a look that failed. */
#pragma once

#include "core/json.h"

#define PLUGIN_OUTPUT_LARGEST (64U << 10) /* bytes that a plugin may print */
#define PLUGIN_LINES_MOST 1000
#define PLUGIN_PERF_MOST 1000

struct plugin_output {
	int exit; /* 0 to 2; of JSON 0 */
	bool is_json;
	json_t *items; /* of JSON: the objects, as they stand there, without control characters; owned */
	char *text;    /* else: the first line; owned */
	json_t *lines; /* else: the further ones; owned */
	/* Else: [{"label", "value": as printed, "unit": "" where there is none, "warn"?, "crit"?, "min"?, "max"?,
	 * "number"?: a value without a fraction, "millionths"?: the value times 1,000,000, where that is exact,
	 * "bytes"?: where the unit is B, KiB, MiB, GiB or TiB and it has no fraction}...]. A value "U" (undetermined)
	 * has none of the last three. Owned. */
	json_t *perf;
};
void plugin_output_done(struct plugin_output *output);

/* source: the value of such a source, where its name. ERR_UNPROVED: exit code 3, with the plugin's own words;
 * ERR_UNREADABLE: JSON, or nothing at all, with another exit code than 0; ERR_MALFORMED, with the line: anything else.
 */
MUST_CHECK bool plugin_output_read(const json_t *source, const char *where, struct plugin_output *ret_output,
				   struct err *err);
/* "ok", "warning", "critical": of an exit code from 0 to 2. */
const char *plugin_state(int exit);
