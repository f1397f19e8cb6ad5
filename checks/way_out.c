/* Whether TLS can be spoken with servers that are not to be reached, or that must be: active probes, made only where
 * they were approved. */
#include "core/check.h"
#include "core/row.h"

static const struct check_param params[] = {
	{.name = "targets",
	 .type = VALUE_STRINGS,
	 .required = true,
	 .about = "HOST:PORT, [ADDRESS]:PORT; they speak TLS."},
	{.name = "controls",
	 .type = VALUE_STRINGS,
	 .about = "HOST:PORT that must be reached in the same look: else that another is not reached says nothing."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "The server."},
	{.name = "outcome",
	 .type = VALUE_STRING,
	 .about = "open: it answered in TLS; closed: no connection came about; unclear: a connection without TLS, no "
		  "route, no address."},
	{.name = "how",
	 .type = VALUE_STRING,
	 .about = "How it was closed: refused, silence, not let out (by this host); how the look failed otherwise."},
	{0},
};

static const char *const patterns[] = {"tls:*", NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	static const char *const lists[] = {"targets", "controls"};
	const char *target;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t j = 0; (target = param_strings_at(with, lists[i], j)); j++)
			names_addf(names, "tls:%s", target);
}

static bool controls_answer(const json_t *with, const struct sources *fetched, struct err *err) {
	const char *control;
	json_t *answer;
	for (size_t i = 0; (control = param_strings_at(with, "controls", i)); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("tls:%s", control);
		if (!source_need_json(fetched, name, &answer, err))
			return false;
	}
	return true;
}

static enum probe_end add_row(const char *target, const struct sources *fetched, json_t *rows, struct err *err) {
	static const char *const words[] = {[PROBE_ANSWERED] = "TLS",
					    [PROBE_REFUSED] = "refused",
					    [PROBE_SILENT] = "silence",
					    [PROBE_HELD] = "not let out"};
	CLEANUP(free_ptr) char *name = xasprintf("tls:%s", target);
	json_t *answer, *row = row_add(rows);
	enum probe_end end = source_probe(fetched, name, &answer, err);
	row_text(row, "target", target);
	row_text(row, "outcome", end == PROBE_ANSWERED ? "open" : end == PROBE_UNTOLD ? "unclear" : "closed");
	row_text(row, "how", end == PROBE_UNTOLD ? err_code_name(err->code) : words[end]);
	return end;
}

/* An open way is a finding whatever else could not be seen. */
static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *target;
	struct err first = {0}, one;
	bool is_open = false;
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++) {
		enum probe_end end = add_row(target, fetched, rows, &one);
		is_open |= end == PROBE_ANSWERED;
		if (end == PROBE_UNTOLD && !first.code)
			first = one;
	}
	if (!is_open && first.code) {
		*err = first;
		return false;
	}
	if (!is_open && !controls_answer(with, fetched, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_way_out = {
	.name = "way_out",
	.about = "Whether TLS can be spoken with servers: active probes, made only where they were approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
