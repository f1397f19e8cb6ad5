#include "core/nft.h"

#include "core/lines.h"
#include "core/text.h"

const char *nft_text(const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

const char *nft_name(const json_t *statement, const json_t **ret_value) {
	void *member = json_object_iter((json_t *)(uintptr_t)statement);
	*ret_value = member ? json_object_iter_value(member) : NULL;
	return member ? json_object_iter_key(member) : "";
}

static char *key_of(const json_t *owner, const char *name) {
	return xasprintf("%s %s %s", nft_text(owner, "family"), nft_text(owner, "table"), name);
}

static void index_rule(struct nft *nft, const json_t *rule) {
	CLEANUP(free_ptr) char *key = key_of(rule, nft_text(rule, "chain"));
	json_t *rules = json_object_get(nft->rules, key);
	if (!rules) {
		rules = json_array();
		json_object_set_new(nft->rules, key, rules);
	}
	json_array_append(rules, (json_t *)(uintptr_t)rule);
}

static void index_set(struct nft *nft, const json_t *set) {
	CLEANUP(free_ptr) char *key = key_of(set, nft_text(set, "name"));
	json_object_set(nft->sets, key, (json_t *)(uintptr_t)set);
}

static const json_t *table_of(const struct nft *nft, const json_t *chain) {
	size_t i;
	const json_t *object;
	json_array_foreach(nft->list, i, object) {
		const json_t *table = json_object_get(object, "table");
		if (table && !strcmp(nft_text(table, "family"), nft_text(chain, "family")) &&
		    !strcmp(nft_text(table, "name"), nft_text(chain, "table")))
			return table;
	}
	return NULL;
}

/* A flag stands alone or in an array. */
static bool has_flag(const json_t *table, const char *flag) {
	const json_t *flags = json_object_get(table, "flags"), *other;
	size_t i;
	json_array_foreach(flags, i, other) {
		if (json_is_string(other) && !strcmp(json_string_value(other), flag))
			return true;
	}
	return !strcmp(nft_text(table, "flags"), flag);
}

bool nft_is_unclear(const struct nft *nft, const json_t *chain) {
	const json_t *table = table_of(nft, chain), *flags = json_object_get(table, "flags");
	bool is_known = has_flag(table, "dormant") || has_flag(table, "owner") || has_flag(table, "persist");
	return json_is_string(flags) && (!is_known || !strcmp(json_string_value(flags), nft_text(table, "name")));
}

/* A table may be put to sleep with all its chains. */
static bool is_dormant(const struct nft *nft, const json_t *chain) {
	return !nft_is_unclear(nft, chain) && has_flag(table_of(nft, chain), "dormant");
}

bool nft_need(const struct sources *fetched, struct nft *ret_nft, struct err *err) {
	json_t *value = NULL, *list = NULL;
	if (!source_need_json(fetched, NFT_SOURCE, &value, err) ||
	    !json_get_array(value, "nftables", NFT_SOURCE, &list, err))
		return false;
	struct nft nft = {list, json_object(), json_object(), json_array()};
	size_t i;
	const json_t *object;
	json_array_foreach(list, i, object) {
		const json_t *inner = NULL;
		const char *name = nft_name(object, &inner);
		if (!strcmp(name, "rule"))
			index_rule(&nft, inner);
		else if (!strcmp(name, "set") || !strcmp(name, "map"))
			index_set(&nft, inner);
		else if (!strcmp(name, "chain") && json_object_get(inner, "hook") && !is_dormant(&nft, inner))
			json_array_append(nft.base_chains, (json_t *)(uintptr_t)inner);
	}
	*ret_nft = nft;
	return true;
}

void nft_done(struct nft *nft) {
	json_decref(nft->rules);
	json_decref(nft->sets);
	json_decref(nft->base_chains);
	*nft = (struct nft){0};
}

const json_t *nft_rules(const struct nft *nft, const json_t *owner, const char *chain) {
	CLEANUP(free_ptr) char *key = key_of(owner, chain);
	return json_object_get(nft->rules, key);
}

const json_t *nft_elements(const struct nft *nft, const json_t *owner, const char *reference) {
	CLEANUP(free_ptr) char *key = key_of(owner, reference + (reference[0] == '@'));
	return json_object_get(json_object_get(nft->sets, key), "elem");
}

static const char *legacy_source(const char *family) {
	return !strcmp(family, "ip") ? "file:/proc/net/ip_tables_names" : "file:/proc/net/ip6_tables_names";
}

void nft_name_legacy(struct names *names) {
	names_add(names, legacy_source("ip"));
	names_add(names, legacy_source("ip6"));
}

bool nft_has_legacy(const struct sources *fetched, const char *family, const char *table, bool *ret_has,
		    struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, legacy_source(family), &source, err))
		return false;
	CLEANUP(lines_done)
	struct lines lines =
		lines_over(legacy_source(family), source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	bool has = false;
	char *line;
	while ((line = lines_next(&lines)))
		has |= !strcmp(text_trim(line), table);
	if (!lines_ok(&lines, err))
		return false;
	*ret_has = has;
	return true;
}
