/* vouch status: how this host stands, from what vouchd keeps. Looks at nothing itself. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "agent/posture_now.h"
#include "agent/status.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/say.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch status [--json] [--state DIR]\n\n"
	"Prints how this host stood at vouchd's last round, the worst first and since when, whether that round is as "
	"new\n"
	"as it has to be, and what waits for the collector. Nothing is looked at. Run it as root, or as somebody who "
	"may\n"
	"read the state folder.\n\n"
	"  --json         one JSON object: vouchd's status.json, and \"now\"\n"
	"  --state DIR    the state folder (default " VOUCH_STATEDIR ")\n\n"
	"Exit: 0 all well; 1 something fails, is unknown or in error, or the last round is too old or was not sealed;\n"
	"2 it cannot be told.\n";

/* The worst first. */
static const enum verdict order[] = {VERDICT_FAIL,       VERDICT_ERROR,         VERDICT_UNKNOWN,
				     VERDICT_NOTCHECKED, VERDICT_NOTAPPLICABLE, VERDICT_PASS};
static const char *const severities[] = {"critical", "high", "medium", "low"};

static bool is_waived(const json_t *rule) { return json_object_get(rule, "waiver") != NULL; }

static bool is_trouble(const json_t *rule) {
	enum verdict verdict = report_verdict(rule);
	return (verdict == VERDICT_FAIL && !is_waived(rule)) || verdict == VERDICT_ERROR || verdict == VERDICT_UNKNOWN;
}

static bool is_sealed(const json_t *status) { return !strcmp(report_text(status, "sealed"), "kept"); }

static int exit_code(const json_t *status, const struct posture_now *now) {
	size_t i;
	json_t *rule;
	if (now->is_stale || now->is_ahead || !is_sealed(status))
		return CLI_FAILED;
	json_array_foreach(json_object_get(status, "rules"), i, rule) if (is_trouble(rule)) return CLI_FAILED;
	return CLI_OK;
}

static int64_t time_of(const json_t *object, const char *member) {
	int64_t instant = 0;
	return times_parse(report_text(object, member), &instant) ? instant : 0;
}

static void print_rule(const json_t *rule, const struct posture_now *now) {
	char length[AGO_TEXT];
	enum verdict verdict = report_verdict(rule);
	say_coloured(verdict_colour(verdict), verdict_name(verdict));
	say(stdout, "%*s%-8s %s (%s)", 10 - (int)strlen(verdict_name(verdict)), "", report_text(rule, "severity"),
	    report_text(rule, "rule"), report_text(rule, "control"));
	say(stdout, ", since %s (%s)%s\n", report_text(rule, "since"),
	    ago_text(now->now - time_of(rule, "since"), length), is_waived(rule) ? ", waived" : "");
	say(stdout, "          %s: %s\n", report_text(rule, "title"), report_text(rule, "reason"));
}

static void print_severity(const json_t *rules, enum verdict verdict, const char *severity,
			   const struct posture_now *now) {
	size_t i;
	json_t *rule;
	json_array_foreach(rules, i, rule) {
		bool is_shown = report_verdict(rule) == verdict && !strcmp(report_text(rule, "severity"), severity);
		if (is_shown && (is_trouble(rule) || is_waived(rule)))
			print_rule(rule, now);
	}
}

static void print_rules(const json_t *rules, const struct posture_now *now) {
	for (size_t v = 0; v < ARRAY_LEN(order); v++)
		for (size_t s = 0; s < ARRAY_LEN(severities); s++)
			print_severity(rules, order[v], severities[s], now);
}

static void print_counts(const json_t *rules) {
	struct counts counts = report_count(rules);
	printf("\n");
	report_counts(&counts, "rule", "rules");
	printf("\n");
}

/* What must not be missed comes first. */
static void print_alarms(const json_t *status, const struct posture_now *now) {
	char length[AGO_TEXT], every[AGO_TEXT];
	if (now->is_stale) {
		say_coloured(COLOUR_RED, "STALE");
		say(stdout, ": no round for %s, and there has to be one every %s: what follows is how it was then\n",
		    ago_text(now->now - now->round_at, length), ago_text(now->every, every));
	}
	if (now->is_ahead) {
		say_coloured(COLOUR_RED, "CLOCK");
		say(stdout, ": the last round ended in the future: the clock was set back by %s or more\n",
		    ago_text(now->round_at - now->now, length));
	}
	if (now->vouchd == RUNNING_NO) {
		say_coloured(now->is_stale ? COLOUR_RED : COLOUR_YELLOW, "vouchd does not run");
		say(stdout, ": what changes now is noticed by nobody. See: systemctl status vouchd\n");
	}
	if (!is_sealed(status)) {
		say_coloured(COLOUR_RED, "NOT SEALED");
		say(stdout, ": the last round is not in the chain: %s\n",
		    *report_text(status, "why") ? report_text(status, "why") : "the spool is full");
	}
}

