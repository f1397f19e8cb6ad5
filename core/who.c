#include "core/who.h"

#include <stdlib.h>
#include <string.h>

#include "core/accounts.h"
#include "core/text.h"
#include "core/times.h"
#include "core/who_calls.h"
#include "core/who_record.h"

#define EVENTS_MOST 64 /* whose records may stand in disorder among each other's */
#define ITEMS_MOST 16  /* of an event */

struct item {
	char *name;      /* owned; as it stands */
	bool is_entry;   /* it came or went */
	bool is_content; /* it was there and stayed */
};

/* What the records of one event say. */
struct event {
	int64_t at_ms;
	uint64_t serial;
	bool is_used, has_call, succeeded, is_root, has_auid, has_flags;
	struct who_call call;
	uint64_t arguments[4], flags, pid, uid, auid;
	char *comm, *exe, *cwd; /* owned */
	struct item items[ITEMS_MOST];
	size_t item_count;
	bool met_unit, is_netfilter, is_audit;
};

struct reading {
	const struct who_asked *asked;
	struct who_found *found;
	struct event events[EVENTS_MOST]; /* a ring */
	size_t next;
};

void who_found_done(struct who_found *found) {
	json_decref(found->by);
	*found = (struct who_found){0};
}

static bool is_below(const char *path, const char *folder) {
	size_t len = strcmp(folder, "/") != 0 ? strlen(folder) : 0;
	return !strncmp(path, folder, len) && path[len] == '/';
}

static bool is_in(const char *path, const char *folder) {
	const char *name = strrchr(path, '/');
	return name && is_below(path, folder) && (size_t)(name - path) == (strcmp(folder, "/") ? strlen(folder) : 0);
}

bool who_target_meets(const struct who_target *target, const char *path, bool is_entry) {
	if (target->kind > WHO_TREE)
		return false;
	if (is_entry && (!strcmp(target->name, path) || is_below(target->name, path)))
		return true;
	if (target->kind == WHO_ENTRIES)
		return is_entry && is_in(path, target->name);
	return !strcmp(target->name, path) || (target->kind == WHO_TREE && is_below(path, target->name));
}

/* The absolute path without detours; NULL where it cannot be told: behind ".." links may lead elsewhere. */
static char *absolute(const char *name, const char *folder) {
	struct buf path = {0};
	CLEANUP(free_ptr) char *whole = *name == '/' ? xstrdup(name) : xasprintf("%s/%s", folder ? folder : "", name);
	if (*whole != '/' || (*name != '/' && (!folder || *folder != '/')))
		return NULL;
	for (char *rest = whole, *part; (part = strsep(&rest, "/"));) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			buf_done(&path);
			return NULL;
		}
		buf_addf(&path, "/%s", part);
	}
	if (path.len == 0)
		buf_adds(&path, "/");
	return buf_take(&path);
}

static void event_done(struct event *event) {
	for (size_t i = 0; i < event->item_count; i++)
		free(event->items[i].name);
	free(event->comm);
	free(event->exe);
	free(event->cwd);
	*event = (struct event){0};
}

/* ---- what an event says ---- */

#define AT_FOLDER_OF_PROCESS 0xffffff9cU /* AT_FDCWD */

/* Whether names that are not absolute are relative to the folder that the process was in. */
static bool is_in_own_folder(const struct event *event) {
	for (size_t i = 0; i < ARRAY_LEN(event->arguments); i++)
		if (event->call.folders & (1U << i) && (uint32_t)event->arguments[i] != AT_FOLDER_OF_PROCESS)
			return false;
	return event->call.kind != WHO_CALL_OTHER;
}

static bool does_write(const struct event *event) {
	uint64_t flags = event->call.flags >= 0 ? event->arguments[event->call.flags] : event->flags;
	if (event->call.kind == WHO_CALL_OPENS)
		return (event->call.flags >= 0 || event->has_flags) && who_flags_write(flags);
	return event->call.kind == WHO_CALL_WRITES;
}

