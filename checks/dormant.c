/* When root and the administrators last logged in, as far as lastlog and wtmp tell. */
#include "core/check.h"
#include "core/logins.h"
#include "core/password.h"
#include "core/privileged.h"
#include "core/row.h"
#include "core/text.h"

#define DAY 86400
#define LASTLOG "file:/var/log/lastlog"
#define LIMIT_USUAL (90 * (int64_t)DAY)

static const struct check_param params[] = {
	{"limit", VALUE_DURATION, false,
	 "How far back the records have to reach for an account that is not in them (default 90d)."},
	{"groups", VALUE_STRINGS, false,
	 "Groups of administrators (default admin sudo wheel); uid 0 is always looked at."},
	{"trusted_services", VALUE_STRINGS, false,
	 "Services of nsswitch.conf that the organisation knows to hold no administrator of this host (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "account", .type = VALUE_STRING, .about = "The account.", .privacy = PRIVACY_PERSONAL},
	{.name = "uid", .type = VALUE_INT, .about = "Its number."},
	{.name = "counts", .type = VALUE_BOOL, .about = "Whether somebody could log in with it."},
	{.name = "shut_by",
	 .type = VALUE_STRING,
	 .about = "Why nobody could: expired, shell, or locked (no password can match, and no key is there)."},
	{.name = "never", .type = VALUE_BOOL, .about = "Whether no login is recorded."},
	{.name = "last_login", .type = VALUE_TIME, .about = "The last that is recorded.", .is_volatile = true},
	{.name = "unused_for",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .about =
		 "Since then, or, without any, since its password was set; without that either it is not there. Logins "
		 "without a terminal (scp, automation) and su are not recorded everywhere.",
	 .is_volatile = true},
	{0},
};

static const char *const patterns[] = {"file:/*", "dir:/*", "stat:/*", "shadow:", "now:", NULL};

/* Records of newer distributions, in SQLite; where there are such, the old files are no longer written. */
static const char *const newer[] = {"stat:/var/lib/lastlog/lastlog2.db", "stat:/var/lib/wtmpdb/wtmp.db",
				    "stat:/var/log/wtmp.db"};
static const char *const wtmps[] = {"file:/var/log/wtmp", "file:/var/log/wtmp.1"};
static const char *const key_files[] = {".ssh/authorized_keys", ".ssh/authorized_keys2"};

static const char *text_of(const json_t *object, const char *member) {
	return json_string_value(json_object_get(object, member));
}

static char *key_source(const json_t *account, size_t which) {
	return xasprintf("file:%s/%s", text_of(account, "home"), key_files[which]);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	struct err ignored;
	json_t *account;
	size_t i;
	privileged_ask(names);
	names_add(names, "shadow:");
	names_add(names, "now:");
	names_add(names, LASTLOG);
	for (i = 0; i < ARRAY_LEN(newer); i++)
		names_add(names, newer[i]);
	for (i = 0; i < ARRAY_LEN(wtmps); i++)
		names_add(names, wtmps[i]);
	if (!privileged_need(with, fetched, &accounts, &ignored))
		return;
	json_array_foreach(accounts, i, account) for (size_t k = 0; k < ARRAY_LEN(key_files); k++) {
		CLEANUP(free_ptr) char *name = key_source(account, k);
		names_add(names, name);
	}
}

/* Homes where they usually are; those elsewhere are denied until somebody adds them. */
static void paths(const json_t *with, struct names *into) {
	(void)with;
	privileged_ask(into);
	names_add(into, "shadow:");
	names_add(into, LASTLOG);
	names_add(into, "file:/root/.ssh/authorized_keys*");
	names_add(into, "file:/home/*/.ssh/authorized_keys*");
	for (size_t i = 0; i < ARRAY_LEN(newer); i++)
		names_add(into, newer[i]);
	for (size_t i = 0; i < ARRAY_LEN(wtmps); i++)
		names_add(into, wtmps[i]);
}

/* What the rows share. */
struct look {
	const struct sources *fetched;
	const struct source *lastlog; /* NULL: not there, or too large to be read */
	const struct source *wtmps[ARRAY_LEN(wtmps)];
	json_t *shadow; /* NULL: there is none */
	int64_t now, limit;
	bool has_records; /* the records were read */
};

static bool has_no_newer(const struct sources *fetched, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(newer); i++) {
		const struct source *source;
		if (!source_maybe(fetched, newer[i], &source, err))
			return false;
		if (source)
			return err_set(err, ERR_UNPROVED, newer[i], "logins are recorded here, and SQLite is not read");
	}
	return true;
}

/* The records of all uids are sparse and may be larger than what is read: then wtmp has to do. */
static bool read_lastlog(struct look *look, struct err *err) {
	const struct source *lastlog = sources_get(look->fetched, LASTLOG);
	if (lastlog && lastlog->err.code == ERR_UNREADABLE)
		return true;
	return source_maybe(look->fetched, LASTLOG, &look->lastlog, err);
}

/* Something has to have been recorded lately, or it is not known whether anything is. */
static bool is_kept(const struct look *look, struct err *err) {
	int64_t newest = look->lastlog && look->lastlog->bytes.len ? look->lastlog->meta.mtime : 0;
	bool has_any = look->lastlog != NULL;
	for (size_t i = 0; i < ARRAY_LEN(wtmps); i++) {
		const struct source *wtmp = look->wtmps[i];
		has_any |= wtmp != NULL;
		if (wtmp && wtmp->bytes.len && wtmp->meta.mtime > newest)
			newest = wtmp->meta.mtime;
	}
	if (!has_any)
		return err_set(err, ERR_UNPROVED, LASTLOG, "neither lastlog nor wtmp is there to say who logged in");
	return newest >= look->now - look->limit ||
	       err_set(err, ERR_UNPROVED, LASTLOG,
		       "neither lastlog nor wtmp was written within the limit: nobody logged in, or nobody records it");
}

