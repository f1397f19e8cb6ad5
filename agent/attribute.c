#include "agent/attribute.h"

#include <time.h>

#include "core/accounts.h"
#include "core/audit_cover.h"
#include "core/audit_file.h"
#include "core/text.h"
#include "core/times.h"
#include "core/who.h"
#include "core/who_dpkg.h"
#include "sources/gather.h"

#define AUDIT_LOG "tail:/var/log/audit/audit.log"
#define AUDIT_STATUS "audit:status"
#define AUDIT_RULES "audit:rules"
#define DPKG_LOG "tail:/var/log/dpkg.log"
#define APT_HISTORY "tail:/var/log/apt/history.log"
#define DPKG_INFO "file:/var/lib/dpkg/info/"
#define INODES "inodes:"
#define JOURNAL "journal:unit:"
#define SSHD_CONFIG "stat:/etc/ssh/sshd_config"
#define SSHD_CONFIGS "tree:/etc/ssh/sshd_config.d"
#define SUDOERS "stat:/etc/sudoers"
#define SUDOERS_MORE "tree:/etc/sudoers.d"

struct attribute {
	struct attribute_ask *asks; /* borrowed */
	size_t count;
	struct sources *fetched;
	json_t *params;
	struct gather *gather;
	sd_event_source *deadline;
	void (*done)(void *context);
	void *context;
};

/* ---- what sources are about ---- */

struct targets {
	struct who_target list[ATTRIBUTE_TARGETS_MOST];
	char *names[ATTRIBUTE_TARGETS_MOST];   /* owned; those of the list */
	char *sources[ATTRIBUTE_TARGETS_MOST]; /* owned; what the paths among them come from: "file:/etc/hosts" */
	size_t count;
};

static void targets_done(struct targets *targets) {
	for (size_t i = 0; i < targets->count; i++)
		free(targets->names[i]);
	for (size_t i = 0; i < targets->count; i++)
		free(targets->sources[i]);
}

/* name is taken over. */
static void add_target(struct targets *targets, enum who_kind kind, char *name, const char *source) {
	if (targets->count == ATTRIBUTE_TARGETS_MOST) {
		free(name);
		return;
	}
	targets->names[targets->count] = name;
	targets->sources[targets->count] = xstrdup(source);
	targets->list[targets->count++] = (struct who_target){kind, name};
}

static bool is_of_path(const struct who_target *target) { return target->kind <= WHO_TREE; }

/* Kinds of sources whose rest is a path or a unit, and what of it they say. */
static const struct {
	const char *prefix;
	enum who_kind kind;
} plain[] = {{"file:", WHO_FILE},    {"stat:", WHO_FILE},     {"head:", WHO_FILE},   {"link:", WHO_FILE},
	     {"keyfile:", WHO_FILE}, {"tree:", WHO_TREE},     {"dir:", WHO_ENTRIES}, {"unit:", WHO_UNIT},
	     {"service:", WHO_UNIT}, {"nft:", WHO_NETFILTER}, {"audit:", WHO_AUDIT}};

/* Kinds that read more than their name says. */
static const struct {
	const char *prefix;
	enum who_kind kind;
	const char *source, *path;
} derived[] = {{"shadow:", WHO_FILE, "shadow:", "/etc/shadow"},
	       {"cmd:sshd-T", WHO_FILE, SSHD_CONFIG, "/etc/ssh/sshd_config"},
	       {"cmd:sshd-T", WHO_TREE, SSHD_CONFIGS, "/etc/ssh/sshd_config.d"},
	       {"cmd:cvtsudoers", WHO_FILE, SUDOERS, "/etc/sudoers"},
	       {"cmd:cvtsudoers", WHO_TREE, SUDOERS_MORE, "/etc/sudoers.d"}};

/* The kernel's own files are written by the kernel, but for its settings. */
static bool is_told(const char *name) {
	const char *path = strchr(name, '/');
	bool is_kernels = path && (text_starts(path, "/proc/") || text_starts(path, "/sys/"));
	return !fetch_is_volatile(name) && (!is_kernels || text_starts(path, "/proc/sys/"));
}

