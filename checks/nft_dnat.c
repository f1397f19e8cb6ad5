/* The ports that the loaded packet filter passes on to somebody else: what `ufw status` and a list of listeners hide.
 */
#include "core/check.h"
#include "core/nft.h"
#include "core/text.h"

#define DEEPEST 16

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "port", .type = VALUE_STRING, .about = "tcp/8080, udp/5000-5010, or any: what is passed on."},
	{.name = "to", .type = VALUE_STRING, .about = "Where it goes, as 172.17.0.2:80; `here:PORT` for a redirect."},
	{.name = "interface", .type = VALUE_STRING, .about = "The interface it must come in by; not there: every one."},
	{.name = "address", .type = VALUE_STRING, .about = "The address it must be sent to; not there: every one."},
	{.name = "chain", .type = VALUE_STRING, .about = "Family, table and chain of the rule."},
	{0},
};

static const char *const patterns[] = {NFT_SOURCE, NFT_LEGACY_PATTERNS, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, NFT_SOURCE);
	nft_name_legacy(names);
}

/* The chains that a packet on its way in can reach, by jumps from the base chains. */
struct reach {
	const struct nft *nft;
	json_t *seen; /* {"family table chain": true} */
	json_t *rows;
	struct err *err;
};

/* "8080", "5000-5010", "10.0.0.0/8": a right-hand value as text; NULL for what has no short form. The caller frees. */
static char *value_text(const json_t *value) {
	const json_t *range = json_object_get(value, "range"), *prefix = json_object_get(value, "prefix");
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	if (prefix)
		return xasprintf("%s/%lld", nft_text(prefix, "addr"),
				 (long long)json_integer_value(json_object_get(prefix, "len")));
	if (!range)
		return NULL;
	char *first = value_text(json_array_get(range, 0)), *last = value_text(json_array_get(range, 1));
	char *text = first && last ? xasprintf("%s-%s", first, last) : NULL;
	free(first);
	free(last);
	return text;
}

static char *target_text(const char *name, const json_t *value) {
	const json_t *port = json_object_get(value, "port");
	CLEANUP(free_ptr) char *number = port ? value_text(port) : NULL;
	CLEANUP(free_ptr) char *address = value_text(json_object_get(value, "addr"));
	if (!strcmp(name, "redirect"))
		return xasprintf("here:%s", number ? number : "same");
	if (!address)
		return xstrdup("a map");
	return number ? xasprintf("%s:%s", address, number) : xstrdup(address);
}

/* What a rule asks of a packet, as far as it is shown. */
struct asked {
	const char *protocol;
	const json_t *ports, *address, *interface;
	bool has_hidden_ports; /* a match of iptables that may name them */
};

static void read_match(const json_t *match, struct asked *asked) {
	const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
	const json_t *payload = json_object_get(left, "payload");
	const char *key = nft_text(json_object_get(left, "meta"), "key"), *field = nft_text(payload, "field");
	if (strcmp(nft_text(match, "op"), "!=") == 0)
		return;
	if (!strcmp(field, "dport")) {
		asked->protocol = nft_text(payload, "protocol");
		asked->ports = right;
	} else if (!strcmp(field, "daddr"))
		asked->address = right;
	else if (!strcmp(key, "iifname") || !strcmp(key, "iif"))
		asked->interface = right;
	else if (!strcmp(key, "l4proto") && json_is_string(right) && !asked->protocol)
		asked->protocol = json_string_value(right);
}

static void add_row(struct reach *reach, const json_t *rule, const struct asked *asked, const json_t *port,
		    const char *target) {
	CLEANUP(free_ptr) char *number = port ? value_text(port) : NULL;
	CLEANUP(free_ptr) char *address = asked->address ? value_text(asked->address) : NULL;
	CLEANUP(free_ptr) char *interface = asked->interface ? value_text(asked->interface) : NULL;
	CLEANUP(free_ptr)
	char *text = number ? xasprintf("%s/%s", asked->protocol ? asked->protocol : "any", number) : xstrdup("any");
	CLEANUP(free_ptr)
	char *chain = xasprintf("%s %s %s", nft_text(rule, "family"), nft_text(rule, "table"), nft_text(rule, "chain"));
	json_t *row = json_pack("{s:o, s:o, s:o}", "port", json_text(text), "to", json_text(target), "chain",
				json_text(chain));
	if (address)
		json_object_set_new(row, "address", json_text(address));
	if (interface)
		json_object_set_new(row, "interface", json_text(interface));
	json_array_append_new(reach->rows, row);
}

/* One row a port, so that a rule can hold each against a list. */
static void add_rows(struct reach *reach, const json_t *rule, const struct asked *asked, const char *target) {
	const json_t *ports = asked->ports, *set = json_object_get(ports, "set"), *port;
	size_t i;
	if (json_is_string(ports) && json_string_value(ports)[0] == '@')
		set = nft_elements(reach->nft, rule, json_string_value(ports));
	if (!set)
		add_row(reach, rule, asked, ports, target);
	json_array_foreach(set, i, port) {
		const json_t *wrapped = json_object_get(port, "elem");
		add_row(reach, rule, asked, wrapped ? json_object_get(wrapped, "val") : port, target);
	}
}

