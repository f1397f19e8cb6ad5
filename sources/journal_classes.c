#include "sources/journal_classes.h"

#include <string.h>
#include <systemd/sd-messages.h>

#include "core/text.h"
#include "sources/journal_events.h"
#include "sources/journal_open.h"

#define ID "MESSAGE_ID="
#define BY "SYSLOG_IDENTIFIER="
#define LOGINS BY "sshd", BY "sshd-session", BY "login", BY "gdm-password", BY "lightdm", BY "sddm", BY "systemd-logind"
#define MATCHES_MOST 16
#define TEXTS_MOST 6
#define MESSAGE_LONGEST 4096 /* of a message, what is searched */

/* matches: as sd_journal_add_match() has them: of one field any, of several fields each. texts: where there are any,
 * one of them is in the message. */
static const struct class {
	const char *name;
	const char *matches[MATCHES_MOST], *texts[TEXTS_MOST];
	const char *sum; /* a field whose numbers are added up */
	bool is_mark;
} classes[] = {
	{"suppressed", .matches = {ID SD_MESSAGE_JOURNAL_DROPPED_STR}, .sum = "N_DROPPED"},
	{"kernel_missed", .matches = {ID SD_MESSAGE_JOURNAL_MISSED_STR}},
	{"syslog_lost", .matches = {BY "rsyslogd"},
	 .texts = {"lost due to rate-limiting", "messages lost", "message lost"}},
	{"journal_start", .matches = {ID SD_MESSAGE_JOURNAL_START_STR}, .is_mark = true},
	{"journal_stop", .matches = {ID SD_MESSAGE_JOURNAL_STOP_STR}, .is_mark = true},
	{"shutdown", .matches = {ID SD_MESSAGE_SHUTDOWN_STR}, .is_mark = true},
	{"shutdown_target", .matches = {"UNIT=shutdown.target"}, .is_mark = true},
	{"sleep", .matches = {ID SD_MESSAGE_SLEEP_START_STR}, .is_mark = true},
	{"wake", .matches = {ID SD_MESSAGE_SLEEP_STOP_STR}, .is_mark = true},
	{"auditd_stop", .matches = {"UNIT=auditd.service", ID SD_MESSAGE_UNIT_STOPPED_STR}, .is_mark = true},
	{"auditd_start", .matches = {"UNIT=auditd.service", ID SD_MESSAGE_UNIT_STARTED_STR}, .is_mark = true},
	{"syslog_stop", .matches = {"UNIT=rsyslog.service", "UNIT=syslog-ng.service", ID SD_MESSAGE_UNIT_STOPPED_STR},
	 .is_mark = true},
	{"syslog_start", .matches = {"UNIT=rsyslog.service", "UNIT=syslog-ng.service", ID SD_MESSAGE_UNIT_STARTED_STR},
	 .is_mark = true},
	{"time_change", .matches = {ID SD_MESSAGE_TIME_CHANGE_STR, ID "45f82f4aef7a4bbf942ce861d1f20990"}},
	{"session_start", .matches = {ID SD_MESSAGE_SESSION_START_STR}},
	{"session_stop", .matches = {ID SD_MESSAGE_SESSION_STOP_STR}},
	{"login", .matches = {LOGINS}, .texts = {"Accepted ", "session opened for user", "LOGIN ON", "ROOT LOGIN"}},
	{"login_failed", .matches = {LOGINS, BY "su", BY "sudo"},
	 .texts = {"authentication failure", "Failed ", "FAILED LOGIN", "Invalid user", "incorrect password"}},
	{"logout", .matches = {LOGINS}, .texts = {"session closed for user", "Disconnected from user", "logged out"}},
	{"privilege", .matches = {BY "sudo", BY "su", BY "su-l", BY "pkexec", BY "doas", BY "run0"}},
	{"account", .matches = {BY "useradd", BY "userdel", BY "usermod", BY "groupadd", BY "groupdel", BY "groupmod",
				BY "passwd", BY "chpasswd", BY "gpasswd", BY "chage", BY "chfn", BY "chsh",
				BY "newusers", BY "systemd-sysusers"}},
	{"unit_start", .matches = {ID SD_MESSAGE_UNIT_STARTED_STR}},
	{"unit_stop", .matches = {ID SD_MESSAGE_UNIT_STOPPED_STR, ID SD_MESSAGE_UNIT_SUCCESS_STR}},
	{"audit_config", .matches = {"_AUDIT_TYPE=1305"}},
};

