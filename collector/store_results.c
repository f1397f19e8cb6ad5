#include "collector/sql.h"
#include "collector/store.h"

bool store_host_put(struct store *store, const struct store_host *host, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO hosts(id, name, os, environment, policies, sequence, collected, received, enrolled,"
		       " purpose) VALUES(?1, ?2, ?3, ?4, ifnull(?5, '[]'), ?6, ?7, ?8, ?8, ifnull(?9, '')) ON "
		       "CONFLICT(id) DO UPDATE SET name = ?2, os "
		       "= ?3,"
		       " environment = ?4, policies = ifnull(?5, policies), sequence = ?6, collected = iif(?7 > 0, ?7, "
		       "collected), received = ?8, purpose = iif(?9 = '', '', purpose)",
		       "tttttiiit", host->id, host->name, host->os, host->environment, host->policies, host->sequence,
		       host->collected, host->received, host->purpose);
}

static bool hosts_for(struct store *store, const char *purpose,
		      void (*visit)(void *context, const struct store_host *host), void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT id, name, os, environment, policies, sequence, collected, received, enrolled,"
		      " ifnull((SELECT max(expires) FROM certificates WHERE host = id), 0),"
		      " (SELECT count(*) FROM findings WHERE host = hosts.id AND kind IN ('gap', 'fork'))"
		      " + ifnull((SELECT sum(count) FROM counted WHERE host = hosts.id AND kind = 'fork'), 0),"
		      " (SELECT count(*) FROM hosts h WHERE h.name = hosts.name AND h.purpose = hosts.purpose),"
		      " EXISTS(SELECT 1 FROM lines l JOIN findings f ON f.host = l.host AND f.at >= l.started"
		      "  WHERE l.host = hosts.id AND ended = 0 AND kind IN ('gap', 'fork')),"
		      " (SELECT count(*) FROM findings WHERE host = hosts.id)"
		      " + ifnull((SELECT sum(count) FROM counted WHERE host = hosts.id), 0),"
		      " EXISTS(SELECT 1 FROM lines WHERE host = hosts.id AND ended = 0 AND known = 2),"
		      " (SELECT label FROM host_groups g WHERE g.host = hosts.id ORDER BY g.id DESC LIMIT 1)"
		      " FROM hosts WHERE purpose = ? ORDER BY id",
		      "t", purpose))
		return false;
	while (sql_next(&query)) {
		struct store_host host = {
			.id = sql_text(&query, 0),
			.name = sql_text(&query, 1),
			.os = sql_text(&query, 2),
			.environment = sql_text(&query, 3),
			.policies = sql_text(&query, 4),
			.sequence = sql_int(&query, 5),
			.collected = sql_int(&query, 6),
			.received = sql_int(&query, 7),
			.enrolled = sql_int(&query, 8),
			.certificate_expires = sql_int(&query, 9),
			.breaks = sql_int(&query, 10),
			.is_name_shared = sql_int(&query, 11) > 1,
			.is_broken = sql_int(&query, 12) != 0,
			.purpose = purpose,
			.findings = sql_int(&query, 13),
			.is_incomplete = sql_int(&query, 14) != 0,
			.group = sql_text(&query, 15),
		};
		visit(context, &host);
	}
	return sql_ok(&query, err);
}

bool store_hosts(struct store *store, void (*visit)(void *context, const struct store_host *host), void *context,
		 struct err *err) {
	return hosts_for(store, "", visit, context, err);
}

bool store_attesters(struct store *store, void (*visit)(void *context, const struct store_host *host), void *context,
		     struct err *err) {
	return hosts_for(store, "attestation", visit, context, err);
}

/* Whether the history already says what this result says. */
static bool is_continued(struct store *store, const struct store_result *r, int64_t stood_until, bool *ret_is_continued,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT 1 FROM results WHERE host = ? AND rule = ? AND verdict = ? AND waived_until = ?"
		      " AND max(expires, ?) >= ?",
		      "tttiii", r->host, r->rule, r->verdict, r->waived_until, stood_until, r->collected))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_is_continued = is_found;
	return true;
}

