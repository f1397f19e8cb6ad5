/* collector.yaml: one table says each key's name, type, default and meaning, for reading and for writing. */
#pragma once

#include "core/err.h"

struct config {
	char *origin;                     /* name of the log */
	char *agents, *readers, *metrics; /* ADDRESS:PORT of the listeners */
	char *data;                       /* folder that holds policies/ */
	bool public_log;
	char *agent_ca;                                                 /* file; "" for none */
	int64_t certificate_lifetime, token_lifetime, session_lifetime; /* seconds */
	int64_t request_deadline;                                       /* seconds */
	int64_t connections;                                            /* a listener */
	char *log_policy, *witness_ca;                                  /* files; "" for none */
	int64_t witness_every;                                          /* seconds */
	char *timestamp_url, *timestamp_ca;                             /* "" for none */
	int64_t timestamp_every, timestamp_renew_before;                /* seconds */
	bool timestamp_rounds;
};

/* The file that a key names: relative to the collector's folder unless it is absolute. The caller frees; NULL: the key
 * is empty. */
char *config_path(const char *folder, const char *path);
/* A key that does not exist, a value of the wrong type or out of range: ERR_SYNTAX at path:line:column. */
MUST_CHECK bool config_read(const char *path, struct config **ret_config, struct err *err);
/* Writes the file with every key, its default and a sentence; the origin as given. Never over an existing file. */
MUST_CHECK bool config_create(const char *path, const char *origin, struct err *err);
void config_free(struct config *config);
DEFINE_CLEANUP(struct config, config_free)
