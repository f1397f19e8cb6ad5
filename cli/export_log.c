/* The log's part of a package: its checkpoint, the anchors, the nodes that with the statements' entries give all roots,
 * and Sigstore bundles under that checkpoint. */
#include <inttypes.h>

#include "cli/export_anchors.h"
#include "cli/export_package.h"
#include "core/base64.h"
#include "core/bundle.h"
#include "core/tile.h"

#define ANCHORS_A_PAGE 100
#define ROOTS "log/nodes.jsonl"

struct logging {
	struct export *export;
	struct reader *reader;
	struct trust *trust;
	const struct note_verifier *verifier;
	struct anchors_wanted wanted;
	struct checkpoint *anchors; /* those in the package, ascending */
	size_t anchor_count;
	uint64_t before; /* size of the anchor before the one that is held */
	json_t *held;    /* an anchor whose successor is not known yet, or NULL */
	struct checkpoint checkpoint;
	char *note; /* the checkpoint's */
	struct frontier *frontier;
	bool is_failed;
	struct err err; /* of a visitor that cannot return it */
};

static void logging_done(struct logging *logging) {
	for (size_t i = 0; i < logging->anchor_count; i++)
		checkpoint_done(&logging->anchors[i]);
	free(logging->anchors);
	checkpoint_done(&logging->checkpoint);
	free(logging->note);
	json_decref(logging->held);
	frontier_free(logging->frontier);
	trust_free(logging->trust);
}

/* --- trust -------------------------------------------------------------------------------------------------------- */

static bool fetch_trust(struct logging *logging, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!reader_get(logging->reader, "/api/v1/trust", &bytes, err) ||
	    !trust_read(bytes.data, bytes.len, "/api/v1/trust", &logging->trust, err))
		return false;
	if (logging->trust->log_count != 1)
		return err_set(err, ERR_MALFORMED, "/api/v1/trust", "it does not name one log");
	logging->verifier = logging->trust->logs[0];
	logging->export->origin = xstrdup(logging->verifier->name);
	return package_put(logging->export->writer, "trust.json", bytes.data, bytes.len, err);
}

/* --- anchors ------------------------------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b) {
	const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
	return (one > other) - (one < other);
}

static bool put_anchor_file(struct logging *logging, uint64_t size, const char *name, const void *data, size_t len,
			    struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("log/anchors/%020" PRIu64 "/%s", size, name);
	return package_put(logging->export->writer, path, data, len, err);
}

static bool put_timestamp(struct logging *logging, uint64_t size, size_t number, const json_t *timestamp,
			  struct err *err) {
	static const char where[] = "/api/v1/anchors";
	CLEANUP(free_ptr) char *response_name = xasprintf("timestamp-%zu.tsr", number);
	CLEANUP(free_ptr) char *certificates_name = xasprintf("timestamp-%zu.pem", number);
	CLEANUP(buf_done) struct buf response = {0};
	const char *text, *certificates;
	return json_get_string(timestamp, "response", where, &text, err) &&
	       json_get_string(timestamp, "certificates", where, &certificates, err) &&
	       base64_decode(text, strlen(text), where, &response, err) &&
	       put_anchor_file(logging, size, response_name, response.data, response.len, err) &&
	       put_anchor_file(logging, size, certificates_name, certificates, strlen(certificates), err);
}

static bool put_timestamps(struct logging *logging, uint64_t size, const json_t *anchor, struct err *err) {
	json_t *timestamps, *timestamp;
	size_t index;
	if (!json_get_array(anchor, "timestamps", "/api/v1/anchors", &timestamps, err))
		return false;
	json_array_foreach(timestamps, index,
			   timestamp) if (!put_timestamp(logging, size, index + 1, timestamp, err)) return false;
	return true;
}

static bool put_anchor(struct logging *logging, const json_t *anchor, uint64_t size, struct err *err) {
	const char *note = json_string_value(json_object_get(anchor, "checkpoint"));
	struct checkpoint checkpoint;
	if (!note)
		return err_set(err, ERR_MALFORMED, "/api/v1/anchors", "an anchor without checkpoint");
	if (!checkpoint_open(note, strlen(note), logging->verifier, &checkpoint, err))
		return false;
	logging->anchors = xreallocarray(logging->anchors, logging->anchor_count + 1, sizeof *logging->anchors);
	logging->anchors[logging->anchor_count++] = checkpoint;
	if (checkpoint.size != size)
		return err_set(err, ERR_REFUSED, "/api/v1/anchors", "the anchor of size %" PRIu64 " has another size",
			       size);
	return put_anchor_file(logging, size, "checkpoint", note, strlen(note), err) &&
	       put_timestamps(logging, size, anchor, err);
}

/* The anchor that was held, now that it is known which comes behind it. */
static bool decide(struct logging *logging, uint64_t behind, struct err *err) {
	if (!logging->held)
		return true;
	const uint64_t size = (uint64_t)json_integer_value(json_object_get(logging->held, "size"));
	if (behind <= size || size <= logging->before)
		return err_set(err, ERR_MALFORMED, "/api/v1/anchors", "its anchors are not ascending");
	if (anchor_is_needed(&logging->wanted, logging->before, size, behind) &&
	    !put_anchor(logging, logging->held, size, err))
		return false;
	logging->before = size;
	return true;
}