static bool add_history(struct store *store, const struct store_result *r, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO history(host, rule, verdict, collected, expires, received, waived_until, statement)"
		       " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
		       "tttiiiit", r->host, r->rule, r->verdict, r->collected, r->expires, r->received, r->waived_until,
		       r->statement);
}

bool store_result_put(struct store *store, const struct store_result *r, int64_t stood_until, struct err *err) {
	bool is_same = false;
	if (!is_continued(store, r, stood_until, &is_same, err) || (!is_same && !add_history(store, r, err)))
		return false;
	return sql_run(store, err,
		       "INSERT OR REPLACE INTO results(host, rule, verdict, kind, severity, controls, key, collected,"
		       " expires, received, waived_until, statement, leaf, json)"
		       " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       "ttttttiiiiitbt", r->host, r->rule, r->verdict, r->kind, r->severity, r->controls,
		       (int64_t)r->key, r->collected, r->expires, r->received, r->waived_until, r->statement,
		       r->leaf ? r->leaf->bytes : NULL, r->leaf ? sizeof r->leaf->bytes : (size_t)0, r->json);
}

bool store_result_again(struct store *store, const char *host, const char *rule, const struct store_standing *standing,
			const char *statement, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO history(host, rule, verdict, collected, expires, received, waived_until, statement)"
		       " SELECT host, rule, verdict, ?, ?, ?, waived_until, ? FROM results WHERE host = ? AND rule = ?",
		       "iiittt", standing->collected, standing->collected + standing->valid, standing->received,
		       statement, host, rule);
}

bool store_result_stood(struct store *store, const char *host, const char *rule, const struct store_standing *standing,
			struct err *err) {
	return sql_run(
		store, err, "UPDATE results SET collected = ?, expires = ?, received = ? WHERE host = ? AND rule = ?",
		"iiitt", standing->collected, standing->collected + standing->valid, standing->received, host, rule);
}

bool store_results_withdraw(struct store *store, const char *host, const char *statement, int64_t received,
			    struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO history(host, rule, verdict, collected, expires, received, waived_until, statement)"
		       " SELECT host, rule, 'withdrawn', ?3, ?3, ?3, 0, ?2 FROM results"
		       " WHERE host = ?1 AND statement <> ?2",
		       "tti", host, statement, received) &&
	       sql_run(store, err, "DELETE FROM results WHERE host = ? AND statement <> ?", "tt", host, statement);
}

#define RESULT                                                                                                         \
	"SELECT host, rule, verdict, kind, severity, controls, key, collected, expires, received, waived_until,"       \
	" statement"
#define CHANGED                                                                                                        \
	", json, ifnull((SELECT c.json FROM changes c WHERE c.host = results.host AND c.rule = results.rule), '')"
#define WHERE                                                                                                          \
	" FROM results WHERE (?1 IS NULL OR host = ?1) AND (?2 IS NULL OR rule = ?2) AND (host, rule) > (?3, ?4)"      \
	" AND (?5 IS NULL OR instr(',' || controls || ',', ',' || ?5 || ',') > 0)"                                     \
	" ORDER BY host, rule"

/* Times of the last look, of the rows of one host after the other. */
struct looks {
	char host[STORE_HOST_ID];
	const struct store_current *current;
	int64_t revoked;
};

static bool look_of(struct store *store, struct looks *looks, struct store_result *result, struct err *err) {
	size_t at;
	if (!looks->current || strcmp(looks->host, result->host) != 0) {
		CLEANUP(store_line_done) struct store_line line = {0};
		if (!store_line_last(store, result->host, &line, err) ||
		    !store_current(store, line.id, &looks->current, err))
			return false;
		snprintf(looks->host, sizeof looks->host, "%s", result->host);
		looks->revoked = line.revoked;
	}
	if (looks->current->known == STORE_KNOWN && state_find(looks->current->state, result->rule, &at)) {
		const struct store_standing *standing = &looks->current->standing[at];
		result->collected = standing->collected;
		result->expires = standing->collected + standing->valid;
		result->received = standing->received;
	}
	result->is_revoked = looks->revoked > 0 && result->received >= looks->revoked;
	return true;
}

