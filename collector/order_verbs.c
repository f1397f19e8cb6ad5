/* vouch-collector erase, revoke. */
#include <getopt.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/orders.h"
#include "collector/verbs.h"
#include "core/times.h"

static const struct option options[] = {{"host", required_argument, NULL, 'h'},
					{"statement", required_argument, NULL, 's'},
					{"rule", required_argument, NULL, 'r'},
					{"before", required_argument, NULL, 'b'},
					{"from", required_argument, NULL, 'f'},
					{"retention", required_argument, NULL, 't'},
					{"reason", required_argument, NULL, 'w'},
					{"by", required_argument, NULL, 'y'},
					{0}};

static const char *name_of(int option) {
	for (size_t i = 0; options[i].name; i++)
		if (options[i].val == option)
			return options[i].name;
	return "";
}

static bool take_option(int option, const char *value, void *context, struct err *err) {
	json_t *order = context, *text = json_text(value);
	int64_t instant;
	char at[TIMES_TEXT];
	if ((option == 'b' || option == 'f') && !times_parse_day(value, &instant)) {
		json_decref(text);
		return err_set(err, ERR_USAGE, name_of(option),
			       "a day or a time is wanted: 2026-11-01 or 2026-11-01T12:00:00Z");
	}
	if (option == 'b' || option == 'f') {
		json_decref(text);
		text = json_string(times_format(instant, at));
	}
	if (option != 'r')
		return json_object_set_new(order, name_of(option), text) == 0;
	if (!json_object_get(order, "rules"))
		json_object_set_new(order, "rules", json_array());
	return json_array_append_new(json_object_get(order, "rules"), text) == 0;
}

static void add_who(json_t *order) {
	const struct passwd *user = getpwuid(geteuid());
	if (!json_object_get(order, "by"))
		json_object_set_new(order, "by", json_text(user ? user->pw_name : "unknown"));
}

/* Where nobody listens, no collector runs, and we are it. */
static bool do_here(const struct verb_call *call, const char *folder, const json_t *order, json_t **ret_answer,
		    struct err *err) {
	CLEANUP(collector_free_p) struct collector *collector = NULL;
	umask(077);
	return collector_open(folder, NULL, call->say, &collector, err) &&
	       order_do(collector, order, times_now(), ret_answer, err);
}

static bool carry_out(const struct verb_call *call, const char *what, struct err *err) {
	CLEANUP(json_decref_p) json_t *order = json_pack("{s:s}", "do", what), *answer = NULL;
	const char *folder;
	struct err why;
	if (!collector_options(call, options, take_option, order, 1, &folder, err))
		return false;
	add_who(order);
	if (!order_socket_ask(folder, order, &answer, &why)) {
		if (why.code != ERR_ABSENT) {
			*err = why;
			return false;
		}
		if (!do_here(call, folder, order, &answer, err))
			return false;
	}
	if (!json_canonical(answer, call->out, err))
		return false;
	buf_adds(call->out, "\n");
	return true;
}

static bool run_erase(const struct verb_call *call, struct err *err) { return carry_out(call, "erase", err); }
static bool run_revoke(const struct verb_call *call, struct err *err) { return carry_out(call, "revoke", err); }

const struct verb collector_erase = {
	"erase",
	"DIR (--host ID --before TIME | --statement DIGEST) [--rule ID]... --retention RULE --reason TEXT [--by NAME]",
	"Erase results, or a body as a whole, under a retention rule. What is current stays; that it was done is "
	"logged.",
	"  --host ID          of this host, what came\n"
	"  --before TIME      before this day or time (2026-11-01, 2026-11-01T12:00:00Z)\n"
	"  --statement DIGEST or of this statement alone\n"
	"  --rule ID          only the results of this rule; may come more than once\n"
	"  --retention RULE   the rule that asks for it, such as a paragraph of your retention schedule\n"
	"  --reason TEXT      why\n"
	"  --by NAME          who decided; default: who runs this\n",
	run_erase,
};

const struct verb collector_revoke = {
	"revoke",
	"DIR --host ID [--from TIME] --reason TEXT [--by NAME]",
	"End a host's line: nothing more of it is taken. That it was done is logged.",
	"  --host ID          whose certificate and evidence keys end\n"
	"  --from TIME        from when on its statements are not to be believed; default: now\n"
	"  --reason TEXT      why\n"
	"  --by NAME          who decided; default: who runs this\n",
	run_revoke,
};
