#include "agent/attribute.h"

#include <time.h>

#include "agent/attribute_why.h"
#include "core/accounts.h"
#include "core/text.h"
#include "core/times.h"
#include "core/who.h"
#include "core/who_dpkg.h"
#include "sources/gather.h"

#define DPKG_LOG "tail:/var/log/dpkg.log"
#define APT_HISTORY "tail:/var/log/apt/history.log"
#define DPKG_INFO "file:/var/lib/dpkg/info/"
#define INODES "inodes:"

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
		if (target_is_of_path(&targets->list[i]))
			add_place(places, fetched, name, targets->list[i].name);
	}
	return places;
}

/* Who it was, with what is known of inodes so far. *ret_found is to be given back. */
static void find_writers(const struct targets *targets, int64_t from_ms, int64_t until_ms,
			 const struct sources *fetched, struct who_found *ret_found) {
	const struct source *log;
	struct err ignored;
	bool is_more = false, has_log = source_need(fetched, ATTRIBUTE_LOG, &log, &ignored);
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
	json_array_foreach(list, i, name) targets_take(targets, json_string_value(name));
}

/* Of the targets, and of what the audit log names below those that are trees. */
static void ask_inodes(const json_t *params, const struct sources *fetched, struct names *names) {
	CLEANUP(targets_done) struct targets targets = {0};
	CLEANUP(who_found_done) struct who_found found = {0};
	size_t i;
	json_t *path;
	find_targets_in(json_object_get(params, "sources"), &targets);
	for (size_t t = 0; t < targets.count; t++)
		if (target_is_of_path(&targets.list[t]))
			names_addf(names, INODES "%s", targets.sources[t]);
		else if (targets.list[t].kind == WHO_UNIT)
			names_addf(names, ATTRIBUTE_JOURNAL "%s", targets.list[t].name);
	find_writers(&targets, json_integer_value(json_object_get(params, "from")),
		     json_integer_value(json_object_get(params, "until")), fetched, &found);
	json_array_foreach(found.wanted, i, path) {
		CLEANUP(free_ptr) char *name = inodes_below(&targets, json_string_value(path));
		if (name)
			names_add(names, name);
	}
}

static void ask(const json_t *params, const struct sources *fetched, struct names *names) {
	static const char *const always[] = {ATTRIBUTE_LOG, ATTRIBUTE_STATUS, ATTRIBUTE_RULES,
					     DPKG_LOG,      APT_HISTORY,      ACCOUNTS_SOURCE};
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

static const char *const patterns[] = {ATTRIBUTE_LOG,         ATTRIBUTE_STATUS,
				       ATTRIBUTE_RULES,       DPKG_LOG,
				       APT_HISTORY,           ACCOUNTS_SOURCE,
				       DPKG_INFO "*.list",    INODES "*",
				       ATTRIBUTE_JOURNAL "*", TARGETS_SSHD_CONFIG,
				       TARGETS_SSHD_CONFIGS,  TARGETS_SUDOERS,
				       TARGETS_SUDOERS_MORE,  NULL};

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

static void answer(struct attribute_ask *ask, const struct sources *fetched) {
	CLEANUP(targets_done) struct targets targets = {0};
	CLEANUP(who_found_done) struct who_found found = {0};
	const char *perhaps = NULL;
	targets_find(&targets, ask->sources);
	find_writers(&targets, ask->from_ms, ask->until_ms, fetched, &found);
	name_users(found.by, fetched);
	CLEANUP(json_decref_p) json_t *packages = packages_of(fetched, ask->from_ms, ask->until_ms);
	dpkg_found(&targets, fetched, packages, found.by, &perhaps);
	ask->may_come = false;
	json_object_del(ask->into, "by");
	json_object_del(ask->into, "moreBy");
	json_object_del(ask->into, "unattributed");
	if (json_array_size(found.by) == 0) {
		set_nobody(ask, attribute_why(ask, &targets, fetched, &found), perhaps,
			   attribute_journal(ask, &targets, fetched));
		return;
	}
	json_object_set(ask->into, "by", found.by);
	if (found.more > 0)
		json_object_set_new(ask->into, "moreBy", json_integer((json_int_t)found.more));
}

static void answer_all(struct attribute *attribute) {
	for (size_t i = 0; i < attribute->count; i++)
		answer(&attribute->asks[i], attribute->fetched);
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
	targets_find(&targets, ask->sources);
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
				  uint64_t deadline_us, void (*done)(void *context), void *context) {
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
	/* Served behind everything else that is ready: an answer that is there counts. */
	if (!is_needed ||
	    sd_event_add_time_relative(event, &attribute->deadline, CLOCK_MONOTONIC, deadline_us, 1000, on_deadline,
				       attribute) < 0 ||
	    sd_event_source_set_priority(attribute->deadline, SD_EVENT_PRIORITY_NORMAL + 10) < 0) {
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
