/* The statements of a package in the log's order: who signed, which entry it is, and what else is theirs. */
#include "cli/export_package.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/times.h"

static struct export_line *line_of(struct export *export, int64_t id) {
	for (size_t i = export->line_count; i-- > 0;)
		if (export->lines[i].id == id)
			return &export->lines[i];
	export->lines = xreallocarray(export->lines, export->line_count + 1, sizeof *export->lines);
	export->lines[export->line_count] = (struct export_line){.id = id};
	return &export->lines[export->line_count++];
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static bool read_key(const char *base64, const char *where, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	return base64_decode(base64, strlen(base64), where, &der, err) &&
	       key_from_public_der(der.data, der.len, where, ret_key, err);
}

static bool enrol(struct export_line *line, const struct evidence *e, struct err *err) {
	EVP_PKEY *key = NULL;
	if (strcmp(e->statement->type, "enrolment") != 0)
		return true;
	if (line->enrolled)
		return err_set(err, ERR_REFUSED, e->name, "a second enrolment in its line");
	if (!read_key(e->statement->evidence_key, e->name, &key, err))
		return false;
	line->enrolled = key;
	return true;
}

static bool begin_epoch(struct export_line *line, const struct evidence *e, struct err *err) {
	EVP_PKEY *key = NULL;
	if (strcmp(e->statement->type, "epoch") != 0)
		return true;
	if (!read_key(e->statement->epoch_key, e->name, &key, err))
		return false;
	EVP_PKEY_free(line->epoch);
	line->epoch = key;
	return true;
}

/* The key of the line that signed: the epoch's, or the enrolled one; borrowed. */
static bool find_signer(const struct export_line *line, const struct evidence *e, EVP_PKEY **ret_key, struct err *err) {
	struct err fault;
	if (!line->enrolled)
		return err_set(err, ERR_REFUSED, e->name, "the enrolment of its line is not there");
	if (line->epoch && dsse_verify(e->envelope, DSSE_INTOTO, line->epoch, &fault)) {
		*ret_key = line->epoch;
		return true;
	}
	if (line->epoch && strcmp(e->statement->type, "epoch") != 0)
		return evidence_fault(e, &fault, err);
	if (!dsse_verify(e->envelope, DSSE_INTOTO, line->enrolled, &fault))
		return evidence_fault(e, &fault, err);
	*ret_key = line->enrolled;
	return true;
}

/* --- one statement ------------------------------------------------------------------------------------------------ */

static void note_checkpoint(struct export *export, const struct statement *statement) {
	const json_int_t size = json_integer_value(json_object_get(statement->checkpoint, "size"));
	if (!statement->checkpoint || size <= 0)
		return;
	if (export->named_count == export->named_room) {
		export->named_room = export->named_room ? 2 * export->named_room : 64;
		export->named = xreallocarray(export->named, export->named_room, sizeof *export->named);
	}
	export->named[export->named_count++] = (uint64_t)size;
}

static bool put_line(struct export *export, const struct evidence *e, struct err *err) {
	char received[TIMES_TEXT];
	CLEANUP(json_decref_p)
	json_t *line = json_pack("{s:O,s:I,s:s}", "envelope", e->envelope_json, "index", (json_int_t)e->index,
				 "receivedAt", times_format(e->received, received));
	return package_put_line(export->writer, "statements.jsonl", line, err);
}

static bool put_timestamp(struct export *export, const struct evidence *e, struct err *err) {
	char hex[HASH_HEX];
	if (!e->certificates)
		return true;
	hash_hex(&e->digest, hex);
	CLEANUP(free_ptr) char *response = xasprintf("timestamps/%s.tsr", hex);
	CLEANUP(free_ptr) char *certificates = xasprintf("timestamps/%s.pem", hex);
	return package_put(export->writer, response, e->timestamp.data, e->timestamp.len, err) &&
	       package_put(export->writer, certificates, e->certificates, strlen(e->certificates), err);
}

static bool is_bundled(const struct statement *statement) {
	return !strcmp(statement->type, "attestation") || (!strcmp(statement->type, "round") && statement->full);
}

static void keep_for_bundle(struct export *export, size_t item, EVP_PKEY *key) {
	EVP_PKEY_up_ref(key);
	export->bundles = xreallocarray(export->bundles, export->bundle_count + 1, sizeof *export->bundles);
	export->bundles[export->bundle_count++] = (struct export_bundle){item, export->leaf_count, key};
}

static bool is_of_package(const struct export *export, const struct evidence *e, struct err *err) {
	const char *host = e->statement->host_id;
	if (json_object_get(export->hosts, host) || (export->collector && !strcmp(export->collector, host)))
		return true;
	return err_set(err, ERR_REFUSED, e->name, "it is of host %s, which was not asked for", host);
}

static bool add_entry(struct export *export, const struct evidence *e, EVP_PKEY *key, struct err *err) {
	CLEANUP(buf_done) struct buf entry = {0};
	struct err fault;
	if (!entry_write(e->envelope, key, &entry, &fault))
		return evidence_fault(e, &fault, err);
	export->indexes[export->leaf_count] = (uint64_t)e->index;
	export->leaves[export->leaf_count] = merkle_leaf(entry.data, entry.len);
	return true;
}

static bool put_statement(struct export *export, size_t item, struct err *err) {
	CLEANUP(evidence_done) struct evidence e = {0};
	EVP_PKEY *key;
	if (!gathered_get(export->gathered, item, &e, err) || !is_of_package(export, &e, err))
		return false;
	struct export_line *line = line_of(export, e.line);
	if (!enrol(line, &e, err) || !find_signer(line, &e, &key, err) || !add_entry(export, &e, key, err))
		return false;
	if (is_bundled(e.statement))
		keep_for_bundle(export, item, key);
	export->leaf_count++;
	note_checkpoint(export, e.statement);
	if (!begin_epoch(line, &e, err) || !put_line(export, &e, err) || !put_timestamp(export, &e, err) ||
	    !export_body(export, line, &e, err))
		return false;
	line->sequence = e.statement->sequence;
	return true;
}

bool export_statements(struct export *export, struct err *err) {
	export->indexes = xcalloc(export->gathered->count + 1, sizeof *export->indexes);
	export->leaves = xcalloc(export->gathered->count + 1, sizeof *export->leaves);
	for (size_t i = 0; i < export->gathered->count; i++)
		if (!put_statement(export, i, err))
			return false;
	return true;
}
