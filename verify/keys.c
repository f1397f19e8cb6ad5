/* Keys: an enrolment begins a line; each statement is signed by the key of its line's epoch. */
#include "core/base64.h"
#include "core/entry.h"
#include "verify/shown.h"

static bool refuse(struct audit *audit, const struct shown *shown, const char *why) {
	found_add(&audit->found, FOUND_CONTRADICTION, FOUND_KEYS, shown->where, "%s", why);
	return false;
}

static bool read_key(const char *base64, const char *name, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	return base64 && base64_decode(base64, strlen(base64), name, &der, err) &&
	       key_from_public_der(der.data, der.len, name, ret_key, err);
}

/* The entry of the envelope as signed by this key, as a leaf of the tree. */
static bool join_tree(struct audit *audit, const struct shown *shown, EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf entry = {0};
	struct err err;
	if (!entry_write(shown->envelope, key, &entry, &err))
		return false;
	const struct frontier_node leaf = {
		.level = 0, .index = shown->index, .hash = merkle_leaf(entry.data, entry.len)};
	frontier_add(audit->tree, &leaf);
	return true;
}

/* --- enrolment ---------------------------------------------------------------------------------------------------- */

static void vouch_collector(struct audit *audit, const struct shown *shown, struct line *line) {
	const struct trust_key *collector = audit->trusted->trust->collector;
	if (!collector)
		return;
	line->is_vouched = hash_equal(&collector->id, &line->key_id) && !strcmp(collector->host, line->host->id);
	if (!line->is_vouched) {
		line->is_broken = true;
		refuse(audit, shown, "a collector's own line by another key than the trust file's collectorKey");
	}
}

static void vouch(struct audit *audit, const struct shown *shown, struct line *line) {
	if (!strcmp(line->purpose, "collector")) {
		vouch_collector(audit, shown, line);
		return;
	}
	const enum trusted_says says = trusted_on(audit->trusted, line->host->id, &line->key_id);
	line->is_vouched = says == TRUSTED_VOUCHES;
	if (says == TRUSTED_OTHERWISE) {
		line->is_broken = true;
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_KEYS, shown->where,
			  "host %s (%s) is enrolled with another key than the trust file has for it", line->host->id,
			  line->host->name);
	}
}

/* There is one operator, and one line that says what he did. */
static bool is_second_collector(const struct audit *audit, const struct shown *shown) {
	const char *purpose = shown->statement->purpose;
	for (size_t i = 0; purpose && !strcmp(purpose, "collector") && i < audit->hosts.count; i++)
		for (size_t k = 0; k < audit->hosts.items[i]->line_count; k++)
			if (!strcmp(audit->hosts.items[i]->lines[k]->purpose, "collector"))
				return true;
	return false;
}

/* A key that another line has enrolled, of whatever host; or one of an epoch of this host, which a trust file may have
 * beside the enrolled ones, and which a thief of its memory has. */
static bool is_taken(const struct audit *audit, const struct host *host, const struct hash *key_id) {
	for (size_t k = 0; host && k < host->line_count; k++)
		for (size_t i = 0; i < host->lines[k]->epoch_count; i++)
			if (hash_equal(&host->lines[k]->epochs[i], key_id))
				return true;
	for (size_t i = 0; i < audit->hosts.count; i++)
		for (size_t k = 0; k < audit->hosts.items[i]->line_count; k++)
			if (hash_equal(&audit->hosts.items[i]->lines[k]->key_id, key_id))
				return true;
	return false;
}

static struct line *begin_line(struct audit *audit, const struct shown *shown, EVP_PKEY *key) {
	const struct statement *statement = shown->statement;
	struct host *host = hosts_find(&audit->hosts, statement->host_id);
	if (!host)
		host = hosts_add(&audit->hosts, statement->host_id, statement->host_name);
	for (size_t i = 0; i < host->line_count; i++)
		line_forget(host->lines[i],
			    shown->counted < statement->started_at ? shown->counted : statement->started_at);
	struct line *line = host_begin(host);
	memcpy(line->enrolment, shown->id, sizeof line->enrolment);
	line->index = shown->index;
	line->purpose = xstrdup(statement->purpose ? statement->purpose : "");
	line->enrolled = key;
	line->key_id = key_id(key);
	line->boot = xstrdup(statement->boot_id);
	return line;
}

