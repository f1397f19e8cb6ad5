/* What dpkg's log and apt's history say of packages that were changed within a stretch of time. Both are written in
 * local time without a zone; pure functions over their bytes. */
#pragma once

#include "core/json.h"
#include "core/who.h"

#define WHO_PACKAGES_MOST 16

/* Seconds since the epoch of a local time of day. */
typedef int64_t who_local_time(int year, int month, int day, int hour, int minute, int second);

/* [{"package":"openssh-server","arch":"amd64","action":"install"|"upgrade"|"remove"|"purge","keeps":boolean,"at":
 * seconds}...], the last action of each within the window, at most WHO_PACKAGES_MOST, and of conffiles that dpkg put
 * there
 * {"conffile":path,"at"}. keeps: other conffiles that were there stayed as they were. New reference. */
json_t *who_dpkg(const char *log, size_t len, who_local_time *local, int64_t from, int64_t until);
/* Whether the list of a package's files (/var/lib/dpkg/info/NAME.list) has this path. */
bool who_dpkg_lists(const char *list, size_t len, const char *path);
/* Who asked apt for what ran at this instant: name and uid from "Requested-By: alice (1000)". False: nobody is told. */
bool who_apt(const char *history, size_t len, who_local_time *local, int64_t at, char **ret_user, int64_t *ret_uid);
