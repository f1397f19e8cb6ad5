#include "cli/doctor.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/reset.h"
#include "agent/sealer_wire.h"
#include "cli/cli.h"
#include "cli/say.h"

#define STATE_LARGEST (1U << 20)

static const char usage[] =
	"usage: vouch doctor [options]\n\n"
	"Says what is wrong with vouch on this host, and the next command: enrolment, keys, certificate, policy,\n"
	"clock, spool, helpers, sealer, chain, collector, log, units. Changes nothing. Run it as root to see\n"
	"everything; what this user cannot see is told.\n\n"
	"  --json         {\"checks\":[{\"check\",\"level\",\"text\",\"next\"?}],\"worst\"}; level: ok, unseen, "
	"warning, problem\n"
	"  --offline      ask no collector\n"
	"  --state DIR    the state folder (default " VOUCH_STATEDIR ")\n"
	"  --config FILE  vouchd's configuration (default " SETTINGS_FILE ")\n"
	"  --helpers DIR  the folder of the helpers' sockets (default " VOUCH_RUNDIR ", where there is no --state)\n"
	"  --keep DIR     the sealer's folder (default " RESET_KEEP ", where there is no --state)\n"
	"  --data DIR     the data folder\n\n"
	"Exit: 0 all is well; 1 warnings, or something could not be seen; 2 problems, or wrong use.\n";

static const struct doctor_check {
	const char *name;
	void (*run)(struct doctor *doctor);
	bool needs_enrolment, needs_network, needs_service;
} checks[] = {
	{"enrolment", doctor_enrolled, false, false, false}, {"identity", doctor_identity, true, false, false},
	{"policy", doctor_policy, false, false, false},      {"waivers", doctor_waivers, false, false, false},
	{"clock", doctor_clock, false, false, false},        {"spool", doctor_spool, true, false, false},
	{"processes", doctor_locks, true, false, false},     {"units", doctor_units, false, false, true},
	{"drop-ins", doctor_dropins, false, false, true},    {"paths", doctor_paths, false, false, true},
	{"helpers", doctor_helpers, true, false, true},      {"sealer", doctor_sealer, true, false, true},
	{"chain", doctor_chain, true, false, false},         {"certificate", doctor_certificate, true, false, false},
	{"collector", doctor_collector, true, true, false},  {"log", doctor_log, true, true, false},
};

static const char *level_name(enum doctor_level level) {
	static const char *const names[] = {"ok", "unseen", "warning", "problem"};
	return names[level];
}

void doctor_say(struct doctor *doctor, enum doctor_level level, const char *next, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	json_t *finding = json_pack("{s:s, s:s, s:o}", "check", doctor->check, "level", level_name(level), "text",
				    json_text(text));
	if (next)
		json_object_set_new(finding, "next", json_text(next));
	json_array_append_new(doctor->findings, finding);
	if (level > doctor->worst)
		doctor->worst = level;
}

void doctor_say_err(struct doctor *doctor, enum doctor_level level, const char *next, const struct err *err) {
	char text[640];
	const bool is_denied = err->code == ERR_DENIED;
	doctor_say(doctor, is_denied ? DOCTOR_UNSEEN : level, is_denied && geteuid() != 0 ? "run it as root" : next,
		   "%s", err_text(err, text, sizeof text));
}

bool doctor_read_json(const char *path, json_t **ret_object, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return file_read_plain(path, STATE_LARGEST, &bytes, err) &&
	       json_read(bytes.data, bytes.len, STATE_LARGEST, path, ret_object, err);
}

char *doctor_span(int64_t seconds, char text[32]) {
	static const struct {
		int64_t of;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t at = 0;
	while (at < ARRAY_LEN(units) - 1 && seconds < 2 * units[at].of)
		at++;
	const long long count = (long long)(seconds / units[at].of);
	snprintf(text, 32, "%lld %s%s", count, units[at].name, count == 1 ? "" : "s");
	return text;
}

static void run_checks(struct doctor *doctor, bool is_offline) {
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct doctor_check *check = &checks[i];
		doctor->check = check->name;
		if ((check->needs_enrolment && !doctor->enrolment) || (check->needs_network && is_offline) ||
		    (check->needs_service && !doctor->is_service))
			continue;
		check->run(doctor);
	}
}

static void print_finding(const json_t *finding) {
	static const enum colour colours[] = {COLOUR_GREEN, COLOUR_DIM, COLOUR_YELLOW, COLOUR_RED};
	const char *level = json_string_value(json_object_get(finding, "level"));
	const char *next = json_string_value(json_object_get(finding, "next"));
	for (size_t i = 0; i < ARRAY_LEN(colours); i++)
		if (!strcmp(level, level_name((enum doctor_level)i)))
			say_coloured(colours[i], level);
	say(stdout, "%*s %-12s%s\n", (int)(8 - strlen(level)), "", json_string_value(json_object_get(finding, "check")),
	    json_string_value(json_object_get(finding, "text")));
	if (next)
		say(stdout, "%*snext: %s\n", 21, "", next);
}

static bool print(const struct doctor *doctor, bool as_json) {
	size_t index;
	const json_t *finding;
	if (!as_json) {
		json_array_foreach(doctor->findings, index, finding) print_finding(finding);
		return true;
	}
	CLEANUP(json_decref_p)
	json_t *report = json_pack("{s:s, s:O, s:s}", "vouch", VOUCH_VERSION, "checks", doctor->findings, "worst",
				   level_name(doctor->worst));
	return json_dumpf(report, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) == 0 && putchar('\n') != EOF;
}

static void doctor_done(struct doctor *doctor) {
	home_free(doctor->home);
	enrolment_free(doctor->enrolment);
	settings_free(doctor->settings);
	json_decref(doctor->findings);
}

static int doctor_verb(int argc, char **argv) {
	CLEANUP(doctor_done) struct doctor doctor = {.findings = json_array()};
	const char *state = NULL, *config = NULL;
	bool as_json = false, is_offline = false;
	const struct option_row rows[] = {{"json", 0, OPTION_FLAG, &as_json},
					  {"offline", 0, OPTION_FLAG, &is_offline},
					  {"state", 0, OPTION_TEXT, &state},
					  {"config", 0, OPTION_TEXT, &config},
					  {"helpers", 0, OPTION_TEXT, &doctor.helpers},
					  {"keep", 0, OPTION_TEXT, &doctor.keep},
					  {"data", 0, OPTION_TEXT, &doctor.data},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_doctor, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0])
		return cli_misuse(&verb_doctor, "takes no operand");
	doctor.home = home_new(state);
	doctor.has_settings = config != NULL;
	doctor.settings_path = config ? config : SETTINGS_FILE;
	doctor.is_service = !state || doctor.helpers;
	if (!doctor.helpers)
		doctor.helpers = VOUCH_RUNDIR;
	if (!doctor.keep && !state)
		doctor.keep = RESET_KEEP;
	run_checks(&doctor, is_offline);
	if (!print(&doctor, as_json))
		return CLI_USAGE;
	return doctor.worst == DOCTOR_PROBLEM ? 2 : doctor.worst == DOCTOR_OK ? 0 : 1;
}

const struct verb verb_doctor = {"doctor", "what is wrong with vouch here, and the next command", usage, doctor_verb};