static void add_source(struct targets *targets, const char *name) {
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!text_starts(name, plain[i].prefix))
			continue;
		const char *rest = name + strlen(plain[i].prefix);
		bool is_named = plain[i].kind <= WHO_UNIT;
		size_t len = plain[i].kind == WHO_TREE ? strcspn(rest, "?") : strlen(rest);
		add_target(targets, plain[i].kind, is_named ? xstrndup(rest, len) : xstrdup(""), name);
	}
	for (size_t i = 0; i < ARRAY_LEN(derived); i++)
		if (text_starts(name, derived[i].prefix))
			add_target(targets, derived[i].kind, xstrdup(derived[i].path), derived[i].source);
}

static void find_targets(const struct names *sources, struct targets *targets) {
	for (size_t i = 0; i < names_count(sources); i++)
		if (is_told(names_at(sources, i)))
			add_source(targets, names_at(sources, i));
}

/* ---- what the audit log says ---- */

static const struct who_target *tree_of(const struct targets *targets, const char *path, const char **ret_query) {
	for (size_t i = 0; i < targets->count; i++)
		if (targets->list[i].kind == WHO_TREE && who_target_meets(&targets->list[i], path, false)) {
			*ret_query = targets->sources[i] + strcspn(targets->sources[i], "?");
			return &targets->list[i];
		}
	return NULL;
}

/* The name of the source that says what the inodes of a path below a tree are. New text; NULL: it is below none. */
static char *inodes_below(const struct targets *targets, const char *path) {
	const char *query;
	return tree_of(targets, path, &query) ? xasprintf(INODES "tree:%s%s", path, query) : NULL;
}

static bool add_place(json_t *places, const struct sources *fetched, const char *source, const char *path) {
	json_t *value;
	struct err ignored;
	return !json_object_get(places, path) && source_need_json(fetched, source, &value, &ignored) &&
	       json_object_set(places, path, value) == 0;
}

/* New reference. */
static json_t *places_of(const struct targets *targets, const struct sources *fetched) {
	json_t *places = json_object();
	for (size_t i = 0; i < targets->count; i++) {
		CLEANUP(free_ptr) char *name = xasprintf(INODES "%s", targets->sources[i]);
		if (is_of_path(&targets->list[i]))
			add_place(places, fetched, name, targets->list[i].name);
	}
	return places;
}

/* Who it was, with what is known of inodes so far. *ret_found is to be given back. */
static void find_writers(const struct targets *targets, int64_t from_ms, int64_t until_ms,
			 const struct sources *fetched, struct who_found *ret_found) {
	const struct source *log;
	struct err ignored;
	bool is_more = false, has_log = source_need(fetched, AUDIT_LOG, &log, &ignored);
	CLEANUP(json_decref_p) json_t *places = places_of(targets, fetched);
	const struct who_asked asked = {targets->list, targets->count, places, from_ms, until_ms};
	size_t i;
	json_t *path;
	who_audit(has_log ? log->bytes.data : "", has_log ? log->bytes.len : 0, &asked, ret_found);
	json_array_foreach(ret_found->wanted, i, path) {
		CLEANUP(free_ptr) char *name = inodes_below(targets, json_string_value(path));
		is_more |= name && add_place(places, fetched, name, json_string_value(path));
	}
	if (!is_more)
		return;
	who_found_done(ret_found);
	who_audit(log->bytes.data, log->bytes.len, &asked, ret_found);
}

/* ---- what is asked for ---- */

static int64_t local_time(int year, int month, int day, int hour, int minute, int second) {
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = minute,
			.tm_sec = second,
			.tm_isdst = -1};
	return mktime(&tm);
}

/* Packages that dpkg changed in the window. New reference. */
static json_t *packages_of(const struct sources *fetched, int64_t from_ms, int64_t until_ms) {
	const struct source *log;
	struct err ignored;
	return source_need(fetched, DPKG_LOG, &log, &ignored)
		       ? who_dpkg(log->bytes.data, log->bytes.len, local_time, from_ms / 1000, until_ms / 1000)
		       : json_array();
}

