#include "core/stranger.h"

#include "core/text.h"

/* Whether a stranger meets a match: none does, some can, every one does. The order counts: all of several matches is
 * the least of them, one of several the greatest. */
enum meets { MEETS_NOT, MEETS_MAYBE, MEETS };

/* One rule while its statements are read. */
struct reading {
	struct stranger *stranger;
	const json_t *rule;
	enum meets meets;
	json_t *interfaces; /* borrowed list of those that it is limited to; NULL: not limited */
	bool is_opaque;
	unsigned depth;
};

/* ---- matches ---- */

static bool is_one_of(const json_t *value, const char *const *words, size_t count) {
	const char *text = json_string_value(value);
	for (size_t i = 0; text && i < count; i++)
		if (!strcmp(words[i], text))
			return true;
	return false;
}

static bool is_protocol(const char *key) {
	return !strcmp(key, "l4proto") || !strcmp(key, "protocol") || !strcmp(key, "nexthdr");
}

static bool is_interface(const char *key) {
	return !strcmp(key, "iif") || !strcmp(key, "iifname") || !strcmp(key, "oif") || !strcmp(key, "oifname");
}

static bool is_family(const json_t *left, const char *key) {
	return json_object_get(left, "meta") && (!strcmp(key, "nfproto") || !strcmp(key, "protocol"));
}

static enum meets meets_family(const struct stranger *stranger, const json_t *value) {
	const char *text = json_string_value(value);
	if (!text)
		return MEETS_MAYBE;
	bool is_ours = !strcmp(stranger->family, "ip") ? !strcmp(text, "ipv4") || !strcmp(text, "ip")
						       : !strcmp(text, "ipv6") || !strcmp(text, "ip6");
	return is_ours ? MEETS : MEETS_NOT;
}

/* Ping, neighbours and tunnels are not what a stranger's connection is made of. nft writes numbers where there is no
 * /etc/protocols. */
static enum meets meets_protocol(const json_t *value) {
	static const char *const small[] = {"icmp", "ipv6-icmp", "icmpv6", "igmp", "esp", "ah", "gre", "vrrp", "ospf"};
	static const int64_t numbers[] = {1, 58, 2, 50, 51, 47, 112, 89};
	for (size_t i = 0; json_is_integer(value) && i < ARRAY_LEN(numbers); i++)
		if (json_integer_value(value) == numbers[i])
			return MEETS_NOT;
	return is_one_of(value, small, ARRAY_LEN(small)) ? MEETS_NOT : MEETS_MAYBE;
}

static enum meets meets_port(const json_t *value) {
	const json_t *range = json_object_get(value, "range");
	int64_t first = json_integer_value(json_array_get(range, 0)),
		last = json_integer_value(json_array_get(range, 1));
	return range && first <= 1 && last == 65535 ? MEETS_MAYBE : MEETS_NOT;
}

static enum meets meets_source(const json_t *value) {
	const json_t *prefix = json_object_get(value, "prefix"), *range = json_object_get(value, "range");
	const char *first = json_string_value(json_array_get(range, 0));
	bool is_wide = prefix && json_integer_value(json_object_get(prefix, "len")) == 0;
	bool is_open = first && (!strcmp(first, "0.0.0.0") || !strcmp(first, "::"));
	return is_wide || is_open ? MEETS_MAYBE : MEETS_NOT;
}

/* At the input hook every destination is this host, but for what is sent to many. */
static enum meets meets_destination(const struct stranger *stranger, const json_t *value) {
	const json_t *prefix = json_object_get(value, "prefix");
	const char *text = prefix ? nft_text(prefix, "addr") : json_string_value(value);
	if (strcmp(stranger->hook, "input") != 0)
		return meets_source(value);
	bool is_multicast = text && (text_starts(text, "224.") || text_starts(text, "239.") ||
				     text_starts(text, "255.255.255.255") || text_starts(text, "ff"));
	return is_multicast ? MEETS_NOT : MEETS_MAYBE;
}

static enum meets meets_payload(const struct stranger *stranger, const json_t *payload, const json_t *value) {
	const char *field = nft_text(payload, "field"), *protocol = nft_text(payload, "protocol");
	if (!strcmp(field, "dport"))
		return meets_port(value);
	if (!strcmp(field, "saddr"))
		return meets_source(value);
	if (!strcmp(field, "daddr"))
		return meets_destination(stranger, value);
	if (is_protocol(field))
		return meets_protocol(value);
	return text_starts(protocol, "icmp") || text_starts(protocol, "ether") ? MEETS_NOT : MEETS_MAYBE;
}

