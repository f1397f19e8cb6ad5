/* An event of an audit log: what its records say together (core/who_record.h). */
#pragma once

#include "core/who_calls.h"
#include "core/who_place.h"
#include "core/who_record.h"

#define WHO_ITEMS_MOST 16 /* of an event */

enum who_item_kind { WHO_ITEM_OTHER, WHO_ITEM_FOLDER, WHO_ITEM_CAME, WHO_ITEM_WENT, WHO_ITEM_STAYED };

struct who_item {
	enum who_item_kind kind;
	char *name; /* owned; as it stands; NULL: none */
	struct who_inode inode;
};

/* What the records of one event say. */
struct who_event {
	int64_t at_ms;
	uint64_t serial;
	bool is_used, has_call, succeeded, is_root, has_auid, has_flags;
	struct who_call call;
	uint64_t arguments[4], flags, pid, uid, auid;
	char *comm, *exe, *cwd; /* owned */
	char *command;          /* that somebody ran through sudo; owned; NULL: none */
	struct who_item items[WHO_ITEMS_MOST];
	size_t item_count;
	bool is_netfilter, is_audit;
};

void who_event_done(struct who_event *event);
/* What a record of the event says. */
void who_event_take(struct who_event *event, const struct who_record *record);

bool who_item_is_entry(const struct who_item *item); /* it came or went */
/* Whether names that are not absolute are relative to the folder that the process was in. */
bool who_event_is_in_own_folder(const struct who_event *event);
/* Whether the call changes what a file that stayed holds or is. */
bool who_event_writes(const struct who_event *event);
/* The inode of the folder in which an entry came or went; number 0: it is not told, or may be one of several. */
struct who_inode who_event_folder_of(const struct who_event *event, const struct who_item *item);
/* Behind its last slash. */
const char *who_base_of(const char *name);
