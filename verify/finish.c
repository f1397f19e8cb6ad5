#include "verify/finish.h"

#include "core/times.h"

/* --- the log ------------------------------------------------------------------------------------------------------ */

static bool add_nodes(struct audit *audit, struct err *err) {
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	static const char name[] = "log/nodes.jsonl";
	struct frontier_node node;
	if (!package_find(audit->package, name))
		return true; /* every entry is there */
	if (!package_lines_open(audit->package, name, 4096, &lines, err))
		return false;
	for (;;) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		if (!package_lines_next(lines, &object, err))
			return false;
		if (!object)
			return true;
		if (!frontier_node_read(object, name, &node, err))
			return false;
		frontier_add(audit->tree, &node);
	}
}

static void root_holds(struct audit *audit, const struct anchor *anchor) {
	struct hash root;
	struct err err;
	if (!merkle_root_from(anchor->size, frontier_get, audit->tree, &root, &err))
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, anchor->name,
			  "entries and nodes do not give its root: %s", err.why);
	else if (!hash_equal(&root, &anchor->root))
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, anchor->name,
			  "entries and nodes give another root than the log signed");
}

static int by_size(const void *a, const void *b) {
	const struct named_checkpoint *one = a, *other = b;
	const int order = (one->size > other->size) - (one->size < other->size);
	return order ? order : (one->index > other->index) - (one->index < other->index);
}

/* What hosts had verified: the root of the log's own entries, and one root for one size. */
static void named_hold(struct audit *audit) {
	struct hash root;
	struct err err;
	if (audit->named_count > 0)
		qsort(audit->named, audit->named_count, sizeof *audit->named, by_size);
	for (size_t i = 0; i < audit->named_count; i++) {
		const struct named_checkpoint *named = &audit->named[i];
		const bool is_new = i == 0 || named[-1].size != named->size;
		bool holds = is_new || hash_equal(&named[-1].root, &named->root);
		if (is_new && merkle_root_from(named->size, frontier_get, audit->tree, &root, &err))
			holds = hash_equal(&root, &named->root);
		else if (is_new)
			audit->named_unproved++;
		if (!holds)
			found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, "",
				  "the log forked: the host of entry %llu had verified another tree of %llu entries",
				  (unsigned long long)named->index, (unsigned long long)named->size);
	}
}

void finish_log(struct audit *audit) {
	struct err err;
	if (!add_nodes(audit, &err) || !frontier_close(audit->tree, &err)) {
		found_err(&audit->found, FOUND_LOG, "log/nodes.jsonl", &err);
		return;
	}
	root_holds(audit, &audit->anchors.head);
	for (size_t i = 0; i < audit->anchors.count; i++)
		if (audit->anchors.items[i].size <= audit->anchors.head.size)
			root_holds(audit, &audit->anchors.items[i]);
		else
			found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, audit->anchors.items[i].name,
				  "it is larger than log/checkpoint");
	named_hold(audit);
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static void tell_gaps(struct audit *audit, const struct line *line) {
	/* Of the collector's own line all is in the package, so that what is missing was left out. */
	const enum found_kind kind = !strcmp(line->purpose, "collector") ? FOUND_CONTRADICTION : FOUND_OPEN;
	for (size_t i = 0; i < line->gap_count && i < HOSTS_KEPT_MOST; i++) {
		const struct line_gap *gap = &line->gaps[i];
		char from[TIMES_TEXT], to[TIMES_TEXT];
		found_add(&audit->found, kind, FOUND_CHAINS, "",
			  "what the statements %lld to %lld of host %s (%s) say: they are missing, in %lld seconds "
			  "between %s and %s",
			  (long long)gap->first, (long long)gap->last, line->host->id, line->host->name,
			  (long long)(gap->to - gap->from), times_format(gap->from, from), times_format(gap->to, to));
	}
}

static void end_revoked(const struct audit *audit, struct line *line) {
	const struct revocation *revocation = operator_revoked(&audit->operator_line, line->enrolment);
	if (revocation && line == line->host->lines[line->host->line_count - 1])
		line_forget(line, revocation->from);
}

void finish_hosts(struct audit *audit) {
	for (size_t i = 0; i < audit->hosts.count; i++) {
		struct host *host = audit->hosts.items[i];
		for (size_t k = 0; k < host->line_count; k++) {
			end_revoked(audit, host->lines[k]);
			tell_gaps(audit, host->lines[k]);
		}
		for (size_t k = 0; k < host->rule_count; k++)
			timeline_close(&host->rules[k]->timeline);
	}
	if (audit->disclosed)
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_BODIES, "disclosures.jsonl",
			  "results are disclosed of a round that is not in the package, or out of order");
	if (audit->statements != (uint64_t)audit->manifest.statements)
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_MANIFEST, "manifest.json",
			  "it counts %lld statements, and there are %llu", (long long)audit->manifest.statements,
			  (unsigned long long)audit->statements);
}

/* --- what is open ------------------------------------------------------------------------------------------------- */

