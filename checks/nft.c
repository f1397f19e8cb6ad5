/* What the loaded packet filter does with what no rule names, at each hook and for both families. */
#include "core/nft.h"
#include "core/check.h"
#include "core/stranger.h"

static const struct check_param params[] = {
	{"hooks", VALUE_STRINGS, false, "Hooks to look at, of input, forward and output (default input)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "hook", .type = VALUE_STRING, .about = "input, forward or output."},
	{.name = "family", .type = VALUE_STRING, .about = "ip or ip6; a chain of an inet table counts for both."},
	{.name = "has_chain", .type = VALUE_BOOL, .about = "Whether a filter is attached there at all."},
	{.name = "chains",
	 .type = VALUE_STRINGS,
	 .about = "The base chains there: family, table, name, priority and policy, in the ruleset's order."},
	{.name = "effective",
	 .type = VALUE_STRING,
	 .about = "drop or accept: what becomes of a new connection that no rule names, from any interface but "
		  "loopback. "
		  "A packet passes every base chain, so one that drops is enough."},
	{.name = "open_interfaces",
	 .type = VALUE_STRINGS,
	 .about = "Interfaces over which everything is accepted although the rest is dropped; sorted as in the rules."},
	{.name = "legacy",
	 .type = VALUE_BOOL,
	 .about = "Whether iptables-legacy holds a filter table beside nftables."},
	{0},
};

static const char *const patterns[] = {NFT_SOURCE, NFT_LEGACY_PATTERNS, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, NFT_SOURCE);
	nft_name_legacy(names);
}

/* One hook in one family. */
struct place {
	const struct nft *nft;
	const char *hook, *family;
	json_t *chains, *open;                  /* strings; open is NULL until a chain drops */
	bool is_dropped, is_opaque, has_legacy; /* is_opaque: of a chain that does not drop for certain */
};

static bool is_here(const struct place *place, const json_t *chain) {
	const char *family = nft_text(chain, "family");
	return !strcmp(nft_text(chain, "hook"), place->hook) && strcmp(nft_text(chain, "type"), "nat") != 0 &&
	       (!strcmp(family, "inet") || !strcmp(family, place->family));
}

/* What is open at one chain that drops is closed by another that does not open it. */
static void keep_common(json_t *open, const json_t *others) {
	for (size_t i = json_array_size(open); i > 0; i--) {
		bool is_common = false;
		size_t j;
		const json_t *other;
		json_array_foreach(others, j, other) is_common |= json_equal(other, json_array_get(open, i - 1));
		if (!is_common)
			json_array_remove(open, i - 1);
	}
}

static void look_at_chain(struct place *place, const json_t *chain) {
	const char *policy = nft_text(chain, "policy");
	CLEANUP(free_ptr)
	char *text =
		xasprintf("%s %s %s %d %s", nft_text(chain, "family"), nft_text(chain, "table"),
			  nft_text(chain, "name"), (int)json_integer_value(json_object_get(chain, "prio")), policy);
	json_array_append_new(place->chains, json_text(text));
	CLEANUP(json_decref_p) json_t *interfaces = json_array();
	struct stranger stranger = {place->nft, place->family, place->hook, interfaces, false, 0};
	bool is_dropped = stranger_fate(&stranger, chain) == FATE_DROP;
	bool is_unclear = stranger.is_opaque || nft_is_unclear(place->nft, chain);
	place->is_opaque |= is_unclear;
	if (!is_dropped || is_unclear)
		return;
	place->is_dropped = true;
	if (place->open)
		keep_common(place->open, interfaces);
	else
		place->open = json_incref(interfaces);
}

/* Without a chain that drops for certain, rules that cannot be read leave it open what happens. */
static bool is_proved(const struct place *place, struct err *err) {
	if (place->is_dropped)
		return true;
	if (place->is_opaque)
		return err_set(
			err, ERR_UNPROVED, NFT_SOURCE,
			"at hook %s (%s) decides what nft does not show in full: rules made by iptables, a queue, or a "
			"table that may be dormant",
			place->hook, place->family);
	if (place->has_legacy)
		return err_set(err, ERR_UNPROVED, NFT_SOURCE,
			       "at hook %s (%s) iptables-legacy has a filter of its own, which nft does not list",
			       place->hook, place->family);
	return true;
}

static bool look_at(struct place *place, const struct sources *fetched, json_t *rows, struct err *err) {
	size_t i;
	const json_t *chain;
	json_array_foreach(place->nft->base_chains, i, chain) {
		if (is_here(place, chain))
			look_at_chain(place, chain);
	}
	if (!nft_has_legacy(fetched, place->family, "filter", &place->has_legacy, err) || !is_proved(place, err))
		return false;
	json_t *row = json_pack("{s:s, s:s, s:b, s:O, s:s, s:b}", "hook", place->hook, "family", place->family,
				"has_chain", json_array_size(place->chains) > 0, "chains", place->chains, "effective",
				place->is_dropped ? "drop" : "accept", "legacy", place->has_legacy);
	if (place->open)
		json_object_set(row, "open_interfaces", place->open);
	json_array_append_new(rows, row);
	return true;
}

static bool look_at_hook(const struct nft *nft, const char *hook, const struct sources *fetched, json_t *rows,
			 struct err *err) {
	static const char *const families[] = {"ip", "ip6"};
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		CLEANUP(json_decref_p) json_t *chains = json_array();
		struct place place = {.nft = nft, .hook = hook, .family = families[i], .chains = chains};
		bool is_seen = look_at(&place, fetched, rows, err);
		json_decref(place.open);
		if (!is_seen)
			return false;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(nft_done) struct nft nft = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!nft_need(fetched, &nft, err))
		return false;
	const char *hook = param_strings_at(with, "hooks", 0);
	for (size_t i = 0; hook || i == 0; hook = param_strings_at(with, "hooks", ++i))
		if (!look_at_hook(&nft, hook ? hook : "input", fetched, rows, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_nft = {
	.name = "nft",
	.about = "What the loaded packet filter does with new connections that no rule names.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