/* Only for somebody who could log in: where nobody can, no record has to be believed. */
static bool need_records(struct look *look, struct err *err) {
	if (look->has_records)
		return true;
	if (!has_no_newer(look->fetched, err) || !read_lastlog(look, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(wtmps); i++)
		if (!source_maybe(look->fetched, wtmps[i], &look->wtmps[i], err))
			return false;
	look->has_records = is_kept(look, err);
	return look->has_records;
}

static const json_t *shadow_of(const struct look *look, const char *name) {
	json_t *entry;
	size_t i;
	json_array_foreach(look->shadow, i, entry) if (!strcmp(text_of(entry, "name"), name)) return entry;
	return NULL;
}

static bool has_key(const struct look *look, const json_t *account, bool *ret_has, struct err *err) {
	*ret_has = false;
	for (size_t i = 0; i < ARRAY_LEN(key_files); i++) {
		CLEANUP(free_ptr) char *name = key_source(account, i);
		const struct source *source;
		if (!source_maybe(look->fetched, name, &source, err))
			return false;
		*ret_has |= source && source->bytes.len > 0;
	}
	return true;
}

/* Whether no password can match; unproved where passwords are neither in passwd nor in a shadow file. */
static bool password_is_shut(const struct look *look, const json_t *account, const json_t *shadow, bool *ret_is,
			     struct err *err) {
	const char *field = text_of(account, "password");
	bool in_shadow = !strcmp(field, "x");
	if (in_shadow && !look->shadow)
		return err_set(err, ERR_UNPROVED, "shadow:", "passwd refers to a shadow file, and there is none");
	*ret_is = in_shadow ? !shadow || json_is_true(json_object_get(shadow, "locked")) : password_is_locked(field);
	return true;
}

static bool shell_lets_in(const json_t *account) {
	static const char *const shut[] = {"nologin", "false", "true", "sync", "halt", "shutdown"};
	const char *shell = text_of(account, "shell"), *slash = strrchr(shell, '/');
	return !text_is_one_of(slash ? slash + 1 : shell, shut, ARRAY_LEN(shut));
}

/* *ret_why: NULL where somebody could log in. */
static bool why_shut(const struct look *look, const json_t *account, const json_t *shadow, const char **ret_why,
		     struct err *err) {
	const json_t *expire = json_object_get(shadow, "expire");
	bool is_locked, has;
	if (!password_is_shut(look, account, shadow, &is_locked, err) || !has_key(look, account, &has, err))
		return false;
	if (json_is_integer(expire) && json_integer_value(expire) <= look->now / DAY)
		*ret_why = "expired";
	else if (!shell_lets_in(account))
		*ret_why = "shell";
	else
		*ret_why = is_locked && !has ? "locked" : NULL;
	return true;
}

/* *ret_last: 0 where no login is recorded, and the records would have it within the limit. */
static bool last_login(const struct look *look, const json_t *account, int64_t *ret_last, struct err *err) {
	struct wtmp_seen seen = {0};
	int64_t last = 0;
	if (look->lastlog &&
	    !lastlog_of(look->lastlog, json_integer_value(json_object_get(account, "uid")), &last, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(wtmps); i++)
		if (look->wtmps[i] && !wtmp_look(look->wtmps[i], text_of(account, "name"), &seen, err))
			return false;
	last = seen.last > last ? seen.last : last;
	if (last > look->now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, LASTLOG, "a login is recorded that is still to come");
	if (!last && !look->lastlog && (seen.oldest == 0 || seen.oldest > look->now - look->limit))
		return err_set(err, ERR_UNPROVED, wtmps[0],
			       "without lastlog, and wtmp does not reach back far enough for who is not in it");
	*ret_last = last;
	return true;
}

static bool add_row(json_t *rows, struct look *look, const json_t *account, struct err *err) {
	const json_t *shadow = shadow_of(look, text_of(account, "name"));
	const json_t *change = json_object_get(shadow, "last_change");
	const char *shut;
	int64_t last = 0;
	if (!why_shut(look, account, shadow, &shut, err))
		return false;
	if (!shut && (!need_records(look, err) || !last_login(look, account, &last, err)))
		return false;
	json_t *row = row_add(rows);
	json_object_set(row, "account", json_object_get(account, "name"));
	json_object_set(row, "uid", json_object_get(account, "uid"));
	row_bool(row, "counts", !shut);
	row_text(row, "shut_by", shut);
	if (shut)
		return true;
	row_bool(row, "never", last == 0);
	if (last)
		row_time(row, "last_login", last);
	else if (json_is_integer(change) && json_integer_value(change) > 0)
		last = json_integer_value(change) * DAY;
	if (last)
		row_int(row, "unused_for", last < look->now ? look->now - last : 0);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {.fetched = fetched, .limit = param_int(with, "limit", LIMIT_USUAL)};
	json_t *account;
	size_t i;
	if (!privileged_need(with, fetched, &accounts, err) || !source_now(fetched, &look.now, err) ||
	    !source_maybe_json(fetched, "shadow:", &look.shadow, err))
		return false;
	json_array_foreach(accounts, i, account) if (!add_row(rows, &look, account, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_dormant = {
	.name = "dormant",
	.about = "When root and the administrators last logged in.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