static enum meets meets_one(struct reading *reading, const json_t *left, const json_t *value) {
	const json_t *inner = NULL;
	const char *kind = nft_name(left, &inner), *key = nft_text(inner, "key");
	if (json_object_get(value, "elem"))
		value = json_object_get(json_object_get(value, "elem"), "val");
	if (is_family(left, key))
		return meets_family(reading->stranger, value);
	if (!strcmp(kind, "ct") && !strcmp(key, "state"))
		return json_is_string(value) && !strcmp(json_string_value(value), "new") ? MEETS : MEETS_NOT;
	if (!strcmp(kind, "ct") && (!strcmp(key, "status") || !strcmp(key, "mark")))
		return MEETS_NOT;
	if (!strcmp(kind, "meta") && is_protocol(key))
		return meets_protocol(value);
	if (!strcmp(kind, "meta") && (!strcmp(key, "skuid") || !strcmp(key, "skgid") || !strcmp(key, "mark")))
		return MEETS_NOT;
	return !strcmp(kind, "payload") ? meets_payload(reading->stranger, inner, value) : MEETS_MAYBE;
}

/* The values behind an array, {"set": [...]} or "@name"; NULL for a single one. */
static const json_t *values_of(const struct reading *reading, const json_t *right) {
	if (json_is_array(right))
		return right;
	if (json_is_string(right) && json_string_value(right)[0] == '@') {
		const json_t *elements = nft_elements(reading->stranger->nft, reading->rule, json_string_value(right));
		return elements;
	}
	return json_object_get(right, "set");
}

static enum meets meets_concat(struct reading *reading, const json_t *lefts, const json_t *value) {
	if (json_object_get(value, "elem"))
		value = json_object_get(json_object_get(value, "elem"), "val");
	const json_t *parts = json_object_get(value, "concat"), *left;
	enum meets least = MEETS;
	size_t i;
	json_array_foreach(lefts, i, left) {
		enum meets part = meets_one(reading, left, json_array_get(parts, i));
		least = part < least ? part : least;
	}
	return parts ? least : MEETS_MAYBE;
}

static enum meets meets_any(struct reading *reading, const json_t *left, const json_t *right) {
	const json_t *values = values_of(reading, right), *lefts = json_object_get(left, "concat"), *value;
	enum meets greatest = MEETS_NOT;
	size_t i;
	if (!values && json_is_string(right) && json_string_value(right)[0] == '@')
		return MEETS_NOT; /* a set without elements */
	if (!values)
		return lefts ? meets_concat(reading, lefts, right) : meets_one(reading, left, right);
	json_array_foreach(values, i, value) {
		enum meets one = lefts ? meets_concat(reading, lefts, value) : meets_one(reading, left, value);
		greatest = one > greatest ? one : greatest;
	}
	return greatest;
}

/* A match on interfaces: loopback is not the stranger's; any other limits the rule to it. */
static enum meets meets_interface(struct reading *reading, const json_t *right, bool is_negated) {
	const json_t *values = values_of(reading, right), *value;
	CLEANUP(json_decref_p) json_t *names = json_array();
	size_t i;
	if (!values)
		json_array_append(names, (json_t *)(uintptr_t)right);
	json_array_foreach(values, i, value) json_array_append(names, (json_t *)(uintptr_t)value);
	json_t *others = json_array();
	json_array_foreach(names, i, value) {
		/* The index of an interface that has no name any more is a number. */
		if (json_is_integer(value)) {
			CLEANUP(free_ptr) char *index = xasprintf("%lld", (long long)json_integer_value(value));
			json_array_append_new(others, json_text(index));
		} else if (!json_is_string(value) || strcmp(json_string_value(value), "lo") != 0)
			json_array_append_new(others,
					      json_text(json_is_string(value) ? json_string_value(value) : "?"));
	}
	bool is_loopback_alone = json_array_size(others) == 0;
	if (is_loopback_alone || is_negated || reading->interfaces) {
		json_decref(others);
		return is_loopback_alone ? (is_negated ? MEETS : MEETS_NOT) : MEETS_MAYBE;
	}
	reading->interfaces = others;
	return MEETS;
}

