/* plugin:NAME?ARGUMENT&ARGUMENT (core/plugin_call.h): what a plugin prints when it is run with these arguments.
 * Canonical JSON: {"exit": 0 to 3, "output": at most PLUGIN_OUTPUT_LARGEST of text, control characters but newlines
 * replaced; a byte that is not UTF-8 as \xHH}
 *
 * Absent: there is no such plugin; denied: its file is not root's alone (sources/plugin_file.h); timeout; unreadable:
 * it was ended by a signal, prints too much, or exits with more than 3; unapproved: root has not enabled it here (with
 * helpers alone: its socket is not there). */
#pragma once

#include "sources/kind.h"
#include "sources/plugin_run.h"

#define PLUGIN_TIMEOUT "VOUCH_PLUGIN_TIMEOUT" /* in the environment of who runs it: seconds */
#define PLUGIN_TIMEOUT_S 30                   /* unless its unit says otherwise */
#define PLUGIN_TIMEOUT_MOST_S 300
#define PLUGIN_DEADLINE_MS 340000 /* of which a hand leaves nine tenths to the look */

struct plugin_way {
	const char *const *folders; /* plugin_folders */
	uid_t owner;                /* as in plugin_file_find() */
	unsigned timeout_s;
	bool is_loose; /* as in struct plugin_run */
};

/* What PLUGIN_TIMEOUT says, PLUGIN_TIMEOUT_S where it is not set. ERR_USAGE: not from 1 to PLUGIN_TIMEOUT_MOST_S. */
MUST_CHECK bool plugin_timeout(unsigned *ret_timeout_s, struct err *err);
/* Finds it, runs it. *ret_error gets what it said on its standard error, also where it failed. */
MUST_CHECK bool plugin_look(const struct ask *ask, const struct plugin_way *way, struct answer *ret_answer,
			    struct buf *ret_error, struct err *err);
