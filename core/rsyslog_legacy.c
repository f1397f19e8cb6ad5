#include "core/rsyslog_legacy.h"

#include <ctype.h>

#include "core/buf.h"
#include "core/row.h"
#include "core/text.h"

/* Directives and the parameters of action() that they stand for. */
static const struct {
	const char *directive, *param;
	bool is_kept; /* for all actions behind it, not the next alone */
} table[] = {
	{"actionsendstreamdriver", "streamdriver", true},
	{"actionsendstreamdrivermode", "streamdrivermode", true},
	{"actionsendstreamdriverauthmode", "streamdriverauthmode", true},
	{"actionsendstreamdriverpermittedpeer", "streamdriverpermittedpeers", false},
	{"actionexeconlywhenpreviousissuspended", "action.execonlywhenpreviousissuspended", true},
	{"actionexeconlyeverynthtime", "action.execonlyeverynthtime", true},
	{"actionexeconlyonceeveryinterval", "action.execonlyonceeveryinterval", true},
	{"actionqueuetype", "queue.type", false},
	{"actionqueuefilename", "queue.filename", false},
	{"actionqueuemaxdiskspace", "queue.maxdiskspace", false},
	{"actionqueuesaveonshutdown", "queue.saveonshutdown", false},
	{"actionqueuediscardmark", "queue.discardmark", false},
	{"actionqueuesize", "queue.size", false},
	{"actionresumeretrycount", "action.resumeretrycount", false},
};

static const char peers[] = "streamdriverpermittedpeers";

struct legacy legacy_new(void) {
	return (struct legacy){.values = json_object(), .rulesets = names_new()};
}

void legacy_done(struct legacy *legacy) {
	json_decref(legacy->values);
	names_free(legacy->rulesets);
	*legacy = (struct legacy){0};
}

static void load_module(struct legacy *legacy, const char *name) {
	legacy->has_socket |= text_starts(name, "imuxsock");
	legacy->has_journal |= text_starts(name, "imjournal");
}

static void reset(struct legacy *legacy) {
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		json_object_del(legacy->values, table[i].param);
}

static void take_value(struct legacy *legacy, const char *param, const char *value) {
	if (!strcmp(param, peers))
		row_text_append(legacy->values, param, value);
	else
		row_text(legacy->values, param, value);
}

static void enter_ruleset(struct legacy *legacy, const char *name) {
	names_add(legacy->rulesets, name);
	for (size_t i = 0; i < names_count(legacy->rulesets); i++)
		if (!strcmp(names_at(legacy->rulesets, i), name))
			legacy->ruleset = names_at(legacy->rulesets, i);
}

void legacy_directive(struct legacy *legacy, json_t *settings, const char *name, const char *value) {
	CLEANUP(free_ptr) char *lower = xstrdup(name);
	for (char *at = lower; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!strcmp(lower, table[i].directive)) {
			take_value(legacy, table[i].param, value);
			return;
		}
	if (!strcmp(lower, "modload"))
		load_module(legacy, value);
	else if (!strcmp(lower, "omitlocallogging"))
		legacy->omits_local = !strcasecmp(value, "on");
	else if (!strcmp(lower, "resetconfigvariables"))
		reset(legacy);
	else if (!strcmp(lower, "ruleset"))
		enter_ruleset(legacy, value);
	else
		row_text(settings, lower, value);
}

/* Each action takes what is meant for the next one, be it a file's; permitted peers wait for one over TCP. */
static void spend(struct legacy *legacy, bool is_tcp) {
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!table[i].is_kept && (is_tcp || strcmp(table[i].param, peers) != 0))
			json_object_del(legacy->values, table[i].param);
}

/* "host", "host:port", "[2001:db8::1]:port", each with ";template" behind; '#' and white space end it. */
static void read_target(json_t *params, const char *text) {
	bool is_bracketed = *text == '[';
	text += is_bracketed;
	size_t len = strcspn(text, is_bracketed ? "]" : ":; \t#");
	CLEANUP(free_ptr) char *host = xstrndup(text, len);
	text += len;
	text += is_bracketed && *text == ']';
	row_text(params, "target", host);
	if (*text != ':')
		return;
	CLEANUP(free_ptr) char *port = xstrndup(text + 1, strcspn(text + 1, "; \t#"));
	row_text(params, "port", port);
}

static json_t *forward(const char *type, const char *protocol, const char *text) {
	json_t *params = json_object();
	row_text(params, "type", type);
	row_text(params, "protocol", protocol);
	if (*text == '(') /* how it is framed or packed */
		text += strcspn(text, ")") + (strchr(text, ')') != NULL);
	read_target(params, text);
	return params;
}

json_t *legacy_forward(struct legacy *legacy, const char *text) {
	static const char relp[] = ":omrelp:";
	bool is_tcp = text_starts(text, "@@"), is_relp = text_starts(text, relp);
	json_t *params = NULL;
	if (is_relp)
		params = forward("omrelp", NULL, text + strlen(relp));
	else if (is_tcp || *text == '@')
		params = forward("omfwd", is_tcp ? "tcp" : "udp", text + 1 + is_tcp);
	const char *name;
	json_t *value;
	json_object_foreach(legacy->values, name, value) if (params && (is_tcp || !text_starts(name, "streamdriver")))
		json_object_set(params, name, value);
	spend(legacy, is_tcp);
	return params;
}
