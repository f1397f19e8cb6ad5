#include "core/waiver.h"

#include "core/expect_binds.h"
#include "core/policy_rule.h"
#include "core/times.h"

static const char what[] = "a waiver";

void waiver_free(struct waiver *waiver) {
	if (!waiver)
		return;
	policy_selector_free(waiver->hosts);
	expect_free(waiver->value);
	free(waiver->id);
	free(waiver->rule);
	free(waiver->reason);
	free(waiver->risk);
	free(waiver->measure);
	free(waiver->requester);
	free(waiver->approver);
	free(waiver->ticket);
	free(waiver->path);
	free(waiver);
}

/* ---- reading ---- */

static bool read_text(const struct yaml *node, const char *key, bool required, size_t most, const char *where,
		      char **ret_text, struct err *err) {
	const struct yaml *text = yaml_get(node, key);
	if (!text && !required)
		return true;
	return yaml_need(node, key, where, what, &text, err) && policy_text_read(text, where, key, most, ret_text, err);
}

static bool read_texts(const struct yaml *node, const char *where, struct waiver *waiver, struct err *err) {
	const struct {
		const char *key;
		bool required;
		size_t most;
		char **into;
	} texts[] = {
		{"id", true, POLICY_ID_LONGEST, &waiver->id},
		{"rule", true, POLICY_ID_LONGEST, &waiver->rule},
		{"reason", true, POLICY_TEXT_LONGEST, &waiver->reason},
		{"risk", true, POLICY_TEXT_LONGEST, &waiver->risk},
		{"measure", true, POLICY_TEXT_LONGEST, &waiver->measure},
		{"requester", true, POLICY_ID_LONGEST, &waiver->requester},
		{"approver", true, POLICY_ID_LONGEST, &waiver->approver},
		{"ticket", false, POLICY_ID_LONGEST, &waiver->ticket},
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!read_text(node, texts[i].key, texts[i].required, texts[i].most, where, texts[i].into, err))
			return false;
	return true;
}

static bool read_instant(const struct yaml *node, const char *key, const char *where, int64_t *ret_instant,
			 struct err *err) {
	const struct yaml *value;
	if (!yaml_need(node, key, where, what, &value, err) || !yaml_is(value, YAML_SCALAR, where, key, err))
		return false;
	return times_parse_day(value->text, ret_instant) ||
	       yaml_fault(err, where, value,
			  "%s has to be a date like 2027-06-30 or a time in UTC like "
			  "2027-06-30T12:00:00Z, not \"%s\"",
			  key, value->text);
}

static bool read_times(const struct yaml *node, const char *where, struct waiver *waiver, struct err *err) {
	if (!read_instant(node, "from", where, &waiver->from, err) ||
	    !read_instant(node, "expires", where, &waiver->expires, err))
		return false;
	if (waiver->expires <= waiver->from)
		return yaml_fault(err, where, yaml_get(node, "expires"), "a waiver expires after it begins");
	return waiver->expires - waiver->from <= WAIVER_LONGEST ||
	       yaml_fault(err, where, yaml_get(node, "expires"), "a waiver expires at most 366 days after it begins");
}

/* A name in small letters and without blanks. Of letters beyond ASCII those of Latin-1 have a small one 32 behind, in
 * UTF-8 too; a no-break space is a blank. */
static char *plain_name(const char *name) {
	struct buf plain = {0};
	for (const char *at = name; *at; at++) {
		const unsigned char letter = (unsigned char)*at;
		const bool is_latin1 = at > name && (unsigned char)at[-1] == 0xc3 && letter >= 0x80 && letter <= 0x9e;
		if (letter == 0xc2 && (unsigned char)at[1] == 0xa0) {
			at++;
		} else if (letter != ' ') {
			const char small = (char)(is_latin1 || (letter >= 'A' && letter <= 'Z') ? letter + 32 : letter);
			buf_add(&plain, &small, 1);
		}
	}
	return buf_take(&plain);
}

static bool is_same_person(const char *one, const char *two) {
	CLEANUP(free_ptr) char *a = plain_name(one);
	CLEANUP(free_ptr) char *b = plain_name(two);
	return !strcmp(a, b);
}