static bool enrol(struct audit *audit, const struct shown *shown, struct line **ret_line) {
	EVP_PKEY *key = NULL;
	struct err err;
	const struct host *host = hosts_find(&audit->hosts, shown->statement->host_id);
	if (!read_key(shown->statement->evidence_key, "evidenceKey", &key, &err) || !join_tree(audit, shown, key)) {
		EVP_PKEY_free(key);
		return refuse(audit, shown, "an enrolment that is not signed by the evidence key that it names");
	}
	if (is_second_collector(audit, shown)) {
		EVP_PKEY_free(key);
		return refuse(audit, shown, "a second line that says that it is the collector's own");
	}
	const struct hash id = key_id(key);
	const bool is_taken_key = is_taken(audit, host, &id);
	if (is_taken_key || (!host && audit->hosts.count == HOSTS_MOST) ||
	    (host && host->line_count == HOSTS_LINES_MOST)) {
		EVP_PKEY_free(key);
		return refuse(audit, shown,
			      is_taken_key ? "an enrolment with a key that is enrolled already, or an epoch's"
					   : "more hosts, or enrolments of one, than the cap");
	}
	struct line *line = begin_line(audit, shown, key);
	vouch(audit, shown, line);
	*ret_line = line;
	return !line->is_broken;
}

/* --- what follows ------------------------------------------------------------------------------------------------- */

/* What the enrolled key may sign behind an epoch, and the epoch's own: docs/FORMAT.md 1.1. */
static bool may_sign(struct audit *audit, const struct shown *shown, const struct line *line, bool is_by_epoch) {
	if (is_by_epoch || !line->epoch || shown_is(shown, "epoch"))
		return true;
	return refuse(audit, shown, "signed by the enrolled key, which behind an epoch signs nothing but the next");
}

static bool is_live(struct audit *audit, const struct shown *shown, const struct line *line) {
	const struct host *host = line->host;
	if (line != host->lines[host->line_count - 1]) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_KEYS, shown->where,
			  "two lines of host %s (%s) are alive at once: this is of one that ended when entry %llu "
			  "enrolled the host anew",
			  host->id, host->name, (unsigned long long)host->lines[host->line_count - 1]->index);
		return false;
	}
	const struct revocation *revocation = operator_revoked(&audit->operator_line, line->enrolment);
	if (revocation && shown->index > revocation->index) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_KEYS, shown->where,
			  "a statement of a line that entry %llu revoked: %s", (unsigned long long)revocation->index,
			  revocation->reason);
		return false;
	}
	return true;
}

/* The newest line of the host one of whose keys signed. */
static bool find_line(struct audit *audit, const struct shown *shown, struct line **ret_line, bool *ret_is_by_epoch) {
	const struct host *host = hosts_find(&audit->hosts, shown->statement->host_id);
	if (!host)
		return refuse(audit, shown, "a statement of a host whose enrolment was not shown before it");
	for (size_t i = host->line_count; i-- > 0;) {
		struct line *line = host->lines[i];
		*ret_line = line;
		*ret_is_by_epoch = line->epoch && join_tree(audit, shown, line->epoch);
		if (*ret_is_by_epoch || join_tree(audit, shown, line->enrolled))
			return true;
	}
	return refuse(audit, shown,
		      "its signature is by none of the keys of its host: not the enrolled one, nor that of "
		      "the epoch");
}

bool shown_keys(struct audit *audit, const struct shown *shown, struct line **ret_line) {
	bool is_by_epoch;
	struct line *line;
	if (shown_is(shown, "enrolment"))
		return enrol(audit, shown, ret_line);
	if (!find_line(audit, shown, &line, &is_by_epoch))
		return false;
	if (line->is_broken || !is_live(audit, shown, line) || !may_sign(audit, shown, line, is_by_epoch))
		return false;
	if (strcmp(line->purpose, "collector") != 0 && statement_is_collectors(shown->statement))
		return refuse(audit, shown, "of a type that only the collector's own line has");
	if (*line->purpose && shown_is(shown, "round"))
		return refuse(audit, shown,
			      "a round in a line that looks at nothing: it attests, or is the collector's");
	if (shown_is(shown, "epoch") && is_by_epoch != !strcmp(shown->statement->reason, "rotation"))
		return refuse(audit, shown,
			      is_by_epoch ? "an epoch by the key before it, for another reason than rotation"
					  : "a rotation that is signed by the enrolled key");
	*ret_line = line;
	return true;
}
