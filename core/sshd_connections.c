#include "core/sshd_connections.h"

#include <arpa/inet.h>
#include <fnmatch.h>

#include "core/accounts.h"
#include "core/nsswitch.h"
#include "core/row.h"
#include "core/sshd_match.h"
#include "core/text.h"

#define HOST "client.invalid"
#define OTHER_ADDRESS "2001:db8::1" /* documentation (RFC 3849): nobody's, and not IPv4 */
#define LOCAL_ADDRESS "192.0.2.2"
#define PORT "22"
#define OTHER_PORT "65535"

/* The characters that sshd -C takes for one value. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%@-"

/* What a connection is made of. A candidate is {"text","where"?}: where is the block that it was made up for. */
enum part { PART_USER, PART_HOST, PART_ADDRESS, PART_LOCAL_ADDRESS, PART_PORT, PARTS };

static const char *const keywords[PARTS] = {"user", "host", "address", "localaddress", "localport"};

struct search {
	const json_t *blocks;
	json_t *groups, *accounts;
	json_t *gids;       /* {account: its primary group} */
	json_t *users;      /* candidates */
	json_t *seen;       /* {what a user meets: true} */
	json_t *list;       /* the outcome */
	bool files_are_all; /* no other service may know groups */
	struct err *err;
};

static void search_done(struct search *search) {
	json_decref(search->groups);
	json_decref(search->accounts);
	json_decref(search->gids);
	json_decref(search->users);
	json_decref(search->seen);
	json_decref(search->list);
}

static const char *text_of(const json_t *object, const char *member) {
	return json_string_value(json_object_get(object, member));
}

static const char *key_of(const json_t *criterion) { return json_string_value(json_array_get(criterion, 0)); }

static const char *patterns_of(const json_t *criterion) { return json_string_value(json_array_get(criterion, 1)); }

static void add_candidate(json_t *list, const char *text, const char *where) {
	json_t *other;
	size_t i;
	json_array_foreach(list, i, other) if (!strcmp(text_of(other, "text"), text)) return;
	json_t *candidate = row_add(list);
	row_text(candidate, "text", text);
	row_text(candidate, "where", where);
}

/* Whether a list of patterns takes one of these names: one fits, and none with ! does. */
static bool takes(const char *list, const json_t *names) {
	CLEANUP(free_ptr) char *copy = xstrdup(list);
	char *at = copy, *pattern;
	bool found = false;
	while ((pattern = strsep(&at, ","))) {
		bool excludes = *pattern == '!';
		json_t *name;
		size_t i;
		json_array_foreach(names, i, name) {
			if (fnmatch(pattern + excludes, json_string_value(name), 0) != 0)
				continue;
			if (excludes)
				return false;
			found = true;
		}
	}
	return found;
}

/* The names of the local groups that somebody is in. New reference. */
static json_t *groups_of(const struct search *search, const char *user) {
	json_t *list = json_array(), *group, *member;
	size_t i, k;
	const json_t *own = json_object_get(search->gids, user);
	int64_t gid = own ? json_integer_value(own) : -1;
	json_array_foreach(search->groups, i, group) {
		bool is_in = json_integer_value(json_object_get(group, "gid")) == gid;
		json_array_foreach(json_object_get(group, "members"), k, member) is_in |=
			!strcmp(json_string_value(member), user);
		if (is_in)
			json_array_append(list, json_object_get(group, "name"));
	}
	return list;
}

/* "0110": which of all criteria about users somebody meets; *ret_where is the block of the first that is met. */
static char *meets(const struct search *search, const char *user, const char **ret_where) {
	CLEANUP(json_decref_p) json_t *name = json_pack("[o]", json_text(user));
	CLEANUP(json_decref_p) json_t *groups = groups_of(search, user);
	struct buf text = {0};
	json_t *block, *criterion;
	size_t i, k;
	*ret_where = NULL;
	json_array_foreach(search->blocks, i, block)
		json_array_foreach(json_object_get(block, "criteria"), k, criterion) {
		bool is_user = !strcmp(key_of(criterion), "user");
		if (!is_user && strcmp(key_of(criterion), "group") != 0)
			continue;
		bool is_met = takes(patterns_of(criterion), is_user ? name : groups);
		buf_adds(&text, is_met ? "1" : "0");
		if (is_met && !*ret_where)
			*ret_where = text_of(block, "where");
	}
	return buf_take(&text);
}

static void add_user(struct search *search, const char *user, bool is_asked_for) {
	const char *where;
	if (!*user || user[strspn(user, PLAIN)])
		return;
	CLEANUP(free_ptr) char *met = meets(search, user, &where);
	bool is_new = !json_object_get(search->seen, met);
	json_object_set_new(search->seen, met, json_true());
	if (is_asked_for)
		add_candidate(search->users, user, NULL);
	else if (is_new)
		add_candidate(search->users, user, where ? where : "none");
}