static bool read_people(const struct yaml *node, const char *where, const struct waiver *waiver, struct err *err) {
	if (waiver->id[strspn(waiver->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")])
		return yaml_fault(err, where, yaml_get(node, "id"),
				  "a waiver's id is of letters, digits, \"_\", \"-\" and \".\", not \"%s\"",
				  waiver->id);
	return !is_same_person(waiver->requester, waiver->approver) ||
	       yaml_fault(err, where, yaml_get(node, "approver"),
			  "who asks for a waiver does not approve it: another person than \"%s\" has to",
			  waiver->requester);
}

bool waiver_read(const struct yaml *node, const struct policy *policy, const char *path, struct waiver **ret_waiver,
		 struct err *err) {
	static const char *const known[] = {"id",      "rule",      "hosts",    "value", "reason",  "risk", "ticket",
					    "measure", "requester", "approver", "from",  "expires", NULL};
	CLEANUP(waiver_free_p) struct waiver *waiver = xcalloc(1, sizeof *waiver);
	const struct yaml *value, *hosts;
	waiver->policy = policy;
	waiver->path = xstrdup(path);
	waiver->line = node->line;
	waiver->column = node->column;
	if (!yaml_has_only(node, known, path, what, err) || !read_texts(node, path, waiver, err) ||
	    !read_people(node, path, waiver, err) || !read_times(node, path, waiver, err) ||
	    !yaml_need(node, "value", path, what, &value, err))
		return false;
	hosts = yaml_get(node, "hosts");
	if (hosts && !policy_selector_read(hosts, path, &waiver->hosts, err))
		return false;
	*ret_waiver = waiver;
	waiver = NULL;
	return true;
}

/* ---- what it is about ---- */

static bool holds_of_nothing(const struct expect *value, const struct rule *rule) {
	struct view_seen views[POLICY_VIEWS_MOST];
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(buf_done) struct buf ignored = {0};
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] = (struct view_seen){
			.name = rule->views[i].name, .check = rule->views[i].check, .ok = true, .rows = rows};
	return expect_judge(value, views, &ignored) == EXPECT_HOLDS;
}

static bool is_definite(const struct yaml *node, const char *where, const struct expect *value, const struct rule *rule,
			struct err *err) {
	CLEANUP(expect_odd_done) struct expect_odd odd;
	expect_odd_make(rule, &odd);
	for (size_t i = 0; i < rule->view_count; i++)
		if (expect_is_about(rule->expect, i) && !expect_binds(value, rule->expect, i))
			return yaml_fault(err, where, node,
					  "this says nothing of further rows%s%s: write what every row is (every: "
					  "{any: [...]})",
					  *rule->views[i].name ? " of " : "", rule->views[i].name);
	if (expect_holds_oddly(value, &odd))
		return yaml_fault(err, where, node,
				  "this holds of whatever else is observed: write the values that are waived");
	return expect_shares_field(value, rule->expect, &odd) || holds_of_nothing(value, rule) ||
	       yaml_fault(
		       err, where, node,
		       "this names none of the fields that the rule \"%s\" judges, or would hold of whatever they are",
		       rule->id);
}

bool waiver_read_value(struct waiver *waiver, const struct yaml *node, const struct rule *rule, struct err *err) {
	const struct yaml *value = yaml_get(node, "value");
	struct expect_scope scopes[POLICY_VIEWS_MOST];
	for (size_t i = 0; i < rule->view_count; i++)
		scopes[i] = (struct expect_scope){.name = rule->views[i].name, .check = rule->views[i].check};
	const struct match_context context = {
		.scopes = scopes, .scope_count = rule->view_count, .where = waiver->path, .show = rule->show};
	return expect_compile(value, &context, &waiver->value, err) &&
	       is_definite(value, waiver->path, waiver->value, rule, err);
}

/* ---- applying ---- */

bool waiver_applies(const struct waiver *waiver, const struct rule *rule, const struct view_seen *views,
		    enum verdict verdict, int64_t instant, const struct policy_host *host) {
	CLEANUP(buf_done) struct buf ignored = {0};
	if (verdict != VERDICT_FAIL || waiver->is_outdated || strcmp(waiver->rule, rule->id) != 0 ||
	    instant < waiver->from || instant >= waiver->expires || policy_selector_lacks(waiver->hosts, host) ||
	    !policy_selector_matches(waiver->hosts, host, NULL))
		return false;
	for (size_t i = 0; i < rule->view_count; i++)
		if (!views[i].ok)
			return false;
	return expect_judge(waiver->value, views, &ignored) == EXPECT_HOLDS;
}

const struct waiver *waiver_find(const struct policy_stack *stack, const struct rule *rule,
				 const struct view_seen *views, enum verdict verdict, int64_t instant) {
	const struct waiver *found = NULL;
	for (size_t i = 0; i < stack->waiver_count; i++) {
		const struct waiver *waiver = stack->waivers[i];
		if (waiver_applies(waiver, rule, views, verdict, instant, stack->host) &&
		    (!found || waiver->expires > found->expires))
			found = waiver;
	}
	return found;
}

int64_t waiver_next(const struct policy_stack *stack, const struct rule *rule, int64_t instant) {
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < stack->waiver_count; i++) {
		const struct waiver *waiver = stack->waivers[i];
		if (waiver->is_outdated || strcmp(waiver->rule, rule->id) != 0)
			continue;
		if (waiver->from > instant && waiver->from < next)
			next = waiver->from;
		if (waiver->expires > instant && waiver->expires < next)
			next = waiver->expires;
	}
	return next;
}

json_t *waiver_json(const struct waiver *waiver) {
	char expires[TIMES_TEXT];
	json_t *object = json_pack("{s:o, s:o, s:s, s:o, s:o, s:s}", "id", json_text(waiver->id), "approver",
				   json_text(waiver->approver), "expiresAt", times_format(waiver->expires, expires),
				   "reason", json_text(waiver->reason), "requester", json_text(waiver->requester),
				   "policy", waiver->policy->id);
	if (waiver->ticket)
		json_object_set_new(object, "ticket", json_text(waiver->ticket));
	return object;
}
