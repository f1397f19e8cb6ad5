/* Where a host's logs are sent: the actions of rsyslog and systemd-journal-upload, one object each, in order:
 *   {"shipper": "rsyslog"|"systemd-journal-upload", "unit", "file", "line"?, "selector", "discarded": [],
 *    "takes_local", "target", "port"?, "protocol": "udp"|"tcp"|"relp"|"http"|"https", "local", "tls", "driver"?,
 * "auth"?, "peers"?: [], "verified", "ca_file"?, "queue"?, "queue_disk", "retry"?} */
#pragma once

#include "core/check.h"

struct forwarding {
	json_t *actions;
	struct names *files; /* "file:" names of what was read, of both */
	char *unread;        /* a way out that is not read here ("omkafka"); NULL: none */
	char *spool;         /* rsyslog's working folder */
};

/* As rsyslog_conf_read(); *ret_forwarding is done by the caller. Absence below /etc is believed only where there is
 * one. */
MUST_CHECK bool forwarding_read(const struct sources *fetched, struct names *names, struct forwarding *ret_forwarding,
				struct err *err);
void forwarding_done(struct forwarding *forwarding);
void forwarding_paths(struct names *patterns);
/* "localhost", 127.0.0.0/8, ::1 */
bool is_local_host(const char *host);
