/* Lists of sudoers(5) as cvtsudoers(1) writes them in JSON, with the aliases in them resolved, and whom they match. An
 * alias within a list counts in its place, "!" before it turns all of it round, and of several members that match the
 * last decides. */
#pragma once

#include "core/err.h"
#include "core/json.h"

#define SUDOERS_ITEMS_MOST 20000 /* in one list, aliases resolved */
#define SUDOERS_DEEPEST 32       /* aliases within aliases */

enum sudoers_list { SUDOERS_USERS, SUDOERS_RUNAS, SUDOERS_HOSTS, SUDOERS_COMMANDS };

/* What has to be known of the host; all borrowed. */
struct sudoers {
	const char *where;               /* names the file in errors */
	const json_t *file;              /* cmd:cvtsudoers */
	const json_t *accounts, *groups; /* core/accounts.h */
	const char *host;                /* this host's name, as gethostname(2) gives it */
};

enum sudoers_match { SUDOERS_NO, SUDOERS_MAYBE, SUDOERS_YES };

/* The members of a list without aliases: [{"text": "%sudo", "negated": bool, ...the member's own}...]; text is how it
 * is written in sudoers. New reference. */
MUST_CHECK bool sudoers_resolve(const struct sudoers *sudoers, enum sudoers_list which, const json_t *list,
				json_t **ret_items, struct err *err);
/* Whether one resolved member names this user, "!" left aside; maybe: a netgroup, or a group of a plugin. account may
 * be NULL: a name without an entry here. */
enum sudoers_match sudoers_names_user(const struct sudoers *sudoers, const json_t *item, const char *name,
				      const json_t *account);
/* Whether a resolved list takes the user in; what may match never takes anybody out, nor in. */
bool sudoers_takes_user(const struct sudoers *sudoers, const json_t *items, const char *name, const json_t *account);
/* Whether a resolved list takes this host in. Addresses and netgroups may. */
enum sudoers_match sudoers_takes_host(const struct sudoers *sudoers, const json_t *items);
/* Whether a resolved list of users (and groups) to run as takes root in. */
bool sudoers_takes_root(const struct sudoers *sudoers, const json_t *items);
/* The account of this name or number; NULL: none. */
const json_t *sudoers_account(const struct sudoers *sudoers, const char *name);
const json_t *sudoers_account_of_uid(const struct sudoers *sudoers, json_int_t uid);