static void open_time(struct audit *audit) {
	const struct anchors *anchors = &audit->anchors;
	if (!audit->trusted->trust->timestamp)
		found_add(&audit->found, FOUND_OPEN, FOUND_ANCHORS, "",
			  "what time-stamp authorities signed: the trust file has none");
	if (!audit->trusted->witnesses)
		found_add(&audit->found, FOUND_OPEN, FOUND_ANCHORS, "",
			  "that everybody sees the same log: the trust file has no witness policy");
	else if (anchors->witnessed == 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_ANCHORS, "",
			  "that everybody sees the same log: no checkpoint reaches the quorum of the witness policy");
	if (audit->unbounded > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, "",
			  "when %llu of %llu statements of the period were there: nobody but the collector says so, no "
			  "time-stamp or quorum of witnesses comes behind them",
			  (unsigned long long)audit->unbounded, (unsigned long long)audit->in_period);
	for (size_t i = 0; i < anchors->count; i++)
		if (anchors->items[i].is_stamped && anchors->items[i].stamp_ends < audit->now)
			found_add(
				&audit->found, FOUND_OPEN, FOUND_ANCHORS, anchors->items[i].name,
				"whether its time-stamp still holds: the authority's certificate has ended and it was "
				"not renewed");
	if (audit->named_unproved > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_LOG, "",
			  "whether %zu checkpoints that hosts had verified are of this log: the package does not have "
			  "the nodes for it",
			  audit->named_unproved);
}

static void open_keys(struct audit *audit) {
	bool has_collector = false;
	for (size_t i = 0; i < audit->hosts.count; i++)
		for (size_t k = 0; k < audit->hosts.items[i]->line_count; k++) {
			const struct line *line = audit->hosts.items[i]->lines[k];
			has_collector |= !strcmp(line->purpose, "collector");
			if (!line->is_vouched && !line->is_broken)
				found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, "",
					  "that the key of entry %llu is the one of host %s (%s): the log says so, the "
					  "trust file does not",
					  (unsigned long long)line->index, line->host->id, line->host->name);
		}
	if (!has_collector)
		found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, "",
			  "what the operator erased or revoked: the collector's own line is not in the package");
}

/* Of all hosts everything of the period is shown, so that between its first and its last entry none can be missing. */
static void open_entries(struct audit *audit) {
	const uint64_t entries = audit->last_in_period - audit->first_in_period;
	const uint64_t shown = audit->last_place - audit->first_place;
	if (json_array_size(audit->manifest.hosts) == 0 && entries > shown)
		found_add(&audit->found, FOUND_OPEN, FOUND_LOG, "",
			  "what %llu entries of the log between the first and the last of the period are: the package "
			  "is of all hosts, and does not show them",
			  (unsigned long long)(entries - shown));
}

static bool is_host_of(const struct audit *audit, const struct host *host) {
	const struct line *line = host->lines[host->line_count - 1];
	const struct revocation *revocation = operator_revoked(&audit->operator_line, line->enrolment);
	return !*line->purpose && !(revocation && revocation->from <= audit->manifest.from);
}

static void open_silent(struct audit *audit) {
	for (size_t i = 0; i < audit->hosts.count; i++) {
		const struct host *host = audit->hosts.items[i];
		if (host->rounds == 0 && is_host_of(audit, host))
			found_add(&audit->found, FOUND_OPEN, FOUND_TIMELINE, host->id,
				  "anything about this host (%s): no round of it was received in the period",
				  host->name);
	}
}

/* A log that is cut off at an anchor agrees with itself. */
static void open_tail(struct audit *audit) {
	const struct anchor *head = &audit->anchors.head;
	const int64_t signed_by = head->size > 0 ? anchors_upper(&audit->anchors, head->size - 1) : INT64_MAX;
	char at[TIMES_TEXT], to[TIMES_TEXT];
	if (signed_by != INT64_MAX && audit->manifest.to - signed_by > AUDIT_TAIL)
		found_add(&audit->found, FOUND_OPEN, FOUND_LOG, head->name,
			  "what the log took in from %s on: it had been signed by then, and the period ends at %s",
			  times_format(signed_by, at), times_format(audit->manifest.to, to));
}

static bool is_told(const struct trust *trust, size_t key) {
	for (size_t i = 0; i < key; i++)
		if (!strcmp(trust->keys[i].host, trust->keys[key].host))
			return true;
	return false;
}

/* Hosts that who trusts knows, and a package of all does not. */
static void open_hidden(struct audit *audit) {
	const struct trust *trust = audit->trusted->trust;
	for (size_t i = 0; i < trust->key_count; i++) {
		const struct trust_key *key = &trust->keys[i];
		const bool is_own = trust->collector && !strcmp(trust->collector->host, key->host);
		if (!is_own && key->from < audit->manifest.to && !hosts_find(&audit->hosts, key->host) &&
		    !is_told(trust, i))
			found_add(&audit->found, FOUND_OPEN, FOUND_TIMELINE, key->host,
				  "anything about this host (%s): the trust file has a key of it, the package is of "
				  "all hosts, and it is not there",
				  key->name);
	}
}

static void open_hosts(struct audit *audit) {
	size_t index;
	const json_t *wanted;
	if (json_array_size(audit->manifest.hosts) == 0) {
		open_silent(audit);
		open_hidden(audit);
	}
	json_array_foreach(audit->manifest.hosts, index, wanted) {
		const struct host *host = hosts_find(&audit->hosts, json_string_value(wanted));
		if (!host || host->rounds == 0)
			found_add(&audit->found, FOUND_OPEN, FOUND_TIMELINE, json_string_value(wanted),
				  "anything about this host: no round of it was received in the period");
	}
}

void finish_open(struct audit *audit) {
	open_time(audit);
	open_keys(audit);
	open_entries(audit);
	open_tail(audit);
	open_hosts(audit);
}
