/* dpkg:verify - the files of packages held against the MD5 digests that dpkg keeps, as `dpkg --verify` does it, without
 * running it: programs and libraries (below bin, sbin, lib, libexec, games and opt). dpkg:verify?all - all files but
 * those below /etc. Links and folders that packages list have to be there.
 *
 * {"packages","files","bytes": that were held against it,"database_sha256": of all that dpkg keeps for it,
 *  "differing":[{"path","package","how":"changed"|"absent"|"denied"|"no file"|"no digest"}...] the first
 *  DPKG_VERIFY_MOST, sorted,
 *  "differing_count","absent_doc": missing below /usr/share/doc, man, info, locale and the like, which images leave
 * out, "unlisted":[packages without digests, the first DPKG_VERIFY_MOST],"unlisted_count"}
 *
 * Whoever may change the files may change the digests: MD5 and its place make this a look for accidents and careless
 * hands, and the digest of the whole something to hold against that of another host. Unproved where packages were being
 * installed meanwhile. Absent: no dpkg. */
#pragma once

#include "sources/kind.h"

#define DPKG_VERIFY_MOST 500
#define DPKG_MD5_HEX 32

/* A line of an md5sums file, without its newline: 32 digits, two blanks, a path without its first slash, without "..".
 * *ret_path lies in the line. */
bool dpkg_md5sums_line(const char *line, const char **ret_path);
/* Whether a path, without its first slash, is of a program or library. */
bool dpkg_is_program(const char *path);
/* Whether it is of documentation and the like. */
bool dpkg_is_doc(const char *path);
/* Diversions (dpkg-divert(1)): where a package's file lies, given its absolute path; borrowed from either. text holds
 * lines in threes: from, to, and whose; a package's own diversion does not move its own file. */
struct dpkg_diversions;
MUST_CHECK bool dpkg_diversions_parse(const char *where, const char *text, size_t len,
				      struct dpkg_diversions **ret_diversions, struct err *err);
void dpkg_diversions_free(struct dpkg_diversions *diversions);
DEFINE_CLEANUP(struct dpkg_diversions, dpkg_diversions_free)
const char *dpkg_diverted(const struct dpkg_diversions *diversions, const char *path, const char *package);
