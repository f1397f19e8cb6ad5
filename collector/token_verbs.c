/* vouch-collector token add, token list, token remove. They may run beside the collector. */
#include <getopt.h>

#include "collector/config.h"
#include "collector/networks.h"
#include "collector/session.h"
#include "collector/store.h"
#include "collector/verbs.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

#define USES_MOST 100000
#define TTL_MOST (365 * (int64_t)86400)
#define GROUP_LONGEST 64
#define NAME_SHORTEST 8 /* digits of a token's hash that name it */
#define NAME_SHOWN 12

struct token_options {
	int64_t ttl, uses; /* ttl 0: as configured */
	const char *group;
	struct buf networks;
};

static void token_options_done(struct token_options *options) { buf_done(&options->networks); }

static const struct option no_options[] = {{0}};

static bool take_none(int option, const char *value, void *context, struct err *err) { return true; }

/* As the hosts themselves name their groups: a word. */
static bool is_group(const char *name) {
	return name[0] && strlen(name) <= GROUP_LONGEST &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static bool take_uses(const char *value, int64_t *ret_uses, struct err *err) {
	unsigned long long number = 0;
	if (!text_to_u64(value, USES_MOST, &number) || number == 0)
		return err_set(err, ERR_USAGE, "--uses", "a whole number from 1 to %d", USES_MOST);
	*ret_uses = (int64_t)number;
	return true;
}

static bool take_option(int option, const char *value, void *context, struct err *err) {
	struct token_options *options = context;
	switch (option) {
	case 't':
		return (times_parse_duration(value, &options->ttl) && options->ttl > 0 && options->ttl <= TTL_MOST) ||
		       err_set(err, ERR_USAGE, "--ttl", "a duration from 1s to 365d, such as 30m or 12h");
	case 'u':
		return take_uses(value, &options->uses, err);
	case 'g':
		options->group = value;
		return is_group(value) ||
		       err_set(err, ERR_USAGE, "--group", "1 to %d letters, digits and . _ -", GROUP_LONGEST);
	default:
		return networks_add(&options->networks, value, err);
	}
}

static bool run_add(const struct verb_call *call, struct err *err) {
	static const struct option known[] = {{"ttl", required_argument, NULL, 't'},
					      {"uses", required_argument, NULL, 'u'},
					      {"group", required_argument, NULL, 'g'},
					      {"cidr", required_argument, NULL, 'c'},
					      {0}};
	CLEANUP(token_options_done) struct token_options options = {.uses = 1, .group = ""};
	char token[SESSION_TEXT];
	const char *folder;
	CLEANUP(store_free_p) struct store *store = NULL;
	CLEANUP(config_free_p) struct config *config = NULL;
	if (!collector_options(call, known, take_option, &options, 1, &folder, err) ||
	    !collector_access(folder, &store, err))
		return false;
	CLEANUP(free_ptr) char *path = file_join(folder, "collector.yaml");
	if (!config_read(path, &config, err) || !secret_make(token, err))
		return false;
	const struct store_token row = {.hash = hash_of(token, strlen(token)),
					.expires = times_now() + (options.ttl ? options.ttl : config->token_lifetime),
					.uses = options.uses,
					.group = options.group,
					.networks = buf_str(&options.networks)};
	if (!store_token_add(store, &row, err))
		return false;
	buf_addf(call->out, "%s\n", token);
	char until[TIMES_TEXT];
	CLEANUP(free_ptr)
	char *good = xasprintf("good for %lld enrolment%s, until %s", (long long)options.uses,
			       options.uses == 1 ? "" : "s", times_format(row.expires, until));
	call->say(good);
	return true;
}

static void print_token(void *context, const struct store_token *token) {
	char hex[HASH_HEX], until[TIMES_TEXT];
	buf_addf(context, "%.*s until %s, %lld use%s", NAME_SHOWN, hash_hex(&token->hash, hex),
		 times_format(token->expires, until), (long long)token->uses, token->uses == 1 ? "" : "s");
	if (token->group[0])
		buf_addf(context, ", group %s", token->group);
	if (token->networks[0])
		buf_addf(context, ", from %s", token->networks);
	buf_adds(context, "\n");
}

static bool run_list(const struct verb_call *call, struct err *err) {
	const char *folder;
	CLEANUP(store_free_p) struct store *store = NULL;
	return collector_options(call, no_options, take_none, NULL, 1, &folder, err) &&
	       collector_access(folder, &store, err) && store_tokens(store, times_now(), print_token, call->out, err);
}

struct wanted {
	const char *name;
	size_t count;
	struct hash hash;
};

static void match_token(void *context, const struct store_token *token) {
	struct wanted *wanted = context;
	char hex[HASH_HEX];
	if (!text_starts(hash_hex(&token->hash, hex), wanted->name))
		return;
	wanted->count++;
	wanted->hash = token->hash;
}

static bool run_remove(const struct verb_call *call, struct err *err) {
	const char *operands[2];
	CLEANUP(store_free_p) struct store *store = NULL;
	if (!collector_options(call, no_options, take_none, NULL, 2, operands, err))
		return false;
	struct wanted wanted = {.name = operands[1]};
	if (strlen(wanted.name) < NAME_SHORTEST)
		return err_set(err, ERR_USAGE, "", "a token is named by the first %d digits that token list prints",
			       NAME_SHORTEST);
	if (!collector_access(operands[0], &store, err) || !store_tokens(store, times_now(), match_token, &wanted, err))
		return false;
	if (wanted.count != 1)
		return err_set(err, ERR_ABSENT, operands[1], "there is no such token; see vouch-collector token list");
	return store_token_remove(store, &wanted.hash, err);
}

const struct verb collector_token_add = {
	"token add",
	"DIR [--ttl 1h] [--uses 1] [--group NAME] [--cidr NETWORK]...",
	"Print a token with which hosts can enrol.",
	"  --ttl DURATION     how long it is good; default: token_lifetime of collector.yaml\n"
	"  --uses N           how many hosts may use it; default: 1\n"
	"  --group NAME       the group that they join; it is recorded with each host\n"
	"  --cidr NETWORK     only from there, such as 192.0.2.0/24; may be given again. Behind a proxy that is the\n"
	"                     proxy's address\n",
	run_add,
};

const struct verb collector_token_list = {
	"token list", "DIR", "Print what each token is good for, and the digits that name it.", "", run_list,
};

const struct verb collector_token_remove = {
	"token remove", "DIR DIGITS", "Take a token back: nobody enrols with it any more.", "", run_remove,
};