static bool take_page(struct logging *logging, const json_t *page, struct err *err) {
	json_t *anchors, *anchor;
	size_t index;
	int64_t size;
	if (!json_get_array(page, "anchors", "/api/v1/anchors", &anchors, err))
		return false;
	json_array_foreach(anchors, index, anchor) {
		if (!json_get_int(anchor, "size", "/api/v1/anchors", &size, err) ||
		    !decide(logging, (uint64_t)size, err))
			return false;
		json_decref(logging->held);
		logging->held = json_incref(anchor);
	}
	return true;
}

/* "next" is a size, as a number or as text. The caller frees; NULL: that was the last page. */
static char *next_of(const json_t *page) {
	const json_t *next = json_object_get(page, "next");
	if (json_is_integer(next))
		return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(next));
	return json_is_string(next) && *json_string_value(next) ? xstrdup(json_string_value(next)) : NULL;
}

/* A collector that makes none, or does not know of them, has none. */
static bool fetch_anchors(struct logging *logging, struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("/api/v1/anchors?limit=%d", ANCHORS_A_PAGE);
	while (path) {
		CLEANUP(json_decref_p) json_t *page = NULL;
		CLEANUP(buf_done) struct buf bytes = {0};
		bool is_there;
		if (!reader_get_if(logging->reader, path, &is_there, &bytes, err))
			return false;
		if (!is_there)
			break;
		if (!json_read(bytes.data, bytes.len, HTTP_ANSWER_LARGEST, path, &page, err) ||
		    !take_page(logging, page, err))
			return false;
		CLEANUP(free_ptr) char *next = next_of(page);
		free(path);
		path = next ? xasprintf("/api/v1/anchors?limit=%d&after=%s", ANCHORS_A_PAGE, next) : NULL;
	}
	return decide(logging, UINT64_MAX, err);
}

/* --- the checkpoint ----------------------------------------------------------------------------------------------- */

static bool take_checkpoint(struct logging *logging, const char *note, struct err *err) {
	const uint64_t last = logging->wanted.indexes[logging->wanted.index_count - 1];
	if (!checkpoint_open(note, strlen(note), logging->verifier, &logging->checkpoint, err))
		return false;
	if (logging->checkpoint.size <= last)
		return err_set(err, ERR_REFUSED, "log", "its checkpoint is smaller than entry %" PRIu64 " needs", last);
	logging->note = xstrdup(note);
	return package_put(logging->export->writer, "log/checkpoint", note, strlen(note), err);
}

static bool choose_checkpoint(struct logging *logging, struct err *err) {
	const uint64_t last = logging->wanted.indexes[logging->wanted.index_count - 1];
	if (logging->held && (uint64_t)json_integer_value(json_object_get(logging->held, "size")) > last)
		return take_checkpoint(logging, json_string_value(json_object_get(logging->held, "checkpoint")), err);
	CLEANUP(buf_done) struct buf note = {0};
	return reader_get(logging->reader, "/log/checkpoint", &note, err) &&
	       take_checkpoint(logging, buf_str(&note), err);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* A partial tile goes when the full one has come; then the full one begins with its hashes. */
static bool fetch_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		       struct err *err) {
	struct logging *logging = context;
	char tile[TILE_PATH_LONGEST];
	bool is_there;
	CLEANUP(free_ptr) char *path = xasprintf("/log/%s", tile_path(level, index, width, tile));
	CLEANUP(free_ptr) char *full = xasprintf("/log/%s", tile_path(level, index, TILE_WIDTH, tile));
	if (!reader_get_if(logging->reader, path, &is_there, ret_bytes, err) ||
	    (!is_there && !reader_get(logging->reader, full, ret_bytes, err)))
		return false;
	if (ret_bytes->len < (size_t)width * HASH_LEN)
		return err_set(err, ERR_MALFORMED, path, "the tile is too short");
	ret_bytes->len = (size_t)width * HASH_LEN;
	return true;
}

static void put_node(void *context, const struct frontier_node *node) {
	struct logging *logging = context;
	CLEANUP(json_decref_p) json_t *object = frontier_node_json(node);
	frontier_add(logging->frontier, node);
	if (!logging->is_failed && !package_put_line(logging->export->writer, ROOTS, object, &logging->err))
		logging->is_failed = true;
}

/* Whose roots follow from the nodes: of the anchors, and of the checkpoints that statements name. Ascending, each once,
 * none larger than the tree; *ret_sizes has room for all. */
