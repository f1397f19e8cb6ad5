#include "core/meets.h"

#include <arpa/inet.h>

#include "core/text.h"

#define PORTS 65536

static bool is_protocol(const char *key) {
	return !strcmp(key, "l4proto") || !strcmp(key, "protocol") || !strcmp(key, "nexthdr");
}

static bool is_interface(const char *key) {
	return !strcmp(key, "iif") || !strcmp(key, "iifname") || !strcmp(key, "oif") || !strcmp(key, "oifname");
}

static bool is_family(const json_t *left, const char *key) {
	return json_object_get(left, "meta") && (!strcmp(key, "nfproto") || !strcmp(key, "protocol"));
}

static enum meets meets_family(const struct encounter *at, const json_t *value) {
	const char *text = json_string_value(value);
	if (!text)
		return MEETS_MAYBE;
	bool is_ours = !strcmp(at->family, "ip") ? !strcmp(text, "ipv4") || !strcmp(text, "ip")
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
	return text_is_one_of(json_string_value(value), small, ARRAY_LEN(small)) ? MEETS_NOT : MEETS_MAYBE;
}

/* Ports are named one by one or in ranges; a range over half of them all names none. */
static enum meets meets_port(const json_t *value) {
	const json_t *range = json_object_get(value, "range");
	int64_t first = json_integer_value(json_array_get(range, 0)),
		last = json_integer_value(json_array_get(range, 1));
	return range && last - first >= PORTS / 2 ? MEETS_MAYBE : MEETS_NOT;
}

/* Whether both ends of a range begin with as many bits as a network has that is still somebody's. */
static bool is_within_a_network(const char *first, const char *last) {
	unsigned char from[16], to[16];
	int family = first && strchr(first, ':') ? AF_INET6 : AF_INET;
	unsigned char mask = family == AF_INET ? 0xff : 0xfe;
	return first && last && inet_pton(family, first, from) == 1 && inet_pton(family, last, to) == 1 &&
	       (from[0] & mask) == (to[0] & mask);
}

/* Networks as wide as 10.0.0.0/8 and fc00::/7 are somebody's; 0.0.0.0/1 and 2000::/3 are everybody's, or half of it. */
static enum meets meets_source(const json_t *value) {
	const json_t *prefix = json_object_get(value, "prefix"), *range = json_object_get(value, "range");
	const char *first = json_string_value(json_array_get(range, 0)),
		   *last = json_string_value(json_array_get(range, 1));
	int64_t least = strchr(nft_text(prefix, "addr"), ':') ? 7 : 8;
	bool is_wide = prefix && json_integer_value(json_object_get(prefix, "len")) < least;
	bool is_open = range && !is_within_a_network(first, last);
	return is_wide || is_open ? MEETS_MAYBE : MEETS_NOT;
}

/* Nobody has marked a stranger's packet: its mark is 0, which nft writes as a number. */
static enum meets meets_mark(const json_t *value) {
	const json_t *range = json_object_get(value, "range"), *first = range ? json_array_get(range, 0) : value;
	return json_is_string(first) || json_integer_value(first) != 0 ? MEETS_NOT : MEETS_MAYBE;
}

/* At the input hook every destination is this host, but for what is sent to many. */
static enum meets meets_destination(const struct encounter *at, const json_t *value) {
	const json_t *prefix = json_object_get(value, "prefix");
	const char *text = prefix ? nft_text(prefix, "addr") : json_string_value(value);
	if (strcmp(at->hook, "input") != 0)
		return meets_source(value);
	bool is_multicast = text && (text_starts(text, "224.") || text_starts(text, "239.") ||
				     text_starts(text, "255.255.255.255") || text_starts(text, "ff"));
	return is_multicast ? MEETS_NOT : MEETS_MAYBE;
}

static enum meets meets_payload(const struct encounter *at, const json_t *payload, const json_t *value) {
	const char *field = nft_text(payload, "field"), *protocol = nft_text(payload, "protocol");
	if (!strcmp(field, "dport"))
		return meets_port(value);
	if (!strcmp(field, "saddr"))
		return meets_source(value);
	if (!strcmp(field, "daddr"))
		return meets_destination(at, value);
	if (is_protocol(field))
		return meets_protocol(value);
	if (!strcmp(protocol, "ether") && !strcmp(field, "type"))
		return meets_family(at, value);
	bool is_small = text_starts(protocol, "icmp") || (!strcmp(protocol, "ether") && !strcmp(field, "saddr"));
	return is_small ? MEETS_NOT : MEETS_MAYBE;
}

