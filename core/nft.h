/* The loaded ruleset, as `nft -j list ruleset` prints it (libnftables-json(5)), made easy to walk. */
#pragma once

#include "core/check.h"

#define NFT_SOURCE "nft:ruleset"

struct nft {
	const json_t *list;  /* borrowed from the source: the objects in order */
	json_t *rules;       /* owned: {"family table chain": [rule...]} */
	json_t *sets;        /* owned: {"family table name": set or map} */
	json_t *base_chains; /* owned: chains with a hook, of tables that are not dormant */
};

/* The ruleset of the round's sources; the caller nft_done()s it. */
MUST_CHECK bool nft_need(const struct sources *fetched, struct nft *ret_nft, struct err *err);
void nft_done(struct nft *nft);
/* The rules of a chain; NULL when it has none. owner: a chain or rule of the same table. */
const json_t *nft_rules(const struct nft *nft, const json_t *owner, const char *chain);
/* The elements of a named set or map of the owner's table, from "@name"; NULL when there are none. */
const json_t *nft_elements(const struct nft *nft, const json_t *owner, const char *reference);
/* Whether a base chain's table has a flag that nft 1.0.6 prints wrongly (its own name in its place): whether it is
 * dormant, and so without effect, cannot be told. */
bool nft_is_unclear(const struct nft *nft, const json_t *chain);
/* A string member, "" when it is not there. */
const char *nft_text(const json_t *object, const char *member);
/* The name of a statement or expression: the only key of its object; and its value. */
const char *nft_name(const json_t *statement, const json_t **ret_value);

#define NFT_LEGACY_PATTERNS "file:/proc/net/ip_tables_names", "file:/proc/net/ip6_tables_names"
void nft_name_legacy(struct names *names);
/* Whether iptables-legacy holds tables of this family ("ip", "ip6") beside nftables, whose rules nft does not list. */
MUST_CHECK bool nft_has_legacy(const struct sources *fetched, const char *family, const char *table, bool *ret_has,
			       struct err *err);
