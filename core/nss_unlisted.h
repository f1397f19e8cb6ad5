/* Which services of nsswitch.conf may hold users, groups or rules of sudo that are in no local file: nobody can list
 * them from here, so "nobody else" is never said where one answers. */
#pragma once

#include "core/check.h"

/* Adds nsswitch.conf and the folders of systemd's userdb. */
void nss_unlisted_ask(struct names *names);
/* The patterns of what it adds, for a check's own: core/nsswitch.h's and these. */
#define NSS_USERDB_SOURCES "dir:/etc/userdb", "dir:/run/host/userdb", "dir:/run/userdb", "dir:/usr/lib/userdb"
/* *ret_service: the first such service of the database ("passwd", "group", "sudoers"), "" when there is none; the
 * caller frees. *ret_where, where it is wanted (else NULL): the source that shows it. A service in the parameter
 * trusted_services of with counts as local. has_nis: passwd has lines of NIS.
 */
MUST_CHECK bool nss_unlisted(const struct sources *fetched, const json_t *with, const char *database, bool has_nis,
			     char **ret_service, const char **ret_where, struct err *err);