static enum meets meets_one(struct encounter *at, const json_t *left, const json_t *value) {
	const json_t *inner = NULL;
	const char *kind = nft_name(left, &inner), *key = nft_text(inner, "key");
	if (json_object_get(value, "elem"))
		value = json_object_get(json_object_get(value, "elem"), "val");
	if (is_family(left, key))
		return meets_family(at, value);
	if (!strcmp(kind, "ct") && !strcmp(key, "state"))
		return json_is_string(value) && !strcmp(json_string_value(value), "new") ? MEETS : MEETS_NOT;
	if (!strcmp(key, "mark") || (!strcmp(kind, "ct") && !strcmp(key, "status")))
		return meets_mark(value);
	if (!strcmp(kind, "meta") && is_protocol(key))
		return meets_protocol(value);
	if (!strcmp(kind, "meta") && (!strcmp(key, "skuid") || !strcmp(key, "skgid")))
		return MEETS_NOT;
	return !strcmp(kind, "payload") ? meets_payload(at, inner, value) : MEETS_MAYBE;
}

const json_t *meets_values(const struct encounter *at, const json_t *right) {
	if (json_is_array(right))
		return right;
	if (json_is_string(right) && json_string_value(right)[0] == '@') {
		const json_t *elements = nft_elements(at->nft, at->rule, json_string_value(right));
		return elements;
	}
	return json_object_get(right, "set");
}

static enum meets meets_concat(struct encounter *at, const json_t *lefts, const json_t *value) {
	if (json_object_get(value, "elem"))
		value = json_object_get(json_object_get(value, "elem"), "val");
	const json_t *parts = json_object_get(value, "concat"), *left;
	enum meets least = MEETS;
	size_t i;
	json_array_foreach(lefts, i, left) {
		enum meets part = meets_one(at, left, json_array_get(parts, i));
		least = part < least ? part : least;
	}
	return parts ? least : MEETS_MAYBE;
}

static enum meets meets_any(struct encounter *at, const json_t *left, const json_t *right) {
	const json_t *values = meets_values(at, right), *lefts = json_object_get(left, "concat"), *value;
	enum meets greatest = MEETS_NOT;
	size_t i;
	if (!values && json_is_string(right) && json_string_value(right)[0] == '@')
		return MEETS_NOT; /* a set without elements */
	if (!values)
		return lefts ? meets_concat(at, lefts, right) : meets_one(at, left, right);
	json_array_foreach(values, i, value) {
		enum meets one = lefts ? meets_concat(at, lefts, value) : meets_one(at, left, value);
		greatest = one > greatest ? one : greatest;
	}
	return greatest;
}

/* A match on interfaces: loopback is not the stranger's; any other limits the rule to it. */
static enum meets meets_interface(struct encounter *at, const json_t *right, bool is_negated) {
	const json_t *values = meets_values(at, right), *value;
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
	if (is_loopback_alone || is_negated || at->interfaces) {
		json_decref(others);
		return is_loopback_alone ? (is_negated ? MEETS : MEETS_NOT) : MEETS_MAYBE;
	}
	at->interfaces = others;
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
static bool is_of_other_family(const struct encounter *at, const json_t *left) {
	const char *protocol = nft_text(json_object_get(left, "payload"), "protocol");
	bool is_ip4 = !strcmp(at->family, "ip");
	return is_ip4 ? !strcmp(protocol, "ip6") || !strcmp(protocol, "icmpv6")
		      : !strcmp(protocol, "ip") || !strcmp(protocol, "icmp");
}

enum meets meets_match(struct encounter *at, const json_t *match) {
	const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
	const char *relation = nft_text(match, "op");
	const char *key = nft_text(json_object_get(left, "meta"), "key");
	bool is_negated = !strcmp(relation, "!=");
	if (!is_negated && strcmp(relation, "==") != 0 && strcmp(relation, "in") != 0)
		return MEETS_MAYBE;
	if (is_of_other_family(at, left))
		return MEETS_NOT;
	if (is_interface(key))
		return meets_interface(at, right, is_negated);
	enum meets meets = meets_any(at, left, right);
	return is_negated ? negate(left, meets) : meets;
}