/* What one class comes to. */
struct count {
	uint64_t entries, sum, first, last, looked;
	bool more;
};

/* The text of a field of the entry we are at, cut at a length; NULL when it has none. */
static char *field_of(sd_journal *journal, const char *field) {
	const void *data;
	size_t len, skip = strlen(field) + 1;
	if (sd_journal_get_data(journal, field, &data, &len) < 0 || len < skip)
		return NULL;
	len -= skip;
	return xstrndup((const char *)data + skip, len < MESSAGE_LONGEST ? len : MESSAGE_LONGEST);
}

static bool has_text(sd_journal *journal, const struct class *class) {
	if (!class->texts[0])
		return true;
	CLEANUP(free_ptr) char *message = field_of(journal, "MESSAGE");
	for (size_t i = 0; message && i < TEXTS_MOST && class->texts[i]; i++)
		if (strstr(message, class->texts[i]))
			return true;
	return false;
}

static void add_sum(sd_journal *journal, const char *field, struct count *count) {
	CLEANUP(free_ptr) char *text = field_of(journal, field);
	unsigned long long number;
	if (text && text_to_u64(text, UINT32_MAX, &number))
		count->sum += number;
}

static void add_mark(sd_journal *journal, const char *name, uint64_t at, json_t *marks) {
	sd_id128_t boot;
	uint64_t unused;
	char id[SD_ID128_STRING_MAX] = "";
	if (sd_journal_get_monotonic_usec(journal, &unused, &boot) >= 0)
		sd_id128_to_string(boot, id);
	json_array_append_new(marks, json_pack("{s:s,s:I,s:s}", "what", name, "at", (json_int_t)at, "boot", id));
}

static void count_entry(sd_journal *journal, const struct class *class, uint64_t at, struct count *count, json_t *marks,
			bool *more_marks) {
	if (!has_text(journal, class))
		return;
	count->entries++;
	count->first = at;
	count->last = count->entries == 1 ? at : count->last;
	if (class->sum)
		add_sum(journal, class->sum, count);
	if (class->is_mark && count->entries <= JOURNAL_MARKS_MOST)
		add_mark(journal, class->name, at, marks);
	*more_marks |= class->is_mark && count->entries > JOURNAL_MARKS_MOST;
}

static int match(sd_journal *journal, const struct class *class) {
	int error = 0;
	sd_journal_flush_matches(journal);
	for (size_t i = 0; error >= 0 && i < MATCHES_MOST && class->matches[i]; i++)
		error = sd_journal_add_match(journal, class->matches[i], 0);
	return error >= 0 ? sd_journal_seek_tail(journal) : error;
}

static uint64_t most_of(const struct class *class) {
	if (class->is_mark || class->sum)
		return JOURNAL_CLASS_MOST;
	return class->texts[0] ? JOURNAL_TEXTS_MOST : JOURNAL_ANY_MOST;
}

/* From the newest on, so that a cap cuts the oldest. */
static bool count_class(const struct ask *ask, sd_journal *journal, const struct class *class, uint64_t since,
			struct count *count, json_t *marks, bool *more_marks, struct err *err) {
	uint64_t at = 0;
	int more = match(journal, class);
	while (more >= 0 && (more = sd_journal_previous(journal)) > 0) {
		if (!ask_in_time(ask, err))
			return false;
		if ((more = sd_journal_get_realtime_usec(journal, &at)) < 0 || at < since)
			break;
		if (count->looked++ == most_of(class)) {
			count->more = true;
			break;
		}
		count_entry(journal, class, at, count, marks, more_marks);
	}
	return more >= 0 || journal_fault(ask, more, class->name, err);
}

static json_t *count_json(const struct class *class, const struct count *count) {
	json_t *value = json_pack("{s:I,s:b,s:I,s:I}", "count", (json_int_t)count->entries, "more", count->more,
				  "first", (json_int_t)count->first, "last", (json_int_t)count->last);
	if (class->sum)
		json_object_set_new(value, "sum", json_integer((json_int_t)count->sum));
	return value;
}

bool journal_classes_read(const struct ask *ask, sd_journal *journal, uint64_t since, json_t *into, json_t *marks,
			  bool *more_marks, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		struct count count = {0};
		if (!count_class(ask, journal, &classes[i], since, &count, marks, more_marks, err))
			return false;
		json_object_set_new(into, classes[i].name, count_json(&classes[i], &count));
	}
	sd_journal_flush_matches(journal);
	return true;
}