/* Something that the pattern fits. */
static char *example_of(const char *pattern) {
	char *text = xstrdup(pattern);
	for (char *p = text; *p; p++)
		*p = *p == '*' || *p == '?' ? 'x' : *p;
	return text;
}

/* "10.1.*" gives 10.1.1.1 with the digit 1, "10.0.0.0/8" its first address. */
static char *example_address(const char *pattern, char digit) {
	struct buf text = {0};
	for (const char *p = pattern; *p && *p != '/'; p++)
		buf_addf(&text, "%c", *p == '*' || *p == '?' ? digit : *p);
	if (strpbrk(pattern, "*?") && !strchr(pattern, ':')) {
		size_t dots = 0;
		for (const char *p = buf_str(&text); *p; p++)
			dots += *p == '.';
		for (; dots < 3; dots++)
			buf_addf(&text, ".%c", digit);
	}
	return buf_take(&text);
}

/* The last address of a network, which a smaller network at its beginning does not hold; NULL for what is none. */
static char *last_address(const char *pattern) {
	const char *slash = strchr(pattern, '/');
	CLEANUP(free_ptr) char *first = xstrndup(pattern, strcspn(pattern, "/"));
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];
	unsigned long long len;
	int family = strchr(first, ':') ? AF_INET6 : AF_INET;
	size_t width = family == AF_INET ? 32 : 128;
	if (!slash || !text_to_u64(slash + 1, width, &len) || inet_pton(family, first, bytes) != 1)
		return NULL;
	for (size_t bit = (size_t)len; bit < width; bit++)
		bytes[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	return inet_ntop(family, bytes, text, sizeof text) ? xstrdup(text) : NULL;
}

static void add_example(json_t *list, enum part part, const char *pattern, const char *where) {
	bool is_address = part == PART_ADDRESS || part == PART_LOCAL_ADDRESS;
	CLEANUP(free_ptr) char *example = is_address ? example_address(pattern, '1') : example_of(pattern);
	CLEANUP(free_ptr) char *last = is_address ? last_address(pattern) : NULL;
	CLEANUP(free_ptr) char *other = is_address && strpbrk(pattern, "*?") ? example_address(pattern, '2') : NULL;
	if (*example && strcmp(pattern, "*") != 0)
		add_candidate(list, example, where);
	if (last)
		add_candidate(list, last, where);
	if (other && strcmp(pattern, "*") != 0)
		add_candidate(list, other, where);
}

/* An example for each pattern of a list, those with ! too. */
static void add_examples(json_t *list, enum part part, const char *patterns, const char *where) {
	CLEANUP(free_ptr) char *copy = xstrdup(patterns);
	char *at = copy, *pattern;
	while ((pattern = strsep(&at, ",")))
		add_example(list, part, pattern + (*pattern == '!'), where);
}

static bool has_criterion(const json_t *criteria, const char *key) {
	json_t *criterion;
	size_t i;
	json_array_foreach(criteria, i, criterion) if (!strcmp(key_of(criterion), key)) return true;
	return false;
}

static bool any_block_has(const struct search *search, const char *key) {
	json_t *block;
	size_t i;
	json_array_foreach(search->blocks, i,
			   block) if (has_criterion(json_object_get(block, "criteria"), key)) return true;
	return false;
}

/* A group that is not in this host's files has no members unless another service knows it. */
static bool knows_groups(const struct search *search, const char *patterns) {
	CLEANUP(free_ptr) char *copy = xstrdup(patterns);
	char *at = copy, *pattern;
	while (!search->files_are_all && (pattern = strsep(&at, ","))) {
		json_t *group;
		size_t i;
		bool is_known = *pattern == '!' || *pattern == '*';
		json_array_foreach(search->groups, i, group) is_known |= !fnmatch(pattern, text_of(group, "name"), 0);
		if (!is_known)
			return err_set(search->err, ERR_UNPROVED, GROUPS_SOURCE,
				       "Match Group %s: no such group here to try it with", pattern);
	}
	return true;
}

static bool is_understood(const struct search *search, const json_t *block) {
	const json_t *criteria = json_object_get(block, "criteria");
	json_t *criterion;
	size_t i;
	json_array_foreach(criteria, i, criterion) {
		const char *key = key_of(criterion);
		bool is_group = !strcmp(key, "group"), is_known = is_group || !strcmp(key, "all");
		for (size_t part = 0; part < PARTS; part++)
			is_known |= !strcmp(key, keywords[part]);
		if (!is_known && strcmp(key, "invalid-user") != 0)
			return err_set(search->err, ERR_UNPROVED, text_of(block, "where"),
				       "Match %s: no connection can be made up that fits it", key);
		/* Of a user who is named sshd itself finds the groups. */
		if (is_group && !has_criterion(criteria, "user") && !knows_groups(search, patterns_of(criterion)))
			return false;
	}
	return true;
}