static bool walk_chain(struct reach *reach, const json_t *owner, const char *chain, unsigned depth);

/* A map of verdicts leads to every chain that it names. */
static bool walk_map(struct reach *reach, const json_t *rule, const json_t *vmap, unsigned depth) {
	const json_t *data = json_object_get(vmap, "data"), *pairs = json_object_get(data, "set"), *pair;
	size_t i;
	if (json_is_string(data))
		pairs = nft_elements(reach->nft, rule, json_string_value(data));
	json_array_foreach(pairs, i, pair) {
		const json_t *value = NULL;
		const char *name = nft_name(json_array_get(pair, 1), &value);
		if ((!strcmp(name, "jump") || !strcmp(name, "goto")) &&
		    !walk_chain(reach, rule, nft_text(value, "target"), depth + 1))
			return false;
	}
	return true;
}

/* {"xt": {"type": "match" or "target", "name"}}: nft shows that iptables put something there, and not its arguments. */
static bool walk_extension(struct reach *reach, const json_t *rule, struct asked *asked, const json_t *xt) {
	static const char *const harmless[] = {"MASQUERADE", "SNAT", "LOG", "NFLOG", "MARK", "CONNMARK", "TRACE"};
	static const char *const passing_on[] = {"DNAT", "REDIRECT", "NETMAP"};
	const char *type = nft_text(xt, "type"), *name = nft_text(xt, "name");
	if (!strcmp(type, "match")) {
		asked->has_hidden_ports |=
			strcmp(name, "comment") != 0 && strcmp(name, "addrtype") != 0 && !asked->ports;
		return true;
	}
	if (text_is_one_of(name, harmless, ARRAY_LEN(harmless)))
		return true;
	if (!text_is_one_of(name, passing_on, ARRAY_LEN(passing_on)) || asked->has_hidden_ports)
		return err_set(reach->err, ERR_UNPROVED, NFT_SOURCE,
			       "chain %s has a rule of iptables that nft does not show in full; it may pass a port on",
			       nft_text(rule, "chain"));
	CLEANUP(free_ptr) char *target = xasprintf("what %s of iptables says", name);
	add_rows(reach, rule, asked, target);
	return true;
}

static bool walk_rule(struct reach *reach, const json_t *rule, unsigned depth) {
	static const char *const verdicts[] = {"accept", "drop", "return", "masquerade", "snat"};
	struct asked asked = {0};
	size_t i;
	const json_t *statement, *value = NULL;
	json_array_foreach(json_object_get(rule, "expr"), i, statement) {
		const char *name = nft_name(statement, &value);
		if (!strcmp(name, "match"))
			read_match(value, &asked);
		if (!strcmp(name, "xt") && !walk_extension(reach, rule, &asked, value))
			return false;
		if (!strcmp(name, "vmap"))
			return walk_map(reach, rule, value, depth);
		if (!strcmp(name, "jump") || !strcmp(name, "goto"))
			return walk_chain(reach, rule, nft_text(value, "target"), depth + 1);
		if (!strcmp(name, "dnat") || !strcmp(name, "redirect")) {
			CLEANUP(free_ptr) char *target = target_text(name, value);
			add_rows(reach, rule, &asked, target);
			return true;
		}
		if (text_is_one_of(name, verdicts, ARRAY_LEN(verdicts)))
			return true;
	}
	return true;
}

static bool walk_chain(struct reach *reach, const json_t *owner, const char *chain, unsigned depth) {
	CLEANUP(free_ptr)
	char *key = xasprintf("%s %s %s", nft_text(owner, "family"), nft_text(owner, "table"), chain);
	if (json_object_get(reach->seen, key))
		return true;
	if (depth > DEEPEST)
		return err_set(reach->err, ERR_UNPROVED, NFT_SOURCE, "more jumps in a row than the kernel allows");
	json_object_set_new(reach->seen, key, json_true());
	size_t i;
	const json_t *rule;
	json_array_foreach(nft_rules(reach->nft, owner, chain), i, rule) {
		if (!walk_rule(reach, rule, depth))
			return false;
	}
	return true;
}

static bool has_no_legacy(const struct sources *fetched, struct err *err) {
	static const char *const families[] = {"ip", "ip6"};
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		bool has_legacy = false;
		if (!nft_has_legacy(fetched, families[i], "nat", &has_legacy, err))
			return false;
		if (has_legacy)
			return err_set(err, ERR_UNPROVED, NFT_SOURCE,
				       "iptables-legacy has a nat table of its own (%s), which nft does not list",
				       families[i]);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(nft_done) struct nft nft = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *seen = json_object();
	if (!nft_need(fetched, &nft, err) || !has_no_legacy(fetched, err))
		return false;
	struct reach reach = {&nft, seen, rows, err};
	size_t i;
	const json_t *chain;
	json_array_foreach(nft.base_chains, i, chain) {
		if (!strcmp(nft_text(chain, "hook"), "prerouting") && !strcmp(nft_text(chain, "type"), "nat") &&
		    !walk_chain(&reach, chain, nft_text(chain, "name"), 0))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_nft_dnat = {
	.name = "nft_dnat",
	.about = "The ports that the loaded packet filter passes on by destination NAT.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
