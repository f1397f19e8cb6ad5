/* vouch posture: where the technological controls stand over the hosts of a collector. */
#include "cli/cli.h"
#include "cli/reader.h"
#include "cli/report.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch posture [options]\n\n"
	"Prints the technological controls with the number of hosts in each state, the worst failures with what to\n"
	"do, what agents were denied, and why the rest is unknown.\n\n" READER_USAGE
	"\nExit: 0 printed; 1 not; 2 wrong use.\n";

static const struct state_word {
	const char *name, *heading;
	enum colour colour;
} states[] = {
	{"failing", "failing", COLOUR_RED},
	{"unknown", "unknown", COLOUR_YELLOW},
	{"operating", "operating", COLOUR_GREEN},
	{"designed", "designed", COLOUR_NONE},
	{"notevaluated", "not evaluated", COLOUR_DIM},
};

static void print_heading(void) {
	printf("%-7s", "");
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		printf(" %13s", states[i].heading);
	printf("  hosts in each state, by key rules\n");
}

static void print_control(const json_t *control) {
	const json_t *hosts = json_object_get(control, "hosts");
	say(stdout, "%-7s", report_text(control, "id"));
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		json_int_t count = json_integer_value(json_object_get(hosts, states[i].name));
		char cell[32] = ".";
		if (count)
			snprintf(cell, sizeof cell, "%" JSON_INTEGER_FORMAT, count);
		printf(" %*s", 13 - (int)strlen(cell), "");
		say_coloured(count ? states[i].colour : COLOUR_DIM, cell);
	}
	say(stdout, "  %s%s\n", report_text(control, "title"),
	    json_is_true(json_object_get(control, "isNew")) ? " (new in 2022)" : "");
}

/* {id: name} of the collector's hosts, and their verdicts summed. */
static bool read_hosts(struct reader *reader, json_t **ret_names, struct counts *ret_counts, struct err *err) {
	CLEANUP(json_decref_p) json_t *hosts = NULL;
	struct counts counts = {0};
	size_t index;
	json_t *host;
	if (!reader_get_all(reader, "/api/v1/hosts", "hosts", &hosts, err))
		return false;
	json_t *names = json_object();
	json_array_foreach(hosts, index, host) {
		const json_t *results = json_object_get(host, "results");
		json_object_set_new(names, report_text(host, "id"), json_string(report_text(host, "name")));
		for (enum verdict verdict = 0; verdict < VERDICT_COUNT; verdict++) {
			json_int_t count = json_integer_value(json_object_get(results, verdict_name(verdict)));
			counts.by_verdict[verdict] += count > 0 ? (size_t)count : 0;
			counts.total += count > 0 ? (size_t)count : 0;
		}
	}
	*ret_names = names;
	*ret_counts = counts;
	return true;
}

/* Everything that did not go well, with hosts by name. */
static bool read_troubles(struct reader *reader, const json_t *names, json_t **ret_results, struct err *err) {
	static const char *const paths[] = {
		"/api/v1/results?limit=1000&verdict=fail", "/api/v1/results?limit=1000&verdict=unknown",
		"/api/v1/results?limit=1000&verdict=error", "/api/v1/results?limit=1000&verdict=notchecked"};
	CLEANUP(json_decref_p) json_t *all = json_array();
	size_t index;
	json_t *result;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(json_decref_p) json_t *results = NULL;
		if (!reader_get_all(reader, paths[i], "results", &results, err))
			return false;
		json_array_extend(all, results);
	}
	json_array_foreach(all, index, result) {
		json_t *name = json_object_get(names, report_text(result, "host"));
		if (name)
			json_object_set(result, "host", name);
	}
	*ret_results = json_incref(all);
	return true;
}

static bool print_posture(struct reader *reader, struct err *err) {
	CLEANUP(json_decref_p) json_t *controls = NULL;
	CLEANUP(json_decref_p) json_t *names = NULL;
	CLEANUP(json_decref_p) json_t *troubles = NULL;
	struct counts counts;
	size_t index;
	json_t *control;
	if (!reader_get_all(reader, "/api/v1/controls", "controls", &controls, err) ||
	    !read_hosts(reader, &names, &counts, err) || !read_troubles(reader, names, &troubles, err))
		return false;
	print_heading();
	json_array_foreach(controls, index, control) print_control(control);
	report_worst(troubles);
	report_denied(troubles);
	report_unsaid(troubles);
	report_unchecked(troubles, controls);
	printf("\n%zu %s, ", json_object_size(names), plural(json_object_size(names), "host", "hosts"));
	report_counts(&counts, "result", "results");
	return true;
}

static int posture(int argc, char **argv) {
	CLEANUP(reader_done) struct reader reader = {0};
	const struct option_row rows[] = {READER_ROWS(reader), {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_posture, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands)
		return cli_misuse(&verb_posture, "takes no operand: %s", *operands);
	if (!reader_open(&reader, &err) || !print_posture(&reader, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	return CLI_OK;
}

const struct verb verb_posture = {"posture", "show where the controls stand, from a collector", usage, posture};
