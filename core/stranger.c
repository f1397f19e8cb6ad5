#include "core/stranger.h"

#include "core/meets.h"
#include "core/text.h"

/* One rule while its statements are read. */
struct reading {
	struct stranger *stranger;
	struct encounter at;
	enum meets meets;
	bool is_opaque;
	unsigned depth;
};

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
	json_array_foreach(reading->at.interfaces, i, name) {
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
	if (reading->at.interfaces) {
		open_interfaces(reading);
		return (struct outcome){0};
	}
	return (struct outcome){.is_decided = true, .fate = FATE_ACCEPT};
}

static struct outcome leave(const struct reading *reading) {
	bool is_certain = reading->meets == MEETS && !reading->at.interfaces;
	return (struct outcome){.is_decided = is_certain, .may_return = !is_certain, .fate = FATE_NONE};
}

static struct outcome go(struct reading *reading, const char *chain, bool comes_back) {
	enum fate fate = walk_chain(reading->stranger, reading->at.rule, chain, reading->depth + 1);
	if (fate == FATE_ACCEPT)
		return accept_here(reading);
	if (fate == FATE_NONE)
		return comes_back ? (struct outcome){0} : leave(reading);
	return (struct outcome){.is_decided = reading->meets == MEETS && !reading->at.interfaces, .fate = FATE_DROP};
}

static struct outcome verdict(struct reading *reading, const char *name, const json_t *value) {
	if (!strcmp(name, "accept"))
		return accept_here(reading);
	if (!strcmp(name, "drop") || !strcmp(name, "reject"))
		return (struct outcome){.is_decided = reading->meets == MEETS && !reading->at.interfaces,
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
	const json_t *key = json_object_get(vmap, "key"),
		     *pairs = meets_values(&reading->at, json_object_get(vmap, "data")), *pair;
	struct outcome all = {0};
	size_t i;
	json_array_foreach(pairs, i, pair) {
		CLEANUP(json_decref_p)
		json_t *match = json_pack("{s:s, s:O, s:O}", "op", "==", "left", key, "right", json_array_get(pair, 0));
		struct reading one = *reading;
		one.at.interfaces = json_incref(reading->at.interfaces);
		enum meets meets = meets_match(&one.at, match);
		one.meets = meets < one.meets ? meets : one.meets;
		const json_t *value = NULL;
		const char *name = nft_name(json_array_get(pair, 1), &value);
		struct outcome outcome = one.meets == MEETS_NOT ? (struct outcome){0} : verdict(&one, name, value);
		json_decref(one.at.interfaces);
		if (outcome.is_decided)
			return outcome;
		all.may_return |= outcome.may_return;
	}
	return all;
}

/* Targets and matches of iptables that leave the packet's fate alone. */
static bool is_harmless_extension(const json_t *xt) {
	static const char *const names[] = {"comment", "LOG", "NFLOG", "TRACE", "MARK", "CONNMARK", "SET", "TCPMSS"};
	return text_is_one_of(nft_text(xt, "name"), names, ARRAY_LEN(names));
}

/* Statements that let a part of the packets through, and those that do nothing to the packet's fate. */
static void read_other(struct reading *reading, const char *name, const json_t *value) {
	static const char *const harmless[] = {"counter", "log", "comment", "mangle", "notrack", "ct helper"};
	if (text_is_one_of(name, harmless, ARRAY_LEN(harmless)))
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
	return text_is_one_of(name, verdicts, ARRAY_LEN(verdicts));
}

static struct outcome read_statements(struct reading *reading) {
	size_t i;
	const json_t *statement;
	json_array_foreach(json_object_get(reading->at.rule, "expr"), i, statement) {
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
		enum meets meets = meets_match(&reading->at, value);
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
		struct encounter at = {
			.nft = stranger->nft, .family = stranger->family, .hook = stranger->hook, .rule = rule};
		struct reading reading = {.stranger = stranger, .at = at, .meets = MEETS, .depth = depth};
		stranger->walked++;
		struct outcome outcome = read_statements(&reading);
		json_decref(reading.at.interfaces);
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