static void print_way(const struct posture_now *now) {
	char length[AGO_TEXT], at[TIMES_TEXT];
	if (now->waiting > 0)
		say(stdout, "%zu %s for the collector (%" PRId64 " bytes), the oldest for %s%s\n", now->waiting,
		    plural(now->waiting, "statement waits", "statements wait"), now->waiting_bytes,
		    ago_text(now->now - now->waiting_since, length),
		    now->ship == RUNNING_NO ? "; vouch-ship does not run" : "");
	else
		say(stdout, "Nothing waits for the collector\n");
	if (now->refused > 0)
		say(stdout, "%zu %s refused by the collector: see refused/ in the spool\n", now->refused,
		    plural(now->refused, "statement was", "statements were"));
	if (now->acknowledged_at > 0)
		say(stdout, "Last acknowledged %s (%s ago)\n", times_format(now->acknowledged_at, at),
		    ago_text(now->now - now->acknowledged_at, length));
	else
		say(stdout, "Nothing is acknowledged yet\n");
}

static void print_status(const json_t *status, const struct posture_now *now) {
	char length[AGO_TEXT];
	const json_t *host = json_object_get(status, "host");
	print_alarms(status, now);
	say(stdout, "%s (%s), enrolled with %s\n", report_text(host, "name"), report_text(host, "os"),
	    report_text(status, "collector"));
	say(stdout, "Last round %s (%s ago), statement %" JSON_INTEGER_FORMAT "%s\n", report_text(status, "finishedAt"),
	    ago_text(now->now - now->round_at, length), json_integer_value(json_object_get(status, "sequence")),
	    now->vouchd == RUNNING_YES ? "; vouchd runs" : "");
	print_way(now);
	print_counts(json_object_get(status, "rules"));
	print_rules(json_object_get(status, "rules"), now);
}

static json_t *running_json(enum running running) {
	return running == RUNNING_UNTOLD ? json_null() : json_boolean(running == RUNNING_YES);
}

static json_t *time_json(int64_t instant) {
	char text[TIMES_TEXT];
	return instant ? json_string(times_format(instant, text)) : json_null();
}

static bool print_json(json_t *status, const struct posture_now *now, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	json_object_set_new(status, "now",
			    json_pack("{s:o,s:b,s:b,s:o,s:o,s:I,s:I,s:o,s:I,s:o}", "at", time_json(now->now), "stale",
				      now->is_stale, "clockSetBack", now->is_ahead, "vouchdRuns",
				      running_json(now->vouchd), "shipRuns", running_json(now->ship), "waiting",
				      (json_int_t)now->waiting, "waitingBytes", (json_int_t)now->waiting_bytes,
				      "waitingSince", time_json(now->waiting_since), "refused",
				      (json_int_t)now->refused, "acknowledgedAt", time_json(now->acknowledged_at)));
	if (!json_canonical(status, &bytes, err))
		return false;
	printf("%s\n", buf_str(&bytes));
	return true;
}

/* Why there is nothing to read: for want of rights, of an enrolment, or of a round. */
static int cannot_tell(const struct home *home, struct err *err) {
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	struct err why;
	if (err->code == ERR_DENIED) {
		say(stderr, "vouch: %s may not be read: run as root, or as somebody who may read the state folder\n",
		    home->folder);
		return CLI_USAGE;
	}
	if (err->code == ERR_ABSENT && !enrolment_read(home, &enrolment, &why))
		return cli_fail(&why, CLI_USAGE);
	if (err->code == ERR_ABSENT)
		err_set(err, ERR_ABSENT, home->status, "vouchd has made no round here yet");
	return cli_fail(err, CLI_USAGE);
}

static int status(int argc, char **argv) {
	const char *state = NULL;
	bool is_json = false;
	const struct option_row rows[] = {{"state", 0, OPTION_TEXT, &state}, {"json", 0, OPTION_FLAG, &is_json}, {0}};
	CLEANUP(json_decref_p) json_t *kept = NULL;
	struct posture_now now;
	char **operands;
	int code;
	struct err err;
	if (!cli_options(&verb_status, rows, argc, argv, &operands, &code))
		return code;
	if (operands[0])
		return cli_misuse(&verb_status, "takes no operand: %s", operands[0]);
	CLEANUP(home_free_p) struct home *home = home_new(state);
	if (!status_read(home, &kept, &err) || !posture_now(home, kept, times_now(), &now, &err))
		return cannot_tell(home, &err);
	code = exit_code(kept, &now);
	if (!is_json)
		print_status(kept, &now);
	else if (!print_json(kept, &now, &err))
		return cli_fail(&err, CLI_USAGE);
	return code;
}

const struct verb verb_status = {"status", "how this host stands, by vouchd's last round", usage, status};