static bool meets_path(const struct event *event, const struct item *item, const struct who_asked *asked) {
	CLEANUP(free_ptr) char *path = NULL;
	if (!item->is_entry && !(item->is_content && does_write(event)))
		return false;
	if (*item->name == '/' || is_in_own_folder(event))
		path = absolute(item->name, event->cwd);
	for (size_t i = 0; path && i < asked->count; i++)
		if (who_target_meets(&asked->targets[i], path, item->is_entry))
			return true;
	return false;
}

static bool is_asked(const struct who_asked *asked, enum who_kind kind) {
	for (size_t i = 0; i < asked->count; i++)
		if (asked->targets[i].kind == kind)
			return true;
	return false;
}

/* Anybody is root in a user namespace, and changes the packet filter of a network namespace there: the record is the
 * same, but for who called. */
static bool is_hosts_filter(const struct event *event) { return event->has_call && event->is_root; }

static bool meets(const struct event *event, const struct who_asked *asked) {
	if (event->at_ms < asked->from_ms || event->at_ms > asked->until_ms)
		return false;
	if (event->met_unit || (event->is_netfilter && is_hosts_filter(event) && is_asked(asked, WHO_NETFILTER)) ||
	    (event->is_audit && is_asked(asked, WHO_AUDIT)))
		return true;
	if (!event->has_call || !event->succeeded)
		return false;
	for (size_t i = 0; i < event->item_count; i++)
		if (meets_path(event, &event->items[i], asked))
			return true;
	return false;
}

/* Whether the name that the kernel keeps of a process is no more than the beginning of its program's. */
static bool is_plain_comm(const char *comm, const char *exe) {
	const char *name = exe ? strrchr(exe, '/') : NULL;
	return name && *comm && !strncmp(name + 1, comm, strlen(comm));
}

static json_t *shown(const char *name) {
	CLEANUP(free_ptr) char *text = xstrdup(name);
	text_replace_controls(text);
	return json_text(text);
}

static json_t *entry_of(const struct event *event) {
	char at[TIMES_TEXT];
	json_t *entry = json_object();
	const char *process = event->exe ? event->exe : event->comm;
	json_object_set_new(entry, "source", json_string("audit"));
	json_object_set_new(entry, "at", json_string(times_format(event->at_ms / 1000, at)));
	json_object_set_new(entry, "process", shown(process ? process : "?"));
	if (event->exe && event->comm && !is_plain_comm(event->comm, event->exe))
		json_object_set_new(entry, "comm", shown(event->comm));
	json_object_set_new(entry, "pid", json_integer((json_int_t)event->pid));
	if (event->has_call || event->met_unit)
		json_object_set_new(entry, "uid", json_integer((json_int_t)event->uid));
	if (event->has_auid)
		json_object_set_new(entry, "auid",
				    event->auid == WHO_UNSET ? json_string("unset")
							     : json_integer((json_int_t)event->auid));
	return entry;
}

static bool is_same_process(const json_t *one, const json_t *other) {
	static const char *const members[] = {"process", "comm", "pid", "uid", "auid"};
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *a = json_object_get(one, members[i]), *b = json_object_get(other, members[i]);
		if (!a != !b || (a && !json_equal(a, b)))
			return false;
	}
	return true;
}

/* By login where there was one. */
static bool is_same_person(const json_t *one, const json_t *other) {
	const json_t *a = json_object_get(one, "auid"), *b = json_object_get(other, "auid");
	if (json_is_integer(a) || json_is_integer(b))
		return a && b && json_equal(a, b);
	return json_integer_value(json_object_get(one, "uid")) == json_integer_value(json_object_get(other, "uid"));
}

/* The oldest of whoever is there most often: nobody gets another off the list by doing much. */
static size_t index_to_drop(const json_t *by) {
	size_t i, j, most = 0, index = 0;
	json_t *one, *other;
	json_array_foreach(by, i, one) {
		size_t count = 0;
		json_array_foreach(by, j, other) count += is_same_person(one, other);
		if (count > most) {
			most = count;
			index = i;
		}
	}
	return index;
}

static void add_entry(struct who_found *found, json_t *entry) {
	size_t i;
	json_t *other;
	json_array_foreach(found->by, i, other) {
		if (!is_same_process(other, entry))
			continue;
		json_object_set(other, "at", json_object_get(entry, "at"));
		json_decref(entry);
		return;
	}
	json_array_append_new(found->by, entry);
	if (json_array_size(found->by) > WHO_MOST) {
		json_array_remove(found->by, index_to_drop(found->by));
		found->more++;
	}
}