/* What is said of exactly one thing turns round; of what names something, nearly every stranger meets the opposite. */
static enum meets negate(const json_t *left, enum meets meets) {
	const json_t *inner = NULL;
	const char *kind = nft_name(left, &inner), *key = nft_text(inner, "key");
	bool is_exact = is_family(left, key) || (!strcmp(kind, "ct") && !strcmp(key, "state"));
	if (meets == MEETS)
		return MEETS_NOT;
	return meets == MEETS_NOT && is_exact ? MEETS : MEETS_MAYBE;
}

/* "ip saddr" says nothing of IPv6, whichever way it is turned. */
static bool is_of_other_family(const struct reading *reading, const json_t *left) {
	const char *protocol = nft_text(json_object_get(left, "payload"), "protocol");
	bool is_ip4 = !strcmp(reading->stranger->family, "ip");
	return is_ip4 ? !strcmp(protocol, "ip6") || !strcmp(protocol, "icmpv6")
		      : !strcmp(protocol, "ip") || !strcmp(protocol, "icmp");
}

static enum meets meets_match(struct reading *reading, const json_t *match) {
	const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
	const char *relation = nft_text(match, "op");
	const char *key = nft_text(json_object_get(left, "meta"), "key");
	bool is_negated = !strcmp(relation, "!=");
	if (!is_negated && strcmp(relation, "==") != 0 && strcmp(relation, "in") != 0)
		return MEETS_MAYBE;
	if (is_of_other_family(reading, left))
		return MEETS_NOT;
	if (is_interface(key))
		return meets_interface(reading, right, is_negated);
	enum meets meets = meets_any(reading, left, right);
	return is_negated ? negate(left, meets) : meets;
}

/* ---- verdicts ---- */

/* What a rule leads to. */
struct outcome {
	bool is_decided; /* the chain ends here, with this fate */
	bool may_return; /* some strangers leave the chain here, whatever the rules behind say */
	enum fate fate;
};

static enum fate walk_chain(struct stranger *stranger, const json_t *owner, const char *chain, unsigned depth);

static void open_interfaces(struct reading *reading) {
	size_t i;
	json_t *name;
	json_array_foreach(reading->interfaces, i, name) {
		size_t j;
		const json_t *known;
		bool is_known = false;
		json_array_foreach(reading->stranger->interfaces, j, known) is_known |= json_equal(known, name);
		if (!is_known)
			json_array_append(reading->stranger->interfaces, name);
	}
}

static struct outcome accept_here(struct reading *reading) {
	if (reading->is_opaque) {
		reading->stranger->is_opaque = true;
		return (struct outcome){0};
	}
	if (reading->interfaces) {
		open_interfaces(reading);
		return (struct outcome){0};
	}
	return (struct outcome){.is_decided = true, .fate = FATE_ACCEPT};
}

static struct outcome leave(const struct reading *reading) {
	bool is_certain = reading->meets == MEETS && !reading->interfaces;
	return (struct outcome){.is_decided = is_certain, .may_return = !is_certain, .fate = FATE_NONE};
}

static struct outcome go(struct reading *reading, const char *chain, bool comes_back) {
	enum fate fate = walk_chain(reading->stranger, reading->rule, chain, reading->depth + 1);
	if (fate == FATE_ACCEPT)
		return accept_here(reading);
	if (fate == FATE_NONE)
		return comes_back ? (struct outcome){0} : leave(reading);
	return (struct outcome){.is_decided = reading->meets == MEETS && !reading->interfaces, .fate = FATE_DROP};
}

static struct outcome verdict(struct reading *reading, const char *name, const json_t *value) {
	if (!strcmp(name, "accept"))
		return accept_here(reading);
	if (!strcmp(name, "drop") || !strcmp(name, "reject"))
		return (struct outcome){.is_decided = reading->meets == MEETS && !reading->interfaces,
					.fate = FATE_DROP};
	if (!strcmp(name, "return"))
		return leave(reading);
	if (!strcmp(name, "queue"))
		reading->stranger->is_opaque = true; /* a program decides */
	bool is_jump = !strcmp(name, "jump");
	return is_jump || !strcmp(name, "goto") ? go(reading, nft_text(value, "target"), is_jump) : (struct outcome){0};
}