static void find_users(struct search *search, const struct names *asked) {
	json_t *block, *criterion, *account;
	size_t i, k;
	for (i = 0; i < names_count(asked); i++)
		add_user(search, names_at(asked, i), true);
	CLEANUP(json_decref_p) json_t *examples = json_array();
	json_array_foreach(search->blocks, i, block) json_array_foreach(
		json_object_get(block, "criteria"), k, criterion) if (!strcmp(key_of(criterion), "user"))
		add_examples(examples, PART_USER, patterns_of(criterion), NULL);
	json_array_foreach(examples, i, block) add_user(search, text_of(block, "text"), false);
	json_array_foreach(search->accounts, i, account) add_user(search, text_of(account, "name"), false);
}

static char *source_name(json_t *const chosen[PARTS]) {
	struct buf name = {0};
	buf_addf(&name, "cmd:sshd-T?user=%s&host=%s&addr=%s", text_of(chosen[PART_USER], "text"),
		 text_of(chosen[PART_HOST], "text"), text_of(chosen[PART_ADDRESS], "text"));
	if (*text_of(chosen[PART_LOCAL_ADDRESS], "text"))
		buf_addf(&name, "&laddr=%s", text_of(chosen[PART_LOCAL_ADDRESS], "text"));
	buf_addf(&name, "&lport=%s", text_of(chosen[PART_PORT], "text"));
	return buf_take(&name);
}

/* "root from 192.0.2.1", "root, Match at /etc/ssh/sshd_config:7", "somebody of Match at ..., Match at ...". */
static char *connection_text(json_t *const chosen[PARTS]) {
	struct buf text = {0};
	const char *user_block = text_of(chosen[PART_USER], "where"), *way = NULL;
	for (size_t part = PART_HOST; part < PARTS; part++)
		way = text_of(chosen[part], "where") ? text_of(chosen[part], "where") : way;
	if (!user_block)
		buf_adds(&text, text_of(chosen[PART_USER], "text"));
	else if (!strcmp(user_block, "none"))
		buf_adds(&text, "somebody whom Match leaves out");
	else
		buf_addf(&text, "somebody of Match at %s", user_block);
	if (way)
		buf_addf(&text, ", Match at %s", way);
	else if (!user_block || strcmp(text_of(chosen[PART_ADDRESS], "text"), OTHER_ADDRESS) == 0)
		buf_addf(&text, " from %s", text_of(chosen[PART_ADDRESS], "text"));
	if (!strcmp(text_of(chosen[PART_PORT], "text"), OTHER_PORT))
		buf_adds(&text, " at another port");
	return buf_take(&text);
}

/* Whether a block takes the connection in; *is_told: that could be told. */
static bool block_fits(const json_t *block, json_t *const chosen[PARTS], const json_t *groups, bool *is_told) {
	json_t *criterion;
	size_t i;
	bool fits = true;
	json_array_foreach(json_object_get(block, "criteria"), i, criterion) {
		const char *key = key_of(criterion);
		*is_told &= strcmp(key, "invalid-user") != 0;
		for (size_t part = 0; part < PARTS; part++)
			if (!strcmp(key, keywords[part]))
				fits &= sshd_match(key, patterns_of(criterion), text_of(chosen[part], "text"));
		if (!strcmp(key, "group"))
			fits &= takes(patterns_of(criterion), groups);
	}
	return fits;
}

/* New reference. */
static json_t *blocks_of(const struct search *search, json_t *const chosen[PARTS]) {
	CLEANUP(json_decref_p) json_t *groups = groups_of(search, text_of(chosen[PART_USER], "text"));
	json_t *list = json_array(), *block;
	size_t i;
	bool is_told = true;
	json_array_foreach(search->blocks, i, block) if (block_fits(block, chosen, groups, &is_told))
		json_array_append_new(list, json_integer((json_int_t)i));
	if (is_told)
		return list;
	json_decref(list);
	return json_null();
}

static void add_connection(struct search *search, json_t *const chosen[PARTS]) {
	CLEANUP(free_ptr) char *name = source_name(chosen);
	json_t *other;
	size_t i;
	json_array_foreach(search->list, i, other) if (!strcmp(text_of(other, "name"), name)) return;
	CLEANUP(free_ptr) char *connection = connection_text(chosen);
	json_t *row = row_add(search->list);
	row_text(row, "name", name);
	row_text(row, "user", text_of(chosen[PART_USER], "text"));
	row_text(row, "address", text_of(chosen[PART_ADDRESS], "text"));
	row_text(row, "connection", connection);
	json_object_set_new(row, "blocks", blocks_of(search, chosen));
}

