#include "sources/journal_unit.h"

#include <string.h>
#include <systemd/sd-messages.h>

#include "core/times.h"
#include "sources/journal_open.h"

#define NAME_LONGEST 255
#define SECOND 1000000ULL

static const struct {
	const char *id, *what;
} messages[] = {{"MESSAGE_ID=" SD_MESSAGE_UNIT_STARTED_STR, "started"},
		{"MESSAGE_ID=" SD_MESSAGE_UNIT_STOPPED_STR, "stopped"},
		{"MESSAGE_ID=" SD_MESSAGE_UNIT_RELOADED_STR, "reloaded"},
		{"MESSAGE_ID=" SD_MESSAGE_UNIT_FAILED_STR, "failed"}};

bool journal_unit_window(const struct ask *ask, struct journal_files *files, struct err *err) {
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
	size_t len = strlen(ask->rest);
	if (len == 0 || len > NAME_LONGEST || strspn(ask->rest, plain) != len)
		return err_set(err, ERR_UNREADABLE, ask->name, "not the name of a unit");
	files->since = (uint64_t)(times_now() - JOURNAL_UNIT_SINCE) * SECOND;
	return true;
}

static int match(sd_journal *journal, const char *unit) {
	CLEANUP(free_ptr) char *of_unit = xasprintf("UNIT=%s", unit);
	int error = sd_journal_add_match(journal, "_PID=1", 0);
	if (error >= 0)
		error = sd_journal_add_match(journal, "_UID=0", 0);
	if (error >= 0)
		error = sd_journal_add_match(journal, of_unit, 0);
	for (size_t i = 0; error >= 0 && i < ARRAY_LEN(messages); i++)
		error = sd_journal_add_match(journal, messages[i].id, 0);
	return error >= 0 ? sd_journal_seek_tail(journal) : error;
}

static const char *what_of(sd_journal *journal) {
	const void *data;
	size_t len;
	if (sd_journal_get_data(journal, "MESSAGE_ID", &data, &len) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		if (strlen(messages[i].id) == len && !memcmp(messages[i].id, data, len))
			return messages[i].what;
	return NULL;
}

static bool find(const struct ask *ask, sd_journal *journal, const char *machine, uint64_t since, json_t *changes,
		 struct err *err) {
	uint64_t at = 0;
	int more = match(journal, ask->rest);
	while (more >= 0 && json_array_size(changes) < JOURNAL_UNIT_MOST && (more = sd_journal_previous(journal)) > 0) {
		if (!ask_in_time(ask, err))
			return false;
		if ((more = sd_journal_get_realtime_usec(journal, &at)) < 0 || at < since)
			break;
		const char *what = what_of(journal);
		if (what && journal_is_of(journal, machine))
			json_array_append_new(changes, json_pack("{s:I,s:s}", "at", (json_int_t)at, "what", what));
	}
	return more >= 0 || journal_fault(ask, more, "read entry", err);
}

static bool is_covered(sd_journal *journal, uint64_t since) {
	uint64_t at;
	sd_journal_flush_matches(journal);
	return sd_journal_seek_head(journal) >= 0 && sd_journal_next(journal) > 0 &&
	       sd_journal_get_realtime_usec(journal, &at) >= 0 && at <= since;
}

bool journal_unit_read(const struct ask *ask, struct journal_files *files, const char *machine, json_t **ret_value,
		       struct err *err) {
	CLEANUP(journal_close_files) sd_journal *journal = NULL;
	CLEANUP(json_decref_p) json_t *changes = json_array();
	if (!journal_open_files(ask, files, &journal, err) || !find(ask, journal, machine, files->since, changes, err))
		return false;
	*ret_value = json_pack("{s:O,s:b}", "changes", changes, "covered",
			       files->passed > 0 || is_covered(journal, files->since));
	return true;
}
