/* What the kernel's audit has been told to do, and who takes its records. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define STATUS "audit:status"
#define INIT "file:/proc/1/comm" /* where that cannot be seen, a process that is not there proves nothing */

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"pid", VALUE_INT, NULL, "Its number as the kernel knows it, 0 for none.", PRIVACY_PUBLIC, true},
	{"kernel", VALUE_BOOL, NULL, "Whether the kernel audits at all: built with it, and not started with audit=0.",
	 PRIVACY_PUBLIC, false},
	{"enabled", VALUE_INT, NULL, "0 off, 1 on, 2 on and locked until the next boot; 0 without the kernel's audit.",
	 PRIVACY_PUBLIC, false},
	{"daemon", VALUE_STRING, NULL,
	 "The name of the process that takes the records; not there where there is none, or it has ended.",
	 PRIVACY_PUBLIC, false},
	{"alive", VALUE_BOOL, NULL, "Whether that process is there.", PRIVACY_PUBLIC, false},
	{"failure", VALUE_INT, NULL, "What the kernel does when it fails: 0 nothing, 1 a message, 2 it stops.",
	 PRIVACY_PUBLIC, false},
	{"rate_limit", VALUE_INT, NULL, "The most messages a second, 0 for no limit.", PRIVACY_PUBLIC, false},
	{"backlog_limit", VALUE_INT, NULL, "How many records may wait for the daemon, 0 for no limit.", PRIVACY_PUBLIC,
	 false},
	{"backlog_wait_time", VALUE_INT, NULL, "How long a process waits when that many do.", PRIVACY_PUBLIC, false},
	{"backlog", VALUE_INT, NULL, "How many wait now.", PRIVACY_PUBLIC, true},
	{"lost", VALUE_INT, NULL, "How many were lost since the boot, or since the count was set back.", PRIVACY_PUBLIC,
	 true},
	{0},
};

static const char *const patterns[] = {STATUS, "file:/proc/[0-9]*/comm", NULL};

static int64_t pid_of(const struct sources *fetched) {
	struct err ignored;
	json_t *status;
	int64_t pid;
	return source_maybe_json(fetched, STATUS, &status, &ignored) && status &&
			       json_get_int(status, "pid", STATUS, &pid, &ignored) && pid > 0
		       ? pid
		       : 0;
}

static char *comm_name(int64_t pid) { return xasprintf("file:/proc/%lld/comm", (long long)pid); }

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	int64_t pid = pid_of(fetched);
	names_add(names, STATUS);
	if (pid == 0)
		return;
	CLEANUP(free_ptr) char *comm = comm_name(pid);
	names_add(names, INIT);
	names_add(names, comm);
}

static bool add_daemon(json_t *row, const struct sources *fetched, struct err *err) {
	int64_t pid = pid_of(fetched);
	CLEANUP(free_ptr) char *comm = comm_name(pid);
	const struct source *source = NULL, *init;
	if (pid > 0 && (!source_need(fetched, INIT, &init, err) || !source_maybe(fetched, comm, &source, err)))
		return false;
	row_bool(row, "alive", source != NULL);
	if (!source)
		return true;
	CLEANUP(free_ptr) char *name = xstrndup(buf_str(&source->bytes), strcspn(buf_str(&source->bytes), "\n"));
	text_replace_controls(name);
	row_text(row, "daemon", name);
	return true;
}

static bool add_status(json_t *row, const json_t *status, struct err *err) {
	static const char *const members[] = {"enabled",       "pid",     "failure", "rate_limit",
					      "backlog_limit", "backlog", "lost"};
	int64_t wait;
	struct err ignored;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		int64_t value;
		if (!json_get_int(status, members[i], STATUS, &value, err))
			return false;
		row_int(row, members[i], value);
	}
	if (json_get_int(status, "backlog_wait_time", STATUS, &wait, &ignored))
		row_int(row, "backlog_wait_time", wait);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	json_t *status;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *row = row_add(rows);
	if (!source_maybe_json(fetched, STATUS, &status, err))
		return false;
	row_bool(row, "kernel", status != NULL);
	row_int(row, "enabled", 0);
	row_bool(row, "alive", false);
	if (status && (!add_status(row, status, err) || !add_daemon(row, fetched, err)))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_audit_status = {
	.name = "audit_status",
	.about = "What the kernel's audit has been told to do, and who takes its records.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
