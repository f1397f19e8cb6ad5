/* canary:log: a message of ours through each of the two ways into the log, looked for in the journal afterwards.
 * An active probe: it writes into the host's log, so the approvals file has to name it. Canonical JSON:
 * {"paths": [{"path":"syslog" (/dev/log) or "journal" (the journal's own socket), "sent":bool; where it was not, "why":
 *   the errno's name; "found":bool; where it was: "latency_us": from sending to the entry's time, "host": it carries
 * this machine's id and name, "severity": that with which it was sent}...], "waited_us": until both were there, or it
 * was given up} The message says "vouch canary" and a number that nobody can guess. Errors as in journal:boots;
 * unapproved. */
#pragma once

#include "core/check.h"
#include "sources/journal_files.h"

#define CANARY_WAIT_MS 10000 /* then it is not there */

struct canary_path {
	bool is_sent, is_found, is_host, is_severity;
	int error;          /* errno of what was not sent */
	uint64_t sent_at;   /* CLOCK_REALTIME, microseconds */
	int64_t latency_us; /* may be negative: the clock was set, or lies */
};

struct canary {
	char nonce[33];
	struct canary_path syslog, journal;
};

/* Draws a nonce and sends; dev_log, journal_socket: where to. */
void canary_send(struct canary *canary, const char *dev_log, const char *journal_socket);
/* Looks for what was sent and has not been found yet. machine: 32 hexadecimal digits. */
MUST_CHECK bool canary_find(const struct ask *ask, struct journal_files *files, const char *machine,
			    struct canary *canary, struct err *err);