static size_t sizes_of(const struct logging *logging, uint64_t *ret_sizes) {
	const struct export *export = logging->export;
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < logging->anchor_count; i++)
		ret_sizes[count++] = logging->anchors[i].size;
	for (size_t i = 0; i < export->named_count; i++)
		if (export->named[i] <= logging->checkpoint.size)
			ret_sizes[count++] = export->named[i];
	if (count > 0)
		qsort(ret_sizes, count, sizeof *ret_sizes, by_number);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || ret_sizes[i] != ret_sizes[kept - 1])
			ret_sizes[kept++] = ret_sizes[i];
	return kept;
}

static bool make_nodes(struct logging *logging, struct err *err) {
	const struct export *export = logging->export;
	CLEANUP(free_ptr) uint64_t *sizes = xcalloc(logging->anchor_count + export->named_count + 1, sizeof *sizes);
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tree = tile_tree_new(logging->checkpoint.size, fetch_tile, logging);
	const struct frontier_part part = {.size = logging->checkpoint.size,
					   .leaves = export->indexes,
					   .leaf_count = export->leaf_count,
					   .sizes = sizes,
					   .size_count = sizes_of(logging, sizes)};
	logging->frontier = frontier_new();
	if (!package_put(export->writer, ROOTS, "", 0, err) ||
	    !frontier_make(&part, tile_tree_hash, tree, put_node, logging, err))
		return false;
	if (logging->is_failed)
		*err = logging->err;
	return !logging->is_failed;
}

static bool has_root(struct logging *logging, const struct checkpoint *checkpoint, const char *what, struct err *err) {
	struct hash root;
	if (!merkle_root_from(checkpoint->size, frontier_get, logging->frontier, &root, err))
		return false;
	if (hash_equal(&root, &checkpoint->root))
		return true;
	return err_set(err, ERR_REFUSED, "log",
		       "the statements and the log's tiles do not give the root of %s of size %" PRIu64, what,
		       checkpoint->size);
}

static bool check_roots(struct logging *logging, struct err *err) {
	const struct export *export = logging->export;
	for (size_t i = 0; i < export->leaf_count; i++)
		frontier_add(logging->frontier,
			     &(struct frontier_node){.index = export->indexes[i], .hash = export->leaves[i]});
	if (!frontier_close(logging->frontier, err) || !has_root(logging, &logging->checkpoint, "the checkpoint", err))
		return false;
	for (size_t i = 0; i < logging->anchor_count; i++)
		if (!has_root(logging, &logging->anchors[i], "the anchor", err))
			return false;
	return true;
}

/* --- bundles ------------------------------------------------------------------------------------------------------ */

static bool make_bundle(struct logging *logging, const struct export_bundle *wanted, const struct evidence *e,
			json_t **ret_bundle, struct err *err) {
	CLEANUP(proof_done) struct proof proof = {.index = (uint64_t)e->index, .checkpoint = xstrdup(logging->note)};
	CLEANUP(buf_done) struct buf entry = {0};
	if (!merkle_inclusion(proof.index, logging->checkpoint.size, frontier_get, logging->frontier, proof.path,
			      &proof.path_len, err) ||
	    !entry_write(e->envelope, wanted->key, &entry, err))
		return false;
	json_t *bundle = bundle_json(e->envelope, wanted->key, entry.data, entry.len, &proof, logging->verifier,
				     &logging->checkpoint);
	if (!bundle)
		return err_set(err, ERR_REFUSED, e->name, "it is not signed by its line's key");
	if (e->certificates)
		bundle_add_timestamp(bundle, e->timestamp.data, e->timestamp.len);
	*ret_bundle = bundle;
	return true;
}

static bool put_bundle(struct logging *logging, const struct export_bundle *wanted, struct err *err) {
	CLEANUP(evidence_done) struct evidence e = {0};
	CLEANUP(json_decref_p) json_t *bundle = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	char hex[HASH_HEX];
	if (!gathered_get(logging->export->gathered, wanted->item, &e, err) ||
	    !make_bundle(logging, wanted, &e, &bundle, err) || !json_canonical(bundle, &text, err))
		return false;
	CLEANUP(free_ptr) char *name = xasprintf("bundles/%s.sigstore.json", hash_hex(&e.digest, hex));
	buf_adds(&text, "\n");
	return package_put(logging->export->writer, name, text.data, text.len, err);
}

static bool put_bundles(struct logging *logging, struct err *err) {
	for (size_t i = 0; i < logging->export->bundle_count; i++)
		if (!put_bundle(logging, &logging->export->bundles[i], err))
			return false;
	return true;
}

bool export_log(struct export *export, struct reader *reader, struct err *err) {
	CLEANUP(logging_done) struct logging logging = {.export = export, .reader = reader};
	if (export->named_count)
		qsort(export->named, export->named_count, sizeof *export->named, by_number);
	logging.wanted =
		(struct anchors_wanted){export->indexes, export->leaf_count, export->named, export->named_count};
	return fetch_trust(&logging, err) && fetch_anchors(&logging, err) && choose_checkpoint(&logging, err) &&
	       make_nodes(&logging, err) && check_roots(&logging, err) && put_bundles(&logging, err);
}