/* Every way of choosing one of each part's candidates. */
static bool combine(struct search *search, json_t *const candidates[PARTS], json_t *chosen[PARTS], size_t part) {
	size_t i;
	json_t *candidate;
	if (part == PARTS) {
		add_connection(search, chosen);
		return json_array_size(search->list) <= SSHD_CONNECTIONS_MOST ||
		       err_set(search->err, ERR_UNPROVED, SSHD_CONFIG,
			       "more than %d connections would have to be tried to tell its Match blocks apart",
			       SSHD_CONNECTIONS_MOST);
	}
	json_array_foreach(candidates[part], i, candidate) {
		chosen[part] = candidate;
		if (!combine(search, candidates, chosen, part + 1))
			return false;
	}
	return true;
}

/* What is left open by a block, or for NULL by all, is as in a connection that no block names. */
static bool combine_block(struct search *search, const json_t *block, const struct names *addresses) {
	json_t *candidates[PARTS] = {0}, *chosen[PARTS] = {0}, *criterion;
	size_t i;
	for (size_t part = 0; part < PARTS; part++) {
		candidates[part] = part == PART_USER ? json_incref(search->users) : json_array();
		json_array_foreach(json_object_get(block, "criteria"), i,
				   criterion) if (part != PART_USER && !strcmp(key_of(criterion), keywords[part]))
			add_examples(candidates[part], (enum part)part, patterns_of(criterion),
				     text_of(block, "where"));
	}
	bool has_address = json_array_size(candidates[PART_ADDRESS]) > 0,
	     has_port = json_array_size(candidates[PART_PORT]);
	for (i = 0; !has_address && i < names_count(addresses); i++)
		add_candidate(candidates[PART_ADDRESS], names_at(addresses, i), NULL);
	if (!block && any_block_has(search, "address"))
		add_candidate(candidates[PART_ADDRESS], OTHER_ADDRESS, NULL);
	if (json_array_size(candidates[PART_HOST]) == 0)
		add_candidate(candidates[PART_HOST], HOST, NULL);
	if (json_array_size(candidates[PART_LOCAL_ADDRESS]) == 0)
		add_candidate(candidates[PART_LOCAL_ADDRESS],
			      any_block_has(search, "localaddress") ? LOCAL_ADDRESS : "", NULL);
	if (!has_port)
		add_candidate(candidates[PART_PORT], PORT, NULL);
	if (!block && any_block_has(search, "localport"))
		add_candidate(candidates[PART_PORT], OTHER_PORT, NULL);
	bool is_done = combine(search, candidates, chosen, 0);
	for (size_t part = 0; part < PARTS; part++)
		json_decref(candidates[part]);
	return is_done;
}

static bool read_host(struct search *search, const struct sources *fetched, struct err *err) {
	CLEANUP(json_decref_p) json_t *services = NULL;
	bool has_nis;
	json_t *service, *account;
	size_t i;
	if (!groups_need(fetched, &search->groups, err) || !accounts_need(fetched, &search->accounts, &has_nis, err) ||
	    !nsswitch_need(fetched, "group", "files", &services, err))
		return false;
	json_array_foreach(search->accounts, i, account)
		json_object_set(search->gids, text_of(account, "name"), json_object_get(account, "gid"));
	search->files_are_all = true;
	json_array_foreach(services, i, service) {
		const char *name = json_string_value(service);
		search->files_are_all &= !strcmp(name, "files") || !strcmp(name, "systemd");
	}
	return true;
}

void sshd_connections_ask(struct names *names) {
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	names_add(names, NSSWITCH_SOURCE);
}

bool sshd_connections(const struct sshd_config *config, const struct sources *fetched, const struct names *users,
		      const struct names *addresses, json_t **ret_list, struct err *err) {
	CLEANUP(search_done)
	struct search search = {.blocks = config->blocks,
				.gids = json_object(),
				.users = json_array(),
				.seen = json_object(),
				.list = json_array(),
				.err = err};
	json_t *block;
	size_t i;
	/* Without blocks nobody has to be told apart, nor known. */
	if (json_array_size(config->blocks) > 0 && !read_host(&search, fetched, err))
		return false;
	json_array_foreach(config->blocks, i, block) if (!is_understood(&search, block)) return false;
	find_users(&search, users);
	if (!combine_block(&search, NULL, addresses))
		return false;
	json_array_foreach(config->blocks, i, block) if (!combine_block(&search, block, addresses)) return false;
	*ret_list = json_incref(search.list);
	return true;
}
