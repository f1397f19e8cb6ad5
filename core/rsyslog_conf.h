/* What rsyslogd is told to do with messages (rsyslog.conf(5)): its actions in order, in old and new form, with what
 * stands before each of them. Templates, properties and what an expression means are not looked at. */
#pragma once

#include "core/check.h"

#define RSYSLOG_CONF "/etc/rsyslog.conf"
#define RSYSLOG_INCLUDES_DEEPEST 10
#define RSYSLOG_BLOCKS_DEEPEST 32
#define RSYSLOG_ACTIONS_MOST 1000

struct rsyslog_conf {
	/* {"file", "line", "selector", "params": {name in lower case: "value" or [...]}, "discarded": [selector...]},
	 * in order. selector: "*.*" for all messages, else the filters on the way as written, " & " between them, and
	 * "ruleset NAME" where no way from the default one leads there. discarded: what is thrown away before. Of the
	 * old form only forwarding is here, as if it were written action(type="omfwd" ...) or omrelp. */
	json_t *actions;
	json_t *settings;    /* of global() and the directives of the old form, names in lower case */
	struct names *files; /* "file:" names of all that were read, the main one first; none: not there */
	bool takes_local;    /* imuxsock with the system's socket is loaded: what journald passes on, where it runs */
	bool takes_journal;  /* imjournal is loaded */
};

/* With names the sources that are still missing are added, and what comes back is of no use. Include files that are
 * not there are passed over. A value that rsyslogd takes from elsewhere begins with a backtick. The caller
 * rsyslog_conf_done()s. */
MUST_CHECK bool rsyslog_conf_read(const struct sources *fetched, struct names *names, struct rsyslog_conf *ret_conf,
				  struct err *err);
void rsyslog_conf_done(struct rsyslog_conf *conf);
/* The patterns of what it adds where includes stay where they usually do. */
void rsyslog_conf_paths(struct names *patterns);
/* What they may lead to; anything else comes back denied. */
#define RSYSLOG_CONF_PATTERNS "file:/etc/*", "dir:/etc/*"