static void close_event(struct reading *reading, struct event *event) {
	if (event->is_used && meets(event, reading->asked))
		add_entry(reading->found, entry_of(event));
	event_done(event);
}

/* ---- records ---- */

static void take_people(struct event *event, const struct who_record *record) {
	uint64_t number;
	if (who_record_number(record, "pid", 10, &number))
		event->pid = number;
	if (who_record_number(record, "uid", 10, &number))
		event->uid = number;
	if (who_record_number(record, "auid", 10, &number)) {
		event->auid = number;
		event->has_auid = true;
	}
}

static void take_name(char **name, const struct who_record *record, const char *field) {
	char *text = *name ? NULL : who_record_name(record, field);
	if (text)
		*name = text;
}

static void take_call(struct event *event, const struct who_record *record) {
	static const char *const names[] = {"a0", "a1", "a2", "a3"};
	const char *at;
	size_t len;
	bool is_quoted;
	uint64_t arch, number;
	if (event->has_call || !who_record_number(record, "arch", 16, &arch) ||
	    !who_record_number(record, "syscall", 10, &number))
		return;
	event->has_call = true;
	event->call = who_call_of((uint32_t)arch, number > UINT16_MAX ? UINT16_MAX : (unsigned)number);
	event->succeeded = who_record_field(record, "success", &at, &len, &is_quoted) && !is_quoted && len == 3 &&
			   !memcmp(at, "yes", 3);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!who_record_number(record, names[i], 16, &event->arguments[i]))
			event->arguments[i] = 0;
	event->is_root = who_record_number(record, "euid", 10, &number) && number == 0;
	free(event->comm); /* what an earlier record of the event had of it */
	event->comm = NULL;
	take_people(event, record);
	take_name(&event->comm, record, "comm");
	take_name(&event->exe, record, "exe");
}

static void take_path(struct event *event, const struct who_record *record) {
	const char *at;
	size_t len;
	bool is_quoted;
	char *name = event->item_count < ITEMS_MOST ? who_record_name(record, "name") : NULL;
	if (!name)
		return;
	struct item item = {.name = name};
	if (who_record_field(record, "nametype", &at, &len, &is_quoted) && !is_quoted) {
		item.is_entry = len == 6 && (!memcmp(at, "CREATE", 6) || !memcmp(at, "DELETE", 6));
		item.is_content = len == 6 && !memcmp(at, "NORMAL", 6);
	}
	event->items[event->item_count++] = item;
}

static void take_flags(struct event *event, const struct who_record *record) {
	event->has_flags |= who_record_number(record, "oflag", 8, &event->flags);
}

static void take_audit(struct event *event, const struct who_record *record) {
	event->is_audit = true;
	if (!event->has_call)
		take_people(event, record);
}

static bool is_unit(const char *word, const char *unit) {
	size_t len = strlen(word);
	return !strcmp(word, unit) || (len > 0 && !strncmp(unit, word, len) && !strcmp(unit + len, ".service"));
}

static bool is_asked_unit(const char *word, const struct who_asked *asked) {
	for (size_t i = 0; i < asked->count; i++)
		if (asked->targets[i].kind == WHO_UNIT && is_unit(word, asked->targets[i].name))
			return true;
	return false;
}

/* Units of another system, or of a user. */
static bool is_elsewhere(const char *word) {
	static const char *const options[] = {"-H", "-M", "--host", "--machine", "--root", "--image", "--user"};
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (text_starts(word, options[i]))
			return true;
	return false;
}

/* Whether a command has a program that tells units what to do, what makes a unit another, and one of those that are
 * asked about. */
