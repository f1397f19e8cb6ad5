/* What the administrator says of one repository: /etc/vouch/plugins/NAME.yaml, where NAME is the one under which the
 * plugin is called, so that a link of another name is a second repository. Files that are named without a folder are
 * credentials of the unit ($CREDENTIALS_DIRECTORY); so is NAME.yaml itself where there is one.
 *
 *   repository: /srv/backup          # as the program takes it; required
 *   password_file: restic.password   # required, but for repositories of borg without encryption
 *   environment_file: s3.env         # NAME=VALUE lines, for the program alone
 *   program: /usr/bin/restic
 *   host: web1                       # whose copies count; by default this host's
 *   tags: [daily]                    # restic: copies count that have all of them
 *   archives: "{hostname}-*"         # borg: archives count that match (borg help placeholders)
 *   read_only: true                  # borg: takes no lock, for a user who cannot write there
 *   paths: [/etc]                    # where no arguments name any
 *   canary: {path: /srv/canary, sha256: ...}
 *   sample: 2                        # files that are restored below each path
 *   largest: 16777216                # bytes; larger files are not among them
 *   timeout: 25s                     # for all that one call does; less than the plugin is given (30 s) */
#pragma once

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/json.h"

#define BACKUP_CONFIG_LARGEST (64U << 10)
#define BACKUP_CONFIG_SAMPLE_MOST 16
#define BACKUP_CONFIG_TIMEOUT_MOST 3600

struct backup_config {
	char *repository, *password_file, *environment_file, *program, *host, *archives;
	json_t *tags, *paths; /* lists of strings */
	char *canary;         /* NULL: none */
	struct hash canary_sha256;
	bool is_read_only;
	unsigned sample;
	int64_t largest, timeout; /* bytes; seconds */
};
void backup_config_done(struct backup_config *config);

/* program: what is run where the file names none. Errors are ERR_SYNTAX with their place. */
MUST_CHECK bool backup_config_read(const char *data, size_t len, const char *where, const char *program,
				   struct backup_config *ret_config, struct err *err);
/* The file of this name, which nobody but root and this user may be able to write; nor the program that it names.
 * ERR_ABSENT: there is none. */
MUST_CHECK bool backup_config_load(const char *name, const char *program, struct backup_config *ret_config,
				   struct err *err);
/* The whole file, at most max bytes, with the same demand: what is in it decides what runs. ERR_DENIED: others may
 * write it. */
MUST_CHECK bool backup_config_kept(const char *path, size_t max, struct buf *ret_bytes, struct err *err);
/* The path of a file that the configuration names; the caller frees. NULL where it is a credential and there are none.
 */
char *backup_config_path(const char *name);
/* Whether a path is absolute and written the one way: no "//", no "." or "..", nothing behind the last name. */
bool backup_config_is_path(const char *path);