static bool is_package_name(const char *text) {
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == strlen(text) && *text != '.';
}

static void find_targets_in(const json_t *list, struct targets *targets) {
	size_t i;
	json_t *name;
	json_array_foreach(list, i, name) if (is_told(json_string_value(name)))
		add_source(targets, json_string_value(name));
}

/* Of the targets, and of what the audit log names below those that are trees. */
static void ask_inodes(const json_t *params, const struct sources *fetched, struct names *names) {
	CLEANUP(targets_done) struct targets targets = {0};
	CLEANUP(who_found_done) struct who_found found = {0};
	size_t i;
	json_t *path;
	find_targets_in(json_object_get(params, "sources"), &targets);
	for (size_t t = 0; t < targets.count; t++)
		if (is_of_path(&targets.list[t]))
			names_addf(names, INODES "%s", targets.sources[t]);
		else if (targets.list[t].kind == WHO_UNIT)
			names_addf(names, JOURNAL "%s", targets.list[t].name);
	find_writers(&targets, json_integer_value(json_object_get(params, "from")),
		     json_integer_value(json_object_get(params, "until")), fetched, &found);
	json_array_foreach(found.wanted, i, path) {
		CLEANUP(free_ptr) char *name = inodes_below(&targets, json_string_value(path));
		if (name)
			names_add(names, name);
	}
}

static void ask(const json_t *params, const struct sources *fetched, struct names *names) {
	static const char *const always[] = {AUDIT_LOG, AUDIT_STATUS, AUDIT_RULES,
					     DPKG_LOG,  APT_HISTORY,  ACCOUNTS_SOURCE};
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		names_add(names, always[i]);
	ask_inodes(params, fetched, names);
	CLEANUP(json_decref_p)
	json_t *packages = packages_of(fetched, json_integer_value(json_object_get(params, "from")),
				       json_integer_value(json_object_get(params, "until")));
	size_t i;
	json_t *entry;
	json_array_foreach(packages, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "package"));
		const char *arch = json_string_value(json_object_get(entry, "arch"));
		if (!name || !is_package_name(name))
			continue;
		names_addf(names, DPKG_INFO "%s.list", name);
		if (arch && is_package_name(arch))
			names_addf(names, DPKG_INFO "%s:%s.list", name, arch);
	}
}

static const char *const patterns[] = {
	AUDIT_LOG,  AUDIT_STATUS, AUDIT_RULES, DPKG_LOG,     APT_HISTORY, ACCOUNTS_SOURCE, DPKG_INFO "*.list",
	INODES "*", JOURNAL "*",  SSHD_CONFIG, SSHD_CONFIGS, SUDOERS,     SUDOERS_MORE,    NULL};

const struct check attribute_check = {
	.name = "attribute", .about = "who changed what changed", .patterns = patterns, .sources = ask};

/* ---- what dpkg says ---- */

static bool lists_path(const struct sources *fetched, const json_t *package, const char *path) {
	const struct source *list;
	struct err ignored;
	const char *name = json_string_value(json_object_get(package, "package"));
	const char *arch = json_string_value(json_object_get(package, "arch"));
	CLEANUP(free_ptr) char *plain_name = xasprintf(DPKG_INFO "%s.list", name);
	CLEANUP(free_ptr) char *with_arch = xasprintf(DPKG_INFO "%s:%s.list", name, arch);
	return (source_need(fetched, plain_name, &list, &ignored) &&
		who_dpkg_lists(list->bytes.data, list->bytes.len, path)) ||
	       (source_need(fetched, with_arch, &list, &ignored) &&
		who_dpkg_lists(list->bytes.data, list->bytes.len, path));
}