static bool open_results(struct store *store, const struct store_filter *filter, struct sql *query, struct err *err) {
	const char *after_host = filter->after_host ? filter->after_host : "";
	const char *after_rule = filter->after_rule ? filter->after_rule : "";
	return filter->with_json ? sql_open(store, query, err, RESULT CHANGED WHERE, "ttttt", filter->host,
					    filter->rule, after_host, after_rule, filter->control)
				 : sql_open(store, query, err, RESULT WHERE, "ttttt", filter->host, filter->rule,
					    after_host, after_rule, filter->control);
}

bool store_results(struct store *store, const struct store_filter *filter, store_visit_result visit, void *context,
		   struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	struct looks looks = {0};
	bool is_enough = false;
	if (!open_results(store, filter, &query, err))
		return false;
	while (!is_enough && sql_next(&query)) {
		struct store_result result = {
			.host = sql_text(&query, 0),
			.rule = sql_text(&query, 1),
			.verdict = sql_text(&query, 2),
			.kind = sql_text(&query, 3),
			.severity = sql_text(&query, 4),
			.controls = sql_text(&query, 5),
			.key = sql_int(&query, 6) != 0,
			.collected = sql_int(&query, 7),
			.expires = sql_int(&query, 8),
			.received = sql_int(&query, 9),
			.waived_until = sql_int(&query, 10),
			.statement = sql_text(&query, 11),
			.json = filter->with_json ? sql_text(&query, 12) : NULL,
			.changed = filter->with_json ? sql_text(&query, 13) : NULL,
		};
		if (!look_of(store, &looks, &result, err))
			return false;
		is_enough = !visit(context, &result);
	}
	return sql_ok(&query, err);
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

bool store_finding_last(struct store *store, int64_t *ret_id, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT max(id) FROM findings", ""))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_id = is_found ? sql_int(&query, 0) : 0;
	return true;
}

bool store_finding_counts(struct store *store, const char *host,
			  void (*visit)(void *context, const char *host, const char *kind, int64_t count),
			  void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT host, kind, sum(n) FROM"
		      " (SELECT host, kind, count(*) AS n FROM findings GROUP BY host, kind"
		      "  UNION ALL SELECT host, kind, count FROM counted)"
		      " WHERE ?1 IS NULL OR host = ?1 GROUP BY host, kind ORDER BY host, kind",
		      "t", host))
		return false;
	while (sql_next(&query))
		visit(context, sql_text(&query, 0), sql_text(&query, 1), sql_int(&query, 2));
	return sql_ok(&query, err);
}

bool store_finding_put(struct store *store, const struct store_finding *finding, struct err *err) {
	return sql_run(store, err, "INSERT INTO findings(host, kind, at, text, statement) VALUES(?, ?, ?, ?, ?)",
		       "ttitt", finding->host, finding->kind, finding->at, finding->text, finding->statement);
}

bool store_findings(struct store *store, const char *host, int64_t after, int64_t limit,
		    void (*visit)(void *context, const struct store_finding *finding), void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT id, host, kind, at, text, statement FROM findings"
		      " WHERE id > ?1 AND (?2 IS NULL OR host = ?2) ORDER BY id LIMIT ?3",
		      "iti", after, host, limit))
		return false;
	while (sql_next(&query)) {
		const struct store_finding finding = {
			.id = sql_int(&query, 0),
			.host = sql_text(&query, 1),
			.kind = sql_text(&query, 2),
			.at = sql_int(&query, 3),
			.text = sql_text(&query, 4),
			.statement = sql_text(&query, 5),
		};
		visit(context, &finding);
	}
	return sql_ok(&query, err);
}
