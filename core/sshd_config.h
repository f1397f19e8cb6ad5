/* Which files sshd's configuration is made of, which Match blocks are in it, and what stands in them (sshd_config(5)).
 * What the settings come to sshd itself says best; core/sshd_effective.h has what is known without it. */
#pragma once

#include "core/check.h"

#define SSHD_CONFIG "/etc/ssh/sshd_config"
#define SSHD_INCLUDES_DEEPEST 16 /* as in sshd */
#define SSHD_BLOCKS_MOST 64

struct sshd_config {
	struct names *files;   /* "file:" names of all that are there, the main one first */
	struct names *folders; /* "stat:" names of the folders that Include takes files from */
	json_t *blocks; /* [{"where": "path:line", "criteria": [[keyword in lower case, value], ...]}...] in order; of a
			   block in a file that another block includes the criteria are those of both */
	json_t *settings; /* [{"keyword": in lower case, "value": words with one blank between them, "block": index in
			     blocks, -1 outside of all}...] in order */
};

/* Adds what is needed next: file: and for Include with wildcards dir: and stat:. */
void sshd_config_ask(const struct sources *fetched, struct names *names);
/* The patterns of what it adds where Include stays where it usually does. */
void sshd_config_paths(struct names *patterns);
/* Absent files are not there; wildcards in folders of Include are unproved; more blocks or deeper nesting than the caps
 * are malformed. The caller sshd_config_done()s. */
MUST_CHECK bool sshd_config_read(const struct sources *fetched, struct sshd_config *ret_config, struct err *err);
void sshd_config_done(struct sshd_config *config);