/* A configuration file that somebody has changed is left as it is, without a word in the log. */
static bool is_replaced(const json_t *packages, const json_t *package, const char *path) {
	size_t i;
	json_t *entry;
	if (!text_starts(path, "/etc/") || !json_is_true(json_object_get(package, "keeps")))
		return true;
	json_array_foreach(packages, i, entry) {
		const char *conffile = json_string_value(json_object_get(entry, "conffile"));
		if (conffile && !strcmp(conffile, path))
			return true;
	}
	return false;
}

static void add_dpkg(json_t *by, const json_t *package, const struct sources *fetched) {
	char at[TIMES_TEXT], *user = NULL;
	int64_t uid, instant = json_integer_value(json_object_get(package, "at"));
	const struct source *history;
	struct err ignored;
	json_t *entry = json_pack("{s:s,s:s,s:s,s:O}", "source", "dpkg", "at", times_format(instant, at), "process",
				  "dpkg", "package", json_object_get(package, "package"));
	if (source_need(fetched, APT_HISTORY, &history, &ignored) &&
	    who_apt(history->bytes.data, history->bytes.len, local_time, instant, &user, &uid)) {
		json_object_set_new(entry, "user", json_text(user));
		json_object_set_new(entry, "uid", json_integer(uid));
		free(user);
	}
	json_array_append_new(by, entry);
}

/* Adds those that put the targets there. The name of one that may have, in *ret_perhaps: borrowed from packages. */
static void dpkg_found(const struct targets *targets, const struct sources *fetched, const json_t *packages, json_t *by,
		       const char **ret_perhaps) {
	size_t i;
	json_t *package;
	json_array_foreach(packages, i, package) {
		bool is_by = false, is_perhaps = false;
		for (size_t t = 0; t < targets->count && json_object_get(package, "package"); t++) {
			const char *path = targets->list[t].name;
			if (targets->list[t].kind != WHO_FILE || !lists_path(fetched, package, path))
				continue;
			is_by |= is_replaced(packages, package, path);
			is_perhaps = true;
		}
		if (is_by)
			add_dpkg(by, package, fetched);
		else if (is_perhaps)
			*ret_perhaps = json_string_value(json_object_get(package, "package"));
	}
}

/* ---- why nobody is named ---- */

/* Whether every write to this path would be recorded by the rules that are loaded. True where that is not known. */
static bool is_covered(const struct sources *fetched, const char *path) {
	json_t *entries, *entry;
	size_t i;
	struct err ignored;
	CLEANUP(json_decref_p) json_t *loaded = json_array();
	CLEANUP(json_decref_p) json_t *exceptions = json_array();
	CLEANUP(json_decref_p) json_t *narrowed = json_array();
	if (!source_need_json(fetched, AUDIT_RULES, &entries, &ignored))
		return true;
	json_array_foreach(entries, i, entry) {
		json_t *rule;
		if (audit_rule_of_kernel(entry, AUDIT_RULES, &rule, &ignored))
			json_array_append_new(loaded, rule);
	}
	CLEANUP(json_decref_p)
	json_t *wanted = json_pack("{s:s,s:s,s:s,s:[s],s:[{s:s,s:s,s:s},{s:s,s:s,s:s}],s:[],s:b}", "list", "exit",
				   "action", "always", "arch", sizeof(void *) == 8 ? "b64" : "b32", "syscalls", "all",
				   "fields", "field", "path", "op", "=", "value", path, "field", "perm", "op", "=",
				   "value", "wa", "keys", "watch", 1);
	return !wanted ||
	       (audit_rule_is_covered(wanted, loaded, exceptions, narrowed) && json_array_size(narrowed) == 0);
}

static const char *why_no_log(const struct sources *fetched, struct err *err) {
	const struct source *log;
	json_t *status;
	if (source_need_json(fetched, AUDIT_STATUS, &status, err)) {
		if (json_integer_value(json_object_get(status, "enabled")) == 0)
			return "auditing is off";
		if (json_integer_value(json_object_get(status, "pid")) == 0)
			return "no audit daemon runs";
	}
	if (!sources_get(fetched, AUDIT_LOG))
		return "the audit log was not read in time";
	if (source_need(fetched, AUDIT_LOG, &log, err))
		return NULL;
	switch (err->code) {
	case ERR_ABSENT:
		return "no audit daemon keeps a log here";
	case ERR_DENIED:
		return "the audit log may not be read";
	case ERR_TIMEOUT:
		return "the audit log was not read in time";
	default:
		return "the audit log cannot be read";
	}
}