/* {"vmap": {"key", "data": {"set": [[key, verdict]...]} or "@map"}}: each pair is a rule of its own. */
static struct outcome verdict_map(struct reading *reading, const json_t *vmap) {
	const json_t *key = json_object_get(vmap, "key"), *pairs = values_of(reading, json_object_get(vmap, "data")),
		     *pair;
	struct outcome all = {0};
	size_t i;
	json_array_foreach(pairs, i, pair) {
		CLEANUP(json_decref_p)
		json_t *match = json_pack("{s:s, s:O, s:O}", "op", "==", "left", key, "right", json_array_get(pair, 0));
		struct reading one = *reading;
		one.interfaces = json_incref(reading->interfaces);
		enum meets meets = meets_match(&one, match);
		one.meets = meets < one.meets ? meets : one.meets;
		const json_t *value = NULL;
		const char *name = nft_name(json_array_get(pair, 1), &value);
		struct outcome outcome = one.meets == MEETS_NOT ? (struct outcome){0} : verdict(&one, name, value);
		json_decref(one.interfaces);
		if (outcome.is_decided)
			return outcome;
		all.may_return |= outcome.may_return;
	}
	return all;
}

/* Targets and matches of iptables that leave the packet's fate alone. */
static bool is_harmless_extension(const json_t *xt) {
	static const char *const names[] = {"comment", "LOG", "NFLOG", "TRACE", "MARK", "CONNMARK", "SET", "TCPMSS"};
	return is_one_of(json_object_get(xt, "name"), names, ARRAY_LEN(names));
}

/* Statements that let a part of the packets through, and those that do nothing to the packet's fate. */
static void read_other(struct reading *reading, const char *name, const json_t *value) {
	static const char *const harmless[] = {"counter", "log", "comment", "mangle", "notrack", "ct helper"};
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (!strcmp(harmless[i], name))
			return;
	if (!strcmp(name, "xt")) {
		if (is_harmless_extension(value))
			return;
		reading->is_opaque = true;
	}
	if (reading->meets == MEETS)
		reading->meets = MEETS_MAYBE;
}

/* A target of iptables that ends a packet's way. */
static bool is_reject(const char *name, const json_t *value) {
	return !strcmp(name, "xt") && !strcmp(nft_text(value, "type"), "target") &&
	       !strcmp(nft_text(value, "name"), "REJECT");
}

static bool is_verdict(const char *name) {
	static const char *const verdicts[] = {"accept", "drop", "reject", "return", "queue", "jump", "goto"};
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (!strcmp(verdicts[i], name))
			return true;
	return false;
}

static struct outcome read_statements(struct reading *reading) {
	size_t i;
	const json_t *statement;
	json_array_foreach(json_object_get(reading->rule, "expr"), i, statement) {
		const json_t *value = NULL;
		const char *name = nft_name(statement, &value);
		if (is_reject(name, value))
			return verdict(reading, "reject", value);
		if (is_verdict(name))
			return verdict(reading, name, value);
		if (!strcmp(name, "vmap"))
			return verdict_map(reading, value);
		if (strcmp(name, "match") != 0) {
			read_other(reading, name, value);
			continue;
		}
		enum meets meets = meets_match(reading, value);
		reading->meets = meets < reading->meets ? meets : reading->meets;
		if (reading->meets == MEETS_NOT)
			break;
	}
	/* A target of iptables is a verdict that cannot be read. */
	reading->stranger->is_opaque |= reading->is_opaque && reading->meets != MEETS_NOT;
	return (struct outcome){0};
}

static enum fate walk_chain(struct stranger *stranger, const json_t *owner, const char *chain, unsigned depth) {
	const json_t *rules = nft_rules(stranger->nft, owner, chain), *rule;
	bool may_return = false;
	size_t i;
	stranger->is_opaque |= depth > STRANGER_DEEPEST || stranger->walked > STRANGER_LONGEST;
	if (depth > STRANGER_DEEPEST || stranger->walked > STRANGER_LONGEST)
		return FATE_NONE;
	json_array_foreach(rules, i, rule) {
		struct reading reading = {.stranger = stranger, .rule = rule, .meets = MEETS, .depth = depth};
		stranger->walked++;
		struct outcome outcome = read_statements(&reading);
		json_decref(reading.interfaces);
		if (outcome.is_decided)
			return outcome.fate == FATE_DROP && may_return ? FATE_NONE : outcome.fate;
		may_return |= outcome.may_return;
	}
	return FATE_NONE;
}

enum fate stranger_fate(struct stranger *stranger, const json_t *chain) {
	enum fate fate = walk_chain(stranger, chain, nft_text(chain, "name"), 0);
	if (fate != FATE_NONE)
		return fate;
	return !strcmp(nft_text(chain, "policy"), "drop") ? FATE_DROP : FATE_ACCEPT;
}
