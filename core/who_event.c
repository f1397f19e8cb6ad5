#include "core/who_event.h"

#include <string.h>

#define AT_FOLDER_OF_PROCESS 0xffffff9cU /* AT_FDCWD */

void who_event_done(struct who_event *event) {
	for (size_t i = 0; i < event->item_count; i++)
		free(event->items[i].name);
	free(event->comm);
	free(event->exe);
	free(event->cwd);
	free(event->command);
	*event = (struct who_event){0};
}

bool who_item_is_entry(const struct who_item *item) {
	return item->kind == WHO_ITEM_CAME || item->kind == WHO_ITEM_WENT;
}

bool who_event_is_in_own_folder(const struct who_event *event) {
	for (size_t i = 0; i < ARRAY_LEN(event->arguments); i++)
		if (event->call.folders & (1U << i) && (uint32_t)event->arguments[i] != AT_FOLDER_OF_PROCESS)
			return false;
	return event->call.kind != WHO_CALL_OTHER;
}

bool who_event_writes(const struct who_event *event) {
	uint64_t flags = event->call.flags >= 0 ? event->arguments[event->call.flags] : event->flags;
	if (event->call.kind == WHO_CALL_OPENS)
		return (event->call.flags >= 0 || event->has_flags) && who_flags_write(flags);
	return event->call.kind == WHO_CALL_WRITES;
}

const char *who_base_of(const char *name) {
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

/* Whether an item that is a folder is the one that the name of another lies in. What is named relative to any folder
 * has that of the process. */
static bool is_folder_of(const struct who_event *event, const struct who_item *folder, const char *name) {
	const char *own = strchr(name, '/') ? name : event->cwd, *base = who_base_of(name);
	size_t len = own == name ? (size_t)(base - name) : own ? strlen(own) : 0;
	size_t folder_len = folder->name ? strlen(folder->name) : 0;
	while (len > 1 && own[len - 1] == '/')
		len--;
	while (folder_len > 1 && folder->name[folder_len - 1] == '/')
		folder_len--;
	return len > 0 && len == folder_len && !memcmp(own, folder->name, len);
}

struct who_inode who_event_folder_of(const struct who_event *event, const struct who_item *item) {
	struct who_inode found = {0};
	bool is_named = false, has_found = false;
	for (size_t i = 0; i < event->item_count; i++)
		is_named |=
			event->items[i].kind == WHO_ITEM_FOLDER && is_folder_of(event, &event->items[i], item->name);
	for (size_t i = 0; i < event->item_count; i++) {
		const struct who_item *folder = &event->items[i];
		if (folder->kind != WHO_ITEM_FOLDER || (is_named && !is_folder_of(event, folder, item->name)))
			continue;
		if (has_found && (found.number != folder->inode.number || found.dev != folder->inode.dev))
			return (struct who_inode){0};
		found = folder->inode;
		has_found = true;
	}
	return found;
}

static void take_people(struct who_event *event, const struct who_record *record) {
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

static void take_call(struct who_event *event, const struct who_record *record) {
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

static enum who_item_kind kind_of(const struct who_record *record) {
	static const struct {
		const char *name;
		enum who_item_kind kind;
	} kinds[] = {{"PARENT", WHO_ITEM_FOLDER},
		     {"CREATE", WHO_ITEM_CAME},
		     {"DELETE", WHO_ITEM_WENT},
		     {"NORMAL", WHO_ITEM_STAYED}};
	const char *at;
	size_t len;
	bool is_quoted;
	if (!who_record_field(record, "nametype", &at, &len, &is_quoted) || is_quoted)
		return WHO_ITEM_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (len == strlen(kinds[i].name) && !memcmp(at, kinds[i].name, len))
			return kinds[i].kind;
	return WHO_ITEM_OTHER;
}

static struct who_inode inode_of(const struct who_record *record) {
	struct who_inode inode = {0};
	const char *at;
	size_t len;
	bool is_quoted;
	if (!who_record_field(record, "dev", &at, &len, &is_quoted) || is_quoted ||
	    !who_dev_read(at, len, &inode.dev) || !who_record_number(record, "inode", 10, &inode.number))
		return (struct who_inode){0};
	return inode;
}

static void take_path(struct who_event *event, const struct who_record *record) {
	struct who_item item = {.kind = kind_of(record), .inode = inode_of(record)};
	if (event->item_count == WHO_ITEMS_MOST)
		return;
	item.name = who_record_name(record, "name");
	if (who_item_is_entry(&item) && !item.name)
		item.kind = WHO_ITEM_OTHER;
	event->items[event->item_count++] = item;
}

static void take_flags(struct who_event *event, const struct who_record *record) {
	event->has_flags |= who_record_number(record, "oflag", 8, &event->flags);
}

static void take_audit(struct who_event *event, const struct who_record *record) {
	event->is_audit = true;
	if (!event->has_call)
		take_people(event, record);
}

/* What sudo refused is recorded too. */
static bool was_run(const struct who_record *inner) {
	const char *at;
	size_t len;
	bool is_quoted;
	return who_record_field(inner, "res", &at, &len, &is_quoted) && !is_quoted &&
	       ((len == 7 && !memcmp(at, "success", 7)) || (len == 1 && *at == '1'));
}

static void take_command(struct who_event *event, const struct who_record *record) {
	struct who_record inner;
	if (event->command || !who_record_inner(record, &inner) || !was_run(&inner))
		return;
	event->command = who_record_name(&inner, "cmd");
	if (!event->command)
		return;
	take_people(event, record);
	take_name(&event->exe, &inner, "exe");
}

void who_event_take(struct who_event *event, const struct who_record *record) {
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
		take_command(event, record);
}