/* Whether the log is there, but was not read in time. */
static bool is_late(const struct sources *fetched, const struct err *err) {
	return !sources_get(fetched, AUDIT_LOG) || err->code == ERR_TIMEOUT;
}

static char *why_nobody(struct attribute_ask *ask, const struct targets *targets, const struct sources *fetched,
			const struct who_found *found) {
	struct err err = {0};
	const struct who_target *first = targets->list;
	const char *why;
	if (ask->from_ms > ask->until_ms)
		return xstrdup("the clock went backwards since the last look, so no record can be placed");
	if (names_count(ask->sources) == 0 && ask->is_other_policy)
		return xstrdup("the policy is another");
	if (names_count(ask->sources) == 0)
		return xstrdup("nothing that this rule reads is another: what it depends on is");
	if (targets->count == 0)
		return xasprintf("no log tells who changes %s", names_at(ask->sources, 0));
	if ((why = why_no_log(fetched, &err))) {
		ask->may_come = is_late(fetched, &err);
		return xstrdup(why);
	}
	for (size_t i = 0; i < targets->count; i++)
		if (is_of_path(&targets->list[i]) && !is_covered(fetched, targets->list[i].name))
			return xasprintf("no audit rule covers %s", targets->list[i].name);
	if (found->is_unsure)
		return xasprintf("the audit log tells of a change to %s, but not whether that is the file here or "
				 "another of its name",
				 first->name);
	if (!found->oldest_ms || found->oldest_ms > ask->from_ms)
		return xstrdup("the part of the audit log that was read begins after the last look");
	ask->may_come = true;
	if (first->kind == WHO_UNIT)
		return xasprintf("no record in the audit log of somebody who asked for %s", first->name);
	if (found->is_another)
		return xasprintf("no record in the audit log of who changed %s: those that name it are of another file "
				 "of its name",
				 first->name);
	return xasprintf("no record in the audit log, or not yet, of who changed %s",
			 is_of_path(first) ? first->name : names_at(ask->sources, 0));
}

/* What the journal says that the service manager did with a unit in this time: the last of it. New text; NULL: nothing.
 */
static char *journal_says(const struct attribute_ask *ask, const struct targets *targets,
			  const struct sources *fetched) {
	for (size_t t = 0; t < targets->count; t++) {
		CLEANUP(free_ptr) char *name = xasprintf(JOURNAL "%s", targets->list[t].name);
		json_t *value, *change;
		struct err ignored;
		size_t i;
		if (targets->list[t].kind != WHO_UNIT || !source_need_json(fetched, name, &value, &ignored))
			continue;
		json_array_foreach(json_object_get(value, "changes"), i, change) {
			char at[TIMES_TEXT];
			int64_t ms = json_integer_value(json_object_get(change, "at")) / 1000;
			const char *what = json_string_value(json_object_get(change, "what"));
			if (what && ms >= ask->from_ms && ms <= ask->until_ms)
				return xasprintf("the journal says that %s %s at %s, but not by whose wish",
						 targets->list[t].name, what, times_format(ms / 1000, at));
		}
	}
	return NULL;
}

/* ---- the answer ---- */

/* why and journal are taken over. */
static void set_nobody(const struct attribute_ask *ask, char *why, const char *perhaps, char *journal) {
	CLEANUP(free_ptr) char *said = journal;
	CLEANUP(free_ptr)
	char *text = journal   ? xasprintf("%s; %s", why, journal)
		     : perhaps ? xasprintf("%s; dpkg did something to the package %s, which has it, in this time", why,
					   perhaps)
			       : xstrdup(why);
	text_replace_controls(text);
	json_object_set_new(ask->into, "unattributed", json_text(text));
	free(why);
}

