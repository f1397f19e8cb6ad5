#include "core/who.h"

#include <stdlib.h>
#include <string.h>

#include "core/accounts.h"
#include "core/text.h"
#include "core/times.h"
#include "core/who_event.h"
#include "core/who_unit.h"

#define EVENTS_MOST 64  /* whose records may stand in disorder among each other's */
#define LEARNING_MOST 4 /* readings of the log for what places were before */

/* A path of which inodes are known, or not. */
struct spot {
	const char *path; /* borrowed */
	struct who_place *place;
};

struct reading {
	const struct who_asked *asked;
	struct who_found *found;
	struct spot *spots; /* owned */
	size_t spot_count;
	bool is_learning, has_learned; /* of places; nobody is looked for yet */
	unsigned rounds;
	struct who_event events[EVENTS_MOST]; /* a ring */
	size_t next;
};

void who_found_done(struct who_found *found) {
	json_decref(found->by);
	json_decref(found->wanted);
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

static struct who_when when_of(const struct who_event *event) { return (struct who_when){event->at_ms, event->serial}; }

static const struct who_place *place_of(const struct reading *reading, const char *path) {
	for (size_t i = 0; i < reading->spot_count; i++)
		if (!strcmp(reading->spots[i].path, path))
			return reading->spots[i].place;
	return NULL;
}

enum meeting { MEETS_NOT, MEETS_ANOTHER, MEETS_PERHAPS, MEETS };

/* Whether an item that changed is what a place means. */
static enum meeting meets_place(const struct who_event *event, const struct who_item *item,
				const struct who_place *place, bool lists) {
	struct who_inode folder = who_item_is_entry(item) ? who_event_folder_of(event, item) : (struct who_inode){0};
	if (!place || !who_place_is_known(place))
		return MEETS_PERHAPS;
	if (!who_item_is_entry(item)) {
		if (who_place_is_end(place, item->inode, when_of(event)))
			return MEETS;
		return item->inode.number && who_place_has_end(place) ? MEETS_ANOTHER : MEETS_PERHAPS;
	}
	if (who_place_has_entry(place, folder, who_base_of(item->name), when_of(event)) ||
	    (lists && who_place_is_end(place, folder, when_of(event))))
		return MEETS;
	return folder.number ? MEETS_ANOTHER : MEETS_PERHAPS;
}

/* What the inodes below a tree are is asked for when a record names them. */
static enum meeting meets_below(const struct reading *reading, const struct who_event *event,
				const struct who_item *item, const char *path) {
	json_t *wanted = reading->found->wanted;
	const struct who_place *place = place_of(reading, path);
	size_t i;
	json_t *other;
	if (place)
		return meets_place(event, item, place, false);
	json_array_foreach(wanted, i, other) if (!strcmp(json_string_value(other), path)) return MEETS_PERHAPS;
	json_t *text = json_array_size(wanted) < WHO_WANTED_MOST ? json_string(path) : NULL; /* NULL: not UTF-8 */
	if (text)
		json_array_append_new(wanted, text);
	return MEETS_PERHAPS;
}

static enum meeting meets_target(const struct reading *reading, const struct who_event *event,
				 const struct who_item *item, const struct who_target *target, const char *path) {
	bool is_named = path && who_target_meets(target, path, who_item_is_entry(item));
	enum meeting meeting = meets_place(event, item, place_of(reading, target->name), target->kind != WHO_FILE);
	if (meeting == MEETS)
		return MEETS;
	if (is_named && target->kind == WHO_TREE && is_below(path, target->name))
		return meets_below(reading, event, item, path);
	return is_named ? meeting : MEETS_NOT;
}

static bool meets_item(const struct reading *reading, const struct who_event *event, const struct who_item *item) {
	CLEANUP(free_ptr) char *path = NULL;
	enum meeting best = MEETS_NOT;
	if (!who_item_is_entry(item) && !(item->kind == WHO_ITEM_STAYED && who_event_writes(event)))
		return false;
	if (item->name && (*item->name == '/' || who_event_is_in_own_folder(event)))
		path = absolute(item->name, event->cwd);
	for (size_t i = 0; i < reading->asked->count; i++) {
		if (reading->asked->targets[i].kind > WHO_TREE)
			continue;
		enum meeting meeting = meets_target(reading, event, item, &reading->asked->targets[i], path);
		best = meeting > best ? meeting : best;
	}
	reading->found->is_unsure |= best == MEETS_PERHAPS;
	reading->found->is_another |= best == MEETS_ANOTHER;
	return best == MEETS;
}

/* What came and went says which inodes the places had before. */
static void learn(struct reading *reading, const struct who_event *event) {
	if (!event->has_call || !event->succeeded)
		return;
	for (size_t i = 0; i < event->item_count; i++) {
		const struct who_item *item = &event->items[i];
		struct who_inode folder =
			who_item_is_entry(item) ? who_event_folder_of(event, item) : (struct who_inode){0};
		for (size_t s = 0; s < reading->spot_count && folder.number; s++)
			reading->has_learned |=
				who_place_learn(reading->spots[s].place, folder, who_base_of(item->name), item->inode,
						when_of(event), item->kind == WHO_ITEM_WENT);
	}
}

static bool is_asked(const struct who_asked *asked, enum who_kind kind) {
	for (size_t i = 0; i < asked->count; i++)
		if (asked->targets[i].kind == kind)
			return true;
	return false;
}

/* Anybody is root in a user namespace, and changes the packet filter of a network namespace there: the record is the
 * same, but for who called. */
static bool is_hosts_filter(const struct who_event *event) {
	return event->is_netfilter && event->has_call && event->is_root;
}

static bool tells_unit(const struct who_event *event, const struct who_asked *asked) {
	for (size_t i = 0; i < asked->count && event->command; i++)
		if (asked->targets[i].kind == WHO_UNIT && who_unit_is_told(event->command, asked->targets[i].name))
			return true;
	return false;
}

static bool meets(const struct reading *reading, const struct who_event *event) {
	const struct who_asked *asked = reading->asked;
	bool met = false;
	if (event->at_ms < asked->from_ms || event->at_ms > asked->until_ms)
		return false;
	if (tells_unit(event, asked) || (is_hosts_filter(event) && is_asked(asked, WHO_NETFILTER)) ||
	    (event->is_audit && is_asked(asked, WHO_AUDIT)))
		return true;
	if (!event->has_call || !event->succeeded)
		return false;
	for (size_t i = 0; i < event->item_count && !met; i++)
		met = meets_item(reading, event, &event->items[i]);
	return met;
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

static json_t *entry_of(const struct who_event *event) {
	char at[TIMES_TEXT];
	json_t *entry = json_object();
	const char *process = event->exe ? event->exe : event->comm;
	json_object_set_new(entry, "source", json_string(event->command && !event->has_call ? "program" : "audit"));
	json_object_set_new(entry, "at", json_string(times_format(event->at_ms / 1000, at)));
	json_object_set_new(entry, "process", shown(process ? process : "?"));
	if (event->exe && event->comm && !is_plain_comm(event->comm, event->exe))
		json_object_set_new(entry, "comm", shown(event->comm));
	json_object_set_new(entry, "pid", json_integer((json_int_t)event->pid));
	if (event->has_call || event->command)
		json_object_set_new(entry, "uid", json_integer((json_int_t)event->uid));
	if (event->has_auid)
		json_object_set_new(entry, "auid",
				    event->auid == WHO_UNSET ? json_string("unset")
							     : json_integer((json_int_t)event->auid));
	return entry;
}

static bool is_same_process(const json_t *one, const json_t *other) {
	static const char *const members[] = {"source", "process", "comm", "pid", "uid", "auid"};
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

static bool is_own_word(const json_t *one) {
	const char *source = json_string_value(json_object_get(one, "source"));
	return source && !strcmp(source, "program");
}

/* The oldest of whoever is there most often: nobody gets another off the list by doing much, or by saying it. */
static size_t index_to_drop(const json_t *by) {
	size_t i, j, most = 0, index = 0;
	json_t *one, *other;
	json_array_foreach(by, i, one) {
		size_t count = is_own_word(one) ? WHO_MOST + 1 : 0;
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

static void close_event(struct reading *reading, struct who_event *event) {
	if (event->is_used && reading->is_learning)
		learn(reading, event);
	else if (event->is_used && meets(reading, event))
		add_entry(reading->found, entry_of(event));
	who_event_done(event);
}

/* ---- records ---- */

static struct who_event *event_of(struct reading *reading, const struct who_record *record) {
	for (size_t i = 0; i < EVENTS_MOST; i++) {
		struct who_event *event = &reading->events[i];
		if (event->is_used && event->serial == record->serial && event->at_ms == record->at_ms)
			return event;
	}
	struct who_event *event = &reading->events[reading->next];
	reading->next = (reading->next + 1) % EVENTS_MOST;
	close_event(reading, event);
	*event = (struct who_event){.is_used = true, .at_ms = record->at_ms, .serial = record->serial};
	return event;
}

static void take_record(struct reading *reading, const struct who_record *record) {
	struct who_found *found = reading->found;
	if (!found->oldest_ms || record->at_ms < found->oldest_ms)
		found->oldest_ms = record->at_ms;
	who_event_take(event_of(reading, record), record);
}

static void read_log(struct reading *reading, const char *log, size_t len) {
	struct who_record record;
	for (const char *at = log, *end = log + len, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		if (who_record_read(at, (size_t)(newline - at), &record))
			take_record(reading, &record);
	}
	for (size_t i = 0; i < EVENTS_MOST; i++)
		close_event(reading, &reading->events[(reading->next + i) % EVENTS_MOST]);
}

static void add_spots(struct reading *reading) {
	const char *path;
	json_t *value;
	reading->spots = xcalloc(json_object_size(reading->asked->places) + 1, sizeof *reading->spots);
	json_object_foreach((json_t *)(uintptr_t)reading->asked->places, path, value)
		reading->spots[reading->spot_count++] = (struct spot){path, who_place_new(value)};
}

static void free_spots(struct reading *reading) {
	for (size_t i = 0; i < reading->spot_count; i++)
		who_place_free(reading->spots[i].place);
	free(reading->spots);
}

void who_audit(const char *log, size_t len, const struct who_asked *asked, struct who_found *ret_found) {
	struct reading *reading = xcalloc(1, sizeof *reading);
	*ret_found = (struct who_found){.by = json_array(), .wanted = json_array()};
	reading->asked = asked;
	reading->found = ret_found;
	reading->is_learning = true;
	add_spots(reading);
	do {
		reading->has_learned = false;
		read_log(reading, log, len);
	} while (reading->has_learned && ++reading->rounds < LEARNING_MOST && reading->spot_count > 0);
	reading->is_learning = false;
	read_log(reading, log, len);
	free_spots(reading);
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