static bool names_unit(const char *command, const struct who_asked *asked) {
	static const char *const programs[] = {"systemctl", "service", "invoke-rc.d", "deb-systemd-invoke"};
	static const char *const verbs[] = {"start",
					    "stop",
					    "restart",
					    "try-restart",
					    "reload",
					    "force-reload",
					    "reload-or-restart",
					    "try-reload-or-restart",
					    "kill",
					    "isolate",
					    "freeze",
					    "thaw",
					    "clean",
					    "enable",
					    "disable",
					    "reenable",
					    "preset",
					    "mask",
					    "unmask",
					    "link",
					    "edit",
					    "revert",
					    "set-property"};
	CLEANUP(free_ptr) char *text = xstrdup(command);
	char *rest = text, *word = text_word(&rest);
	const char *name = word ? strrchr(word, '/') : NULL;
	bool has_verb = false, has_unit = false;
	if (!word || !text_is_one_of(name ? name + 1 : word, programs, ARRAY_LEN(programs)))
		return false;
	while ((word = text_word(&rest))) {
		if (is_elsewhere(word))
			return false;
		has_verb |= text_is_one_of(word, verbs, ARRAY_LEN(verbs));
		has_unit |= is_asked_unit(word, asked);
	}
	return has_verb && has_unit;
}

/* What sudo refused is recorded too. */
static bool was_run(const struct who_record *inner) {
	const char *at;
	size_t len;
	bool is_quoted;
	return who_record_field(inner, "res", &at, &len, &is_quoted) && !is_quoted &&
	       ((len == 7 && !memcmp(at, "success", 7)) || (len == 1 && *at == '1'));
}

static void take_command(struct event *event, const struct who_record *record, const struct who_asked *asked) {
	struct who_record inner;
	if (!who_record_inner(record, &inner) || !was_run(&inner))
		return;
	CLEANUP(free_ptr) char *command = who_record_name(&inner, "cmd");
	if (!command || !names_unit(command, asked))
		return;
	event->met_unit = true;
	take_people(event, record);
	take_name(&event->exe, &inner, "exe");
}

static struct event *event_of(struct reading *reading, const struct who_record *record) {
	for (size_t i = 0; i < EVENTS_MOST; i++) {
		struct event *event = &reading->events[i];
		if (event->is_used && event->serial == record->serial && event->at_ms == record->at_ms)
			return event;
	}
	struct event *event = &reading->events[reading->next];
	reading->next = (reading->next + 1) % EVENTS_MOST;
	close_event(reading, event);
	*event = (struct event){.is_used = true, .at_ms = record->at_ms, .serial = record->serial};
	return event;
}

static void take_record(struct reading *reading, const struct who_record *record) {
	struct who_found *found = reading->found;
	if (!found->oldest_ms || record->at_ms < found->oldest_ms)
		found->oldest_ms = record->at_ms;
	struct event *event = event_of(reading, record);
	if (!strcmp(record->type, "SYSCALL"))
		take_call(event, record);
	else if (!strcmp(record->type, "PATH"))
		take_path(event, record);
	else if (!strcmp(record->type, "CWD"))
		take_name(&event->cwd, record, "cwd");
	else if (!strcmp(record->type, "OPENAT2"))
		take_flags(event, record);
	else if (!strcmp(record->type, "NETFILTER_CFG"))
		event->is_netfilter = true;
	else if (!strcmp(record->type, "CONFIG_CHANGE"))
		take_audit(event, record);
	else if (!strcmp(record->type, "USER_CMD"))
		take_command(event, record, reading->asked);
}

void who_audit(const char *log, size_t len, const struct who_asked *asked, struct who_found *ret_found) {
	struct reading *reading = xcalloc(1, sizeof *reading);
	struct who_record record;
	*ret_found = (struct who_found){.by = json_array()};
	reading->asked = asked;
	reading->found = ret_found;
	for (const char *at = log, *end = log + len, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		if (who_record_read(at, (size_t)(newline - at), &record))
			take_record(reading, &record);
	}
	for (size_t i = 0; i < EVENTS_MOST; i++)
		close_event(reading, &reading->events[(reading->next + i) % EVENTS_MOST]);
	free(reading);
}

void who_name_users(json_t *by, const json_t *accounts) {
	size_t i;
	json_t *entry;
	json_array_foreach(by, i, entry) {
		const json_t *auid = json_object_get(entry, "auid"), *uid = json_object_get(entry, "uid");
		const json_t *of = json_is_integer(auid) ? auid : uid;
		const char *name = of ? accounts_name_of(accounts, "uid", json_integer_value(of)) : NULL;
		if (name)
			json_object_set_new(entry, "user", json_text(name));
	}
}