static void name_users(json_t *by, const struct sources *fetched) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	bool has_nis;
	struct err ignored;
	if (accounts_need(fetched, &accounts, &has_nis, &ignored))
		who_name_users(by, accounts);
}

void attribute_answer(struct attribute_ask *ask, const struct sources *fetched) {
	CLEANUP(targets_done) struct targets targets = {0};
	CLEANUP(who_found_done) struct who_found found = {0};
	const char *perhaps = NULL;
	find_targets(ask->sources, &targets);
	find_writers(&targets, ask->from_ms, ask->until_ms, fetched, &found);
	name_users(found.by, fetched);
	CLEANUP(json_decref_p) json_t *packages = packages_of(fetched, ask->from_ms, ask->until_ms);
	dpkg_found(&targets, fetched, packages, found.by, &perhaps);
	ask->may_come = false;
	json_object_del(ask->into, "by");
	json_object_del(ask->into, "moreBy");
	json_object_del(ask->into, "unattributed");
	if (json_array_size(found.by) == 0) {
		set_nobody(ask, why_nobody(ask, &targets, fetched, &found), perhaps,
			   journal_says(ask, &targets, fetched));
		return;
	}
	json_object_set(ask->into, "by", found.by);
	if (found.more > 0)
		json_object_set_new(ask->into, "moreBy", json_integer((json_int_t)found.more));
}

static void answer_all(struct attribute *attribute) {
	for (size_t i = 0; i < attribute->count; i++)
		attribute_answer(&attribute->asks[i], attribute->fetched);
}

static void end(void *context) {
	struct attribute *attribute = context;
	answer_all(attribute);
	attribute->done(attribute->context); /* may free it */
}

static int on_deadline(sd_event_source *source, uint64_t time, void *context) {
	struct attribute *attribute = context;
	gather_free(attribute->gather);
	attribute->gather = NULL;
	end(attribute);
	return 0;
}

static bool has_targets(const struct attribute_ask *ask) {
	CLEANUP(targets_done) struct targets targets = {0};
	find_targets(ask->sources, &targets);
	return targets.count > 0;
}

/* New reference. */
static json_t *sources_of(const struct attribute_ask *asks, size_t count) {
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < names_count(asks[i].sources); n++)
			json_array_append_new(list, json_text(names_at(asks[i].sources, n)));
	return list;
}

struct attribute *attribute_start(sd_event *event, const struct host *host, struct attribute_ask *asks, size_t count,
				  void (*done)(void *context), void *context) {
	bool is_needed = false;
	int64_t from = INT64_MAX, until = 0;
	struct attribute *attribute = xcalloc(1, sizeof *attribute);
	*attribute = (struct attribute){
		.asks = asks, .count = count, .fetched = sources_new(), .done = done, .context = context};
	for (size_t i = 0; i < count; i++) {
		is_needed |= has_targets(&asks[i]);
		from = asks[i].from_ms < from ? asks[i].from_ms : from;
		until = asks[i].until_ms > until ? asks[i].until_ms : until;
	}
	attribute->params = json_pack("{s:I,s:I,s:o}", "from", (json_int_t)from, "until", (json_int_t)until, "sources",
				      sources_of(asks, count));
	const struct asker asker = {&attribute_check, attribute->params};
	if (!is_needed || sd_event_add_time_relative(event, &attribute->deadline, CLOCK_MONOTONIC,
						     ATTRIBUTE_DEADLINE_US, 1000, on_deadline, attribute) < 0) {
		answer_all(attribute);
		attribute_free(attribute);
		return NULL;
	}
	attribute->gather = gather_start(event, host, &asker, 1, attribute->fetched, end, attribute);
	return attribute;
}

void attribute_free(struct attribute *attribute) {
	if (!attribute)
		return;
	gather_free(attribute->gather);
	sd_event_source_disable_unref(attribute->deadline);
	sources_free(attribute->fetched);
	json_decref(attribute->params);
	free(attribute);
}
