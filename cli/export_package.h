/* vouch export --package: what its parts share. cli/export_package.c coordinates; each part is a file of its own. */
#pragma once

#include "cli/export_evidence.h"
#include "cli/reader.h"
#include "core/frontier.h"
#include "core/package_write.h"
#include "core/policy_outline.h"
#include "core/state.h"

struct export_query {
	struct texts hosts, controls;
	int64_t from, to;
	const char *by;
	int64_t created;
};

struct export_policy { /* one that was sealed, by the digest of its bytes */
	char sha256[HASH_HEX];
	struct policy_outline *outline;
};

/* A line of statements, while they are gone through in the log's order. */
struct export_line {
	int64_t id;
	EVP_PKEY *enrolled, *epoch; /* epoch NULL: there is none yet */
	int64_t sequence;           /* of its last statement in the package */
	struct state *state;        /* current results; NULL: not known */
	char root[HASH_HEX];        /* of the round before; "" */
};

struct export_bundle { /* a statement that gets a Sigstore bundle */
	size_t item, leaf;
	EVP_PKEY *key; /* owned reference */
};

struct export {
	const struct export_query *query;
	struct package_writer *writer;
	struct gathered *gathered;
	json_t *hosts;         /* {id: name}; borrowed */
	const char *collector; /* id of its own line, or NULL */

	struct export_line *lines;
	size_t line_count;
	struct export_policy *policies;
	size_t policy_count;
	uint64_t *indexes;   /* of the statements, ascending */
	struct hash *leaves; /* of their entries */
	size_t leaf_count;
	uint64_t *named; /* sizes of the checkpoints that statements name */
	size_t named_count, named_room;
	struct export_bundle *bundles;
	size_t bundle_count;
	size_t results;  /* that rounds carry, as far as they are shown */
	size_t unproved; /* rounds that change results of a line whose current results are not known */
	/* {host: {rule: {"title","controls","severity","verdict","reason","collectedAt","statement","observed"...}}} */
	json_t *latest;
	json_t *statements;   /* {host: {"count","first","last"}} of rounds received in the period */
	json_t *attestations; /* [{"controls","author","note","collectedAt","expiresAt","statement"}] */
	char *origin;
};

/* The evidence into statements.jsonl, bodies/, disclosures.jsonl and timestamps/; each statement's signature, entry,
 * body and state is verified on the way (export_lines.c). */
MUST_CHECK bool export_statements(struct export *export, struct err *err);
/* The body of a statement whose line is at `line`, and what follows from it (export_bodies.c). */
MUST_CHECK bool export_body(struct export *export, struct export_line *line, const struct evidence *e, struct err *err);
/* log/, bundles/ (export_log.c), and the trust file. */
MUST_CHECK bool export_log(struct export *export, struct reader *reader, struct err *err);
/* What the index page shows of a round's results (export_latest.c). carried: those that are shown. */
void export_latest(struct export *export, const struct export_line *line, const struct evidence *e,
		   const json_t *carried);
/* Whether the rule is among what was asked for, by a policy that the round names; ERR_ABSENT where none of them has
 * it. With no control asked for all are. */
MUST_CHECK bool export_is_asked(const struct export *export, const struct statement *round, const char *rule,
				bool *ret_is_asked, struct err *err);
/* The rule by the policies that the round names, NULL where none that is here has it. */
const struct policy_outline_rule *export_rule(const struct export *export, const struct statement *round,
					      const char *rule);
/* README.txt, index.html (export_texts.c, export_page.c) and manifest.json, in this order, when all else is there. */
MUST_CHECK bool export_readme(struct export *export, struct err *err);
MUST_CHECK bool export_page(struct export *export, struct err *err);
MUST_CHECK bool export_manifest(struct export *export, struct err *err);

MUST_CHECK bool export_package(struct reader *reader, const struct export_query *query, const char *path,
			       struct err *err);
