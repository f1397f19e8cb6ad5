/* vouch history: what changed on this host, from what vouchd keeps. */
#include "agent/history.h"

#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/history_rows.h"
#include "cli/report.h"
#include "cli/say.h"
#include "core/result.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch history [RULE] [--since TIME] [--json] [--state DIR]\n\n"
	"Prints what changed on this host, the oldest first: when it was noticed, what it was and what it is, how long "
	"it\n"
	"had been so, and by whom, or why nobody can be named. What is not in the chain is not in it.\n\n"
	"  --since TIME   noticed then or later: a length of time before now (7d, 12h), a day or a time (UTC)\n"
	"  --json         JSON lines, as history.jsonl has them\n"
	"  --state DIR    the state folder (default " VOUCH_STATEDIR ")\n\n"
	"Exit: 0 printed; 2 wrong use, or it cannot be read.\n";

static int64_t time_of(const json_t *object, const char *member) {
	int64_t instant = 0;
	return times_parse(report_text(object, member), &instant) ? instant : 0;
}

static const char *teller(const char *source) {
	if (!strcmp(source, "program"))
		return "that program itself in the audit log";
	return strcmp(source, "audit") != 0 ? source : "the audit log";
}

static void print_process(const json_t *by) {
	const json_t *pid = json_object_get(by, "pid"), *uid = json_object_get(by, "uid"),
		     *auid = json_object_get(by, "auid");
	const char *user = report_text(by, "user"), *package = report_text(by, "package");
	say(stdout, "    by %s", report_text(by, "process"));
	if (*package)
		say(stdout, " (%s)", package);
	if (json_is_integer(pid))
		say(stdout, "[%" JSON_INTEGER_FORMAT "]", json_integer_value(pid));
	if (*user)
		say(stdout, " of %s", user);
	else if (json_is_integer(auid) || json_is_integer(uid))
		say(stdout, " of uid %" JSON_INTEGER_FORMAT, json_integer_value(json_is_integer(auid) ? auid : uid));
	if (json_is_string(auid))
		say(stdout, ", nobody logged in");
	say(stdout, " at %s, says %s\n", report_text(by, "at"), teller(report_text(by, "source")));
}

static void print_whom(const json_t *entry) {
	size_t i;
	json_t *by;
	json_int_t more = json_integer_value(json_object_get(entry, "moreBy"));
	if (json_is_true(json_object_get(entry, "late")))
		say(stdout, "    told when the statement had gone, and not in it:\n");
	json_array_foreach(json_object_get(entry, "by"), i, by) print_process(by);
	if (more > 0)
		say(stdout, "    and %" JSON_INTEGER_FORMAT " more\n", more);
	if (*report_text(entry, "unattributed"))
		say(stdout, "    by nobody who can be named: %s\n", report_text(entry, "unattributed"));
}

static void print_verdict(const json_t *result) {
	say_coloured(verdict_colour(report_verdict(result)), report_text(result, "verdict"));
}

/* What is as expected needs no words, and what is as before not the same ones again. */
static void print_reasons(const json_t *entry, const json_t *was, const json_t *is, bool is_same) {
	char length[AGO_TEXT];
	const char *before = result_brief(report_text(was, "reason")), *now = result_brief(report_text(is, "reason"));
	bool is_alike = is_same && !strcmp(report_text(was, "reason"), report_text(is, "reason"));
	say(stdout, "    %s\n", now);
	say(stdout, "    before, for %s (since %s): %s\n",
	    ago_text(time_of(entry, "at") - time_of(entry, "since"), length), report_text(entry, "since"),
	    is_alike ? "the same, of other values" : before);
}

static void print_entry(const json_t *entry) {
	const json_t *was = json_object_get(entry, "was"), *is = json_object_get(entry, "is");
	bool is_same = !strcmp(report_text(was, "verdict"), report_text(is, "verdict"));
	say(stdout, "%s  %s (%s): ", report_text(entry, "at"), report_text(entry, "rule"),
	    report_text(entry, "control"));
	if (is_same)
		say(stdout, "still ");
	else
		print_verdict(was);
	say(stdout, "%s", is_same ? "" : " -> ");
	print_verdict(is);
	say(stdout, "%s\n", *report_text(entry, "noticed") ? ", noticed at vouchd's start" : "");
	print_reasons(entry, was, is, is_same);
	print_whom(entry);
	history_rows(json_object_get(entry, "gone"), json_object_get(entry, "new"));
	json_int_t more = json_integer_value(json_object_get(entry, "more"));
	if (more > 0)
		say(stdout, "    and %" JSON_INTEGER_FORMAT " rows more, which were not kept\n", more);
}

static bool print_line(const json_t *entry, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!json_canonical(entry, &bytes, err))
		return false;
	printf("%s\n", buf_str(&bytes));
	return true;
}

static bool read_since(const char *text, int64_t *ret_since) {
	int64_t seconds;
	if (times_parse_duration(text, &seconds)) {
		*ret_since = times_now() - seconds;
		return true;
	}
	return times_parse_day(text, ret_since);
}

static int cannot_read(const struct home *home, const struct err *err) {
	if (err->code != ERR_DENIED)
		return cli_fail(err, CLI_USAGE);
	say(stderr, "vouch: %s may not be read: run as root, or as somebody who may read the state folder\n",
	    home->folder);
	return CLI_USAGE;
}

static int print_all(const json_t *entries, const char *rule, const char *since, bool is_json) {
	size_t i;
	json_t *entry;
	struct err err;
	json_array_foreach(entries, i, entry) {
		if (!is_json)
			print_entry(entry);
		else if (!print_line(entry, &err))
			return cli_fail(&err, CLI_USAGE);
	}
	if (json_array_size(entries) == 0 && !is_json)
		say(stdout, "Nothing%s%s changed%s%s, as far as the history goes back.\n", rule ? " of " : "",
		    rule ? rule : "", since ? " since " : "", since ? since : "");
	return CLI_OK;
}

static int history(int argc, char **argv) {
	const char *state = NULL, *since = NULL;
	bool is_json = false;
	const struct option_row rows[] = {{"state", 0, OPTION_TEXT, &state},
					  {"since", 0, OPTION_TEXT, &since},
					  {"json", 0, OPTION_FLAG, &is_json},
					  {0}};
	struct history_wanted wanted = {0};
	CLEANUP(json_decref_p) json_t *entries = NULL;
	size_t bad;
	char **operands;
	int code;
	struct err err;
	if (!cli_options(&verb_history, rows, argc, argv, &operands, &code))
		return code;
	if (operands[0] && operands[1])
		return cli_misuse(&verb_history, "takes one rule: %s", operands[1]);
	if (since && !read_since(since, &wanted.since))
		return cli_misuse(&verb_history, "--since is no length of time, day or time: %s", since);
	wanted.rule = operands[0];
	CLEANUP(home_free_p) struct home *home = home_new(state);
	if (!history_read(home, &wanted, &entries, &bad, &err))
		return cannot_read(home, &err);
	if (bad > 0)
		say(stderr, "vouch: %zu %s of the history cannot be understood\n", bad, plural(bad, "line", "lines"));
	return print_all(entries, wanted.rule, since, is_json);
}

const struct verb verb_history = {"history", "what changed on this host, since when and by whom", usage, history};
