/* Audit packages as an honest collector would export them, made of real keys, so that a test can then break one thing.
 *
 * A world has a log, the collector's own line, and hosts that seal rounds over three rules. Its files are made by
 * kit_export(); a test changes what was sealed before, or the files behind, and kit_save() lists whatever there is. */
#pragma once

#include "core/base64.h"
#include "core/cosignature.h"
#include "core/entry.h"
#include "core/file.h"
#include "core/state.h"
#include "core/statement.h"
#include "core/times.h"
#include "scratch.h"
#include "tsa_kit.h"

#define KIT_ORIGIN "collector.example/log"
#define KIT_WITNESS "witness.example/w1"
#define KIT_BEGIN TSA_NOW /* a round a quarter of an hour from here */
#define KIT_EVERY 900
#define KIT_HOST "b9f6f3c4-1f3e-5d0a-8a53-0d9f4b7d2f11"
#define KIT_OWN "0c0ffee0-0000-4000-8000-000000000001"
#ifndef KIT_RULES
#define KIT_RULES 3
#endif

struct kit_file {
	char *name;
	struct buf bytes;
};

struct kit_line {
	const char *id, *name, *os, *boot;
	EVP_PKEY *enrolled, *epoch;
	int64_t sequence;
	char previous[HASH_HEX], enrolment[HASH_HEX];
	json_t *results[KIT_RULES]; /* current ones */
	struct state *state;
	char root[HASH_HEX]; /* of the last round */
	uint64_t verified;   /* size of the checkpoint that it has verified; 0: none */
	bool was_shown;      /* disclosures: a full round was */
};

struct kit_entry {
	json_t *envelope;
	struct hash leaf;
	int64_t received;
	char digest[HASH_HEX];
	bool is_hidden; /* it is in the log and not in the package */
};

struct kit_anchor {
	uint64_t size;
	struct hash root;
	int64_t time;
	bool is_witnessed, is_stamped;
};

struct kit {
	EVP_PKEY *log, *witness;
	struct tsa tsa;
	struct kit_line host, own;
	struct kit_entry *entries;
	size_t entry_count, entry_room;
	struct kit_anchor *anchors;
	size_t anchor_count;
	struct kit_file *files;
	size_t file_count, file_room;
	json_t *controls;    /* of the query; set before rounds are sealed */
	json_t *disclosed;   /* lines of disclosures.jsonl */
	struct hash *leaves; /* scratch of kit_export() */
	int64_t from, to;
	char policy[HASH_HEX], *policy_text;
	char rules[KIT_RULES][16]; /* their ids, sorted */
	struct hash peaks[64];     /* roots of the complete subtrees that make up the log, by their level */
	const char *why;           /* of results: padding */
	uint64_t named_size;       /* set: the checkpoint that the next statement names, with */
	struct hash named_root;
	const char *reason;           /* of results to come */
	json_t *waiver;               /* of fails to come; NULL: none; borrowed */
	bool spoil_root, spoil_count; /* of the next round: another state root, one rule more */
};

static inline void kit_must(bool ok, const struct err *err) {
	char text[600];
	if (ok)
		return;
	fprintf(stderr, "kit: %s\n", err_text(err, text, sizeof text));
	abort();
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static inline struct kit_file *kit_find(struct kit *kit, const char *name) {
	for (size_t i = 0; i < kit->file_count; i++)
		if (!strcmp(kit->files[i].name, name))
			return &kit->files[i];
	return NULL;
}

/* A new file, behind the others; the caller knows that there is none. */
static inline struct buf *kit_file(struct kit *kit, const char *name) {
	if (kit->file_count == kit->file_room) {
		kit->file_room = kit->file_room ? 2 * kit->file_room : 16;
		kit->files = xreallocarray(kit->files, kit->file_room, sizeof *kit->files);
	}
	kit->files[kit->file_count] = (struct kit_file){.name = xstrdup(name)};
	return &kit->files[kit->file_count++].bytes;
}

static inline void kit_put(struct kit *kit, const char *name, const void *data, size_t len) {
	struct kit_file *file = kit_find(kit, name);
	struct buf *bytes = file ? &file->bytes : kit_file(kit, name);
	bytes->len = 0;
	buf_add(bytes, data, len);
}

static inline void kit_drop(struct kit *kit, const char *name) {
	struct kit_file *file = kit_find(kit, name);
	if (!file)
		abort();
	free(file->name);
	buf_done(&file->bytes);
	*file = kit->files[--kit->file_count];
}

/* Replaces the first occurrence in a file. */
static inline void kit_edit(struct kit *kit, const char *name, const char *from, const char *to) {
	struct kit_file *file = kit_find(kit, name);
	char *at = file ? strstr(file->bytes.data, from) : NULL;
	if (!at)
		abort();
	struct buf changed = {0};
	buf_add(&changed, file->bytes.data, (size_t)(at - file->bytes.data));
	buf_adds(&changed, to);
	buf_adds(&changed, at + strlen(from));
	buf_done(&file->bytes);
	file->bytes = changed;
}

static inline void kit_body(struct kit *kit, const void *data, size_t len) {
	char hex[HASH_HEX];
	const struct hash hash = hash_of(data, len);
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", hash_hex(&hash, hex));
	if (!kit_find(kit, name))
		buf_add(kit_file(kit, name), data, len);
}

static inline void kit_line_of(struct buf *file, const json_t *object) {
	struct err err;
	kit_must(json_canonical(object, file, &err), &err);
	buf_adds(file, "\n");
}

static inline char *kit_text(json_t *value) {
	struct buf text = {0};
	struct err err;
	kit_must(json_canonical(value, &text, &err), &err);
	json_decref(value);
	return buf_take(&text);
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static inline void kit_append(struct kit *kit, const struct hash *leaf) {
	struct hash carried = *leaf;
	unsigned level = 0;
	for (; kit->entry_count >> level & 1; level++)
		carried = merkle_node(&kit->peaks[level], &carried);
	kit->peaks[level] = carried;
}

/* The log's root as it is now. */
static inline struct hash kit_root(const struct kit *kit) {
	struct hash root = {{0}};
	bool has_root = false;
	for (unsigned level = 0; level < 64; level++)
		if ((uint64_t)kit->entry_count >> level & 1) {
			root = has_root ? merkle_node(&kit->peaks[level], &root) : kit->peaks[level];
			has_root = true;
		}
	return root;
}

/* Seals it as the line's next, by its epoch's key, else the enrolled one, or by `by`; logs it; has the body. The index.
 */
static inline size_t kit_seal_by(struct kit *kit, struct kit_line *line, struct statement *statement, const char *body,
				 int64_t at, EVP_PKEY *by) {
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(buf_done) struct buf entry = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(json_decref_p) json_t *none = json_array();
	CLEANUP(json_decref_p) json_t *checkpoint = NULL;
	struct err err;
	statement->host_id = (char *)line->id;
	statement->host_name = (char *)line->name;
	statement->host_os = (char *)line->os;
	statement->environment = (char *)"";
	statement->framework = (char *)"iso27001:2022";
	statement->sequence = ++line->sequence;
	statement->previous = line->previous;
	statement->boot_id = (char *)line->boot;
	if (!statement->trigger)
		statement->trigger = (char *)"schedule";
	if (!statement->started_at)
		statement->started_at = at - 2;
	if (!statement->finished_at)
		statement->finished_at = at - 1;
	if (!statement->policies)
		statement->policies = none;
	if (kit->named_size) {
		CLEANUP(free_ptr) char *root = base64_encode(kit->named_root.bytes, HASH_LEN);
		checkpoint = json_pack("{s:s, s:I, s:s}", "origin", KIT_ORIGIN, "size", (json_int_t)kit->named_size,
				       "root", root);
		statement->checkpoint = checkpoint;
		kit->named_size = 0;
	}
	statement->body_name = statement->type;
	statement->body_sha256 = hash_of(body, strlen(body));
	kit_must(statement_write(statement, &payload, &err), &err);
	if (!by)
		by = line->epoch ? line->epoch : line->enrolled;
	kit_must(dsse_seal(DSSE_INTOTO, payload.data, payload.len, by, "", &envelope, &err), &err);
	kit_must(entry_write(envelope, by, &entry, &err), &err);
	if (kit->entry_count == kit->entry_room) {
		kit->entry_room = kit->entry_room ? 2 * kit->entry_room : 64;
		kit->entries = xreallocarray(kit->entries, kit->entry_room, sizeof *kit->entries);
	}
	struct kit_entry *made = &kit->entries[kit->entry_count];
	*made = (struct kit_entry){
		.envelope = dsse_to_json(envelope), .leaf = merkle_leaf(entry.data, entry.len), .received = at};
	kit_append(kit, &made->leaf);
	const struct hash digest = dsse_digest(envelope);
	memcpy(line->previous, hash_hex(&digest, made->digest), HASH_HEX);
	if (!strcmp(statement->type, "enrolment"))
		memcpy(line->enrolment, made->digest, HASH_HEX);
	if (body[0])
		kit_body(kit, body, strlen(body));
	return kit->entry_count++;
}

static inline size_t kit_seal(struct kit *kit, struct kit_line *line, struct statement *statement, const char *body,
			      int64_t at) {
	return kit_seal_by(kit, line, statement, body, at, NULL);
}

static inline char *kit_key(EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(key, &der);
	return base64_encode(der.data, der.len);
}

static inline void kit_enrol(struct kit *kit, struct kit_line *line, const char *purpose, int64_t at) {
	struct err err;
	EVP_PKEY *transport = NULL;
	kit_must(key_make_ed25519(&line->enrolled, &err) && key_make_ed25519(&transport, &err), &err);
	CLEANUP(free_ptr) char *evidence_key = kit_key(line->enrolled);
	CLEANUP(free_ptr) char *transport_key = kit_key(transport);
	EVP_PKEY_free(transport);
	const bool is_collector = purpose && !strcmp(purpose, "collector");
	struct statement statement = {.type = (char *)"enrolment",
				      .evidence_key = evidence_key,
				      .transport_key = is_collector ? NULL : transport_key,
				      .purpose = (char *)purpose};
	CLEANUP(free_ptr)
	char *body = kit_text(json_pack("{s:s, s:s, s:s}", "evidenceKey", evidence_key, "transportKey", transport_key,
					"host", line->id));
	line->sequence = 0;
	line->previous[0] = '\0';
	kit_seal(kit, line, &statement, body, at);
}

/* A new epoch key, named by the enrolled one, or by the epoch before for a rotation. */
static inline size_t kit_epoch(struct kit *kit, struct kit_line *line, const char *reason, const char *last_boot,
			       int64_t at) {
	struct err err;
	EVP_PKEY *key = NULL;
	kit_must(key_make_ed25519(&key, &err), &err);
	CLEANUP(free_ptr) char *text = kit_key(key);
	CLEANUP(free_ptr)
	char *body =
		kit_text(json_pack("{s:s, s:s, s:s}", "epochKey", text, "lastBootId", last_boot, "reason", reason));
	struct statement statement = {.type = (char *)"epoch",
				      .epoch_key = text,
				      .reason = (char *)reason,
				      .last_boot_id = (char *)last_boot};
	const size_t index = kit_seal_by(kit, line, &statement, body, at,
					 !strcmp(reason, "rotation") ? line->epoch : line->enrolled);
	EVP_PKEY_free(line->epoch);
	line->epoch = key;
	return index;
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static inline json_t *kit_result(const struct kit *kit, size_t rule, const char *verdict, int64_t at) {
	char collected[TIMES_TEXT], expires[TIMES_TEXT], blind[33];
	snprintf(blind, sizeof blind, "%032llx", (unsigned long long)(rule + 1));
	json_t *result =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:[], s:s, s:s, s:s, s:s}", "rule", kit->rules[rule],
			  "verdict", verdict, "why", kit->why, "reason", kit->reason, "kind", "effect", "observed",
			  "volatile", "policy", kit->policy, "collectedAt", times_format(at, collected), "expiresAt",
			  times_format(at + 7200, expires), "blind", blind);
	if (kit->waiver && !strcmp(verdict, "fail"))
		json_object_set(result, "waiver", kit->waiver);
	return result;
}

static inline bool kit_is_wanted(const struct kit *kit, size_t rule) {
	size_t index;
	const json_t *control;
	json_array_foreach(kit->controls, index, control) {
		const char *id = json_string_value(control);
		if (!strcmp(id, rule % 3 == 1 ? "A.8.16" : "A.8.15") || (rule % 3 == 2 && !strcmp(id, "A.8.2")))
			return true;
	}
	return json_array_size(kit->controls) == 0;
}

static inline void kit_disclose(struct kit *kit, struct kit_line *line, const json_t *results, const char *statement) {
	uint64_t shown[KIT_RULES];
	size_t count = 0, index, place;
	const json_t *result;
	json_t *list = json_array();
	struct err err;
	for (size_t i = 0; i < KIT_RULES; i++)
		if (kit_is_wanted(kit, i))
			shown[count++] = i;
	json_array_foreach(results, index, result) {
		json_t *part;
		kit_must(state_find(line->state, json_string_value(json_object_get(result, "rule")), &place), &err);
		if (!kit_is_wanted(kit, place))
			continue;
		kit_must(state_disclose(result, &part, &err), &err);
		json_object_set_new(part, "index", json_integer((json_int_t)place));
		json_array_append_new(list, part);
	}
	json_array_append_new(kit->disclosed, json_pack("{s:s, s:o, s:o}", "statement", statement, "results", list,
							"nodes", state_nodes(line->state, shown, count)));
}

/* A round: of each rule a verdict, or NULL where it is what it was; looked: bits of what was looked at. */
static inline size_t kit_round(struct kit *kit, struct kit_line *line, const char *const verdicts[KIT_RULES],
			       unsigned looked, bool is_full, int64_t at) {
	CLEANUP(json_decref_p) json_t *results = json_array();
	CLEANUP(json_decref_p)
	json_t *policies = json_pack("[{s:s, s:s, s:s}]", "id", "small", "version", "1", "sha256", kit->policy);
	bool bits[KIT_RULES];
	struct err err;
	for (size_t i = 0; i < KIT_RULES; i++) {
		bits[i] = looked >> i % 32 & 1;
		if (verdicts && verdicts[i]) {
			json_decref(line->results[i]);
			line->results[i] = kit_result(kit, i, verdicts[i], at - 2);
		} else if (bits[i] && is_full) {
			char text[TIMES_TEXT];
			json_object_set_new(line->results[i], "collectedAt", json_string(times_format(at - 2, text)));
			json_object_set_new(line->results[i], "expiresAt",
					    json_string(times_format(at - 2 + 7200, text)));
		}
		if (is_full || (verdicts && verdicts[i]))
			json_array_append_new(results, json_deep_copy(line->results[i]));
	}
	kit_must(state_take(line->state, results, is_full, &err), &err);
	CLEANUP(json_decref_p) json_t *state = state_json(line->state);
	CLEANUP(json_decref_p) json_t *bitmap = statement_looked(bits, KIT_RULES);
	CLEANUP(free_ptr)
	char *body = kit_text(
		json_pack("{s:s, s:s, s:O}", "vouch", "0.1.0", "framework", "iso27001:2022", "results", results));
	if (kit->spoil_root)
		json_object_set_new(state, "root", json_string(kit->policy));
	if (kit->spoil_count) {
		const bool more[KIT_RULES + 1] = {true};
		json_decref(bitmap);
		bitmap = statement_looked(more, KIT_RULES + 1);
		json_object_set_new(state, "size", json_integer(KIT_RULES + 1));
	}
	kit->spoil_root = kit->spoil_count = false;
	struct statement statement = {
		.type = (char *)"round", .policies = policies, .state = state, .looked = bitmap, .full = is_full};
	const size_t files = kit->file_count;
	const size_t index = kit_seal(kit, line, &statement, body, at);
	const char *root = json_string_value(json_object_get(state, "root"));
	if (json_array_size(kit->controls) > 0) {
		if (kit->file_count > files) {
			free(kit->files[files].name);
			buf_done(&kit->files[files].bytes);
			kit->file_count = files;
		}
		if (is_full || strcmp(root, line->root) != 0)
			kit_disclose(kit, line, results, kit->entries[index].digest);
	}
	memcpy(line->root, root, HASH_HEX);
	return index;
}

/* --- the world ---------------------------------------------------------------------------------------------------- */

static inline struct kit_line kit_line_new(const char *id, const char *name) {
	return (struct kit_line){.id = id, .name = name, .os = "debian 12", .boot = "boot-1", .state = state_new()};
}

static inline void kit_line_done(struct kit_line *line) {
	EVP_PKEY_free(line->enrolled);
	EVP_PKEY_free(line->epoch);
	state_free(line->state);
	for (size_t i = 0; i < KIT_RULES; i++)
		json_decref(line->results[i]);
}

/* Enrolled, with an epoch and the policy: three statements. */
static inline void kit_begin(struct kit *kit, struct kit_line *line, int64_t at) {
	kit_enrol(kit, line, NULL, at);
	kit_epoch(kit, line, "enrolment", line->boot, at + 1);
	struct statement policy = {.type = (char *)"policy"};
	kit_seal(kit, line, &policy, kit->policy_text, at + 2);
}

/* Every third rule supports A.8.15 alone, A.8.16, A.8.15 and A.8.2. */
static inline void kit_write_policy(struct kit *kit) {
	static const char *const few[] = {"a.one", "b.two", "c.three"};
	static const char *const controls[] = {"A.8.15", "A.8.16", "A.8.15, A.8.2"};
	struct buf text = {0};
	buf_adds(&text, "policy: {id: small, version: \"1\", framework: \"iso27001:2022\", title: Small}\nrules:\n");
	for (size_t i = 0; i < KIT_RULES; i++) {
		if (KIT_RULES == 3)
			snprintf(kit->rules[i], sizeof kit->rules[i], "%s", few[i % 3]);
		else
			snprintf(kit->rules[i], sizeof kit->rules[i], "rule.%04zu", i);
		buf_addf(&text, "  - {id: %s, controls: [%s], every: 15m, valid: 2h}\n", kit->rules[i],
			 controls[i % 3]);
	}
	if (KIT_RULES == 3) /* readers who do not look for waivers pass them over */
		buf_adds(&text, "waivers:\n  - {id: W-1, rule: a.one, approver: jane, requester: ann,\n"
				"     reason: until it is replaced, expires: 2040-01-01}\n"
				"  - {id: W-8, rule: a.one, approver: jane, requester: ann, hosts: {names: [other]},\n"
				"     reason: until it is replaced, expires: 2040-01-01}\n");
	const struct hash policy = hash_of(text.data, text.len);
	hash_hex(&policy, kit->policy);
	kit->policy_text = buf_take(&text);
}

static inline struct kit *kit_new(const char *control) {
	struct kit *kit = xcalloc(1, sizeof *kit);
	struct err err;
	kit_must(key_make_ed25519(&kit->log, &err) && key_make_ed25519(&kit->witness, &err), &err);
	kit->tsa = tsa_new(&(struct tsa_signer){0});
	kit_write_policy(kit);
	kit->why = "because";
	kit->reason = "1 of 1 rows as expected";
	kit->controls = control ? json_pack("[s]", control) : json_array();
	kit->disclosed = json_array();
	kit->from = KIT_BEGIN;
	kit->to = KIT_BEGIN + 86400;
	kit->own = kit_line_new(KIT_OWN, KIT_ORIGIN);
	kit->own.boot = "";
	kit->own.os = "";
	kit->host = kit_line_new(KIT_HOST, "web-1");
	kit_enrol(kit, &kit->own, "collector", KIT_BEGIN - 7200);
	kit_begin(kit, &kit->host, KIT_BEGIN - 3600);
	return kit;
}

static inline void kit_free(struct kit *kit) {
	EVP_PKEY_free(kit->log);
	EVP_PKEY_free(kit->witness);
	tsa_done(&kit->tsa);
	kit_line_done(&kit->host);
	kit_line_done(&kit->own);
	for (size_t i = 0; i < kit->entry_count; i++)
		json_decref(kit->entries[i].envelope);
	for (size_t i = 0; i < kit->file_count; i++) {
		free(kit->files[i].name);
		buf_done(&kit->files[i].bytes);
	}
	free(kit->entries);
	free(kit->anchors);
	free(kit->files);
	free(kit->leaves);
	free(kit->policy_text);
	json_decref(kit->controls);
	json_decref(kit->disclosed);
	free(kit);
}

/* The log as it is now is anchored. */
static inline struct kit_anchor *kit_anchor(struct kit *kit, int64_t time) {
	kit->anchors = xreallocarray(kit->anchors, kit->anchor_count + 1, sizeof *kit->anchors);
	kit->anchors[kit->anchor_count] = (struct kit_anchor){kit->entry_count, kit_root(kit), time, true, true};
	return &kit->anchors[kit->anchor_count++];
}

/* The next statement of anybody names the checkpoint of now. */
static inline void kit_name_checkpoint(struct kit *kit) {
	kit->named_size = kit->entry_count;
	kit->named_root = kit_root(kit);
}

/* --- export ------------------------------------------------------------------------------------------------------- */

static inline char *kit_note(const struct kit *kit, uint64_t size, const struct hash *root, char **ret_text) {
	struct checkpoint checkpoint = {(char *)KIT_ORIGIN, size, *root};
	CLEANUP(buf_done) struct buf text = {0};
	struct buf note = {0};
	struct err err;
	checkpoint_write(&checkpoint, &text);
	kit_must(note_sign(buf_str(&text), KIT_ORIGIN, kit->log, &note, &err), &err);
	*ret_text = buf_take(&text);
	return buf_take(&note);
}

static inline void kit_put_anchor(struct kit *kit, const struct kit_anchor *anchor) {
	CLEANUP(free_ptr) char *text = NULL;
	CLEANUP(free_ptr) char *note = kit_note(kit, anchor->size, &anchor->root, &text);
	CLEANUP(free_ptr)
	char *name = xasprintf("log/anchors/%020llu/checkpoint", (unsigned long long)anchor->size);
	CLEANUP(free_ptr)
	char *stamp_name = xasprintf("log/anchors/%020llu/timestamp-1.tsr", (unsigned long long)anchor->size);
	CLEANUP(buf_done) struct buf whole = {0};
	CLEANUP(buf_done) struct buf stamp = {0};
	struct err err;
	buf_adds(&whole, note);
	if (anchor->is_witnessed)
		kit_must(cosignature_sign(text, strlen(text), KIT_WITNESS, kit->witness, anchor->time, &whole, &err),
			 &err);
	kit_put(kit, name, whole.data, whole.len);
	if (!anchor->is_stamped)
		return;
	const struct hash imprint = timestamp_imprint(text, strlen(text));
	kit->tsa.time = anchor->time;
	tsa_stamp(&kit->tsa, &imprint, &stamp);
	kit_put(kit, stamp_name, stamp.data, stamp.len);
}

static inline bool kit_subtree(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	const struct hash *leaves = context;
	*ret_hash = merkle_root(leaves + (index << level), (size_t)1 << level);
	return true;
}

static inline void kit_add_node(void *file, const struct frontier_node *node) {
	CLEANUP(json_decref_p) json_t *object = frontier_node_json(node);
	kit_line_of(file, object);
}

static inline int kit_by_level(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline void kit_put_nodes(struct kit *kit) {
	CLEANUP(free_ptr) uint64_t *shown = xcalloc(kit->entry_count + 1, sizeof *shown);
	CLEANUP(free_ptr) uint64_t *sizes = xcalloc(kit->anchor_count + 1, sizeof *sizes);
	CLEANUP(buf_done) struct buf nodes = {0};
	struct frontier_part part = {.size = kit->entry_count, .leaves = shown, .sizes = sizes};
	struct err err;
	free(kit->leaves);
	kit->leaves = xcalloc(kit->entry_count + 1, sizeof *kit->leaves);
	for (size_t i = 0; i < kit->entry_count; i++) {
		kit->leaves[i] = kit->entries[i].leaf;
		if (!kit->entries[i].is_hidden)
			shown[part.leaf_count++] = i;
	}
	for (size_t i = 0; i < kit->anchor_count; i++)
		sizes[part.size_count++] = kit->anchors[i].size;
	kit_must(frontier_make(&part, kit_subtree, kit->leaves, kit_add_node, &nodes, &err), &err);
	kit_put(kit, "log/nodes.jsonl", nodes.data, nodes.len);
}

static inline void kit_put_statements(struct kit *kit) {
	CLEANUP(buf_done) struct buf lines = {0};
	char received[TIMES_TEXT];
	for (size_t i = 0; i < kit->entry_count; i++) {
		const struct kit_entry *entry = &kit->entries[i];
		CLEANUP(json_decref_p)
		json_t *line = json_pack("{s:I, s:s, s:O}", "index", (json_int_t)i, "receivedAt",
					 times_format(entry->received, received), "envelope", entry->envelope);
		if (!entry->is_hidden)
			kit_line_of(&lines, line);
	}
	kit_put(kit, "statements.jsonl", lines.data, lines.len);
}

/* All files but the manifest. */
static inline void kit_export(struct kit *kit) {
	CLEANUP(free_ptr) char *text = NULL;
	const struct hash root = kit_root(kit);
	CLEANUP(free_ptr) char *note = kit_note(kit, kit->entry_count, &root, &text);
	kit_put(kit, "log/checkpoint", note, strlen(note));
	kit_put_statements(kit);
	kit_put_nodes(kit);
	for (size_t i = 0; i < kit->anchor_count; i++)
		kit_put_anchor(kit, &kit->anchors[i]);
	if (json_array_size(kit->controls) > 0) {
		CLEANUP(buf_done) struct buf lines = {0};
		size_t index;
		const json_t *line;
		json_array_foreach(kit->disclosed, index, line) kit_line_of(&lines, line);
		kit_put(kit, "disclosures.jsonl", lines.data, lines.len);
	}
}

static inline int kit_by_name(const void *a, const void *b) {
	return strcmp(((const struct kit_file *)a)->name, ((const struct kit_file *)b)->name);
}

static inline json_t *kit_list(struct kit *kit) {
	json_t *list = json_array();
	char hex[HASH_HEX];
	qsort(kit->files, kit->file_count, sizeof *kit->files, kit_by_name);
	for (size_t i = 0; i < kit->file_count; i++) {
		const struct hash hash = hash_of(buf_str(&kit->files[i].bytes), kit->files[i].bytes.len);
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:s}", "name", kit->files[i].name, "size",
						(json_int_t)kit->files[i].bytes.len, "sha256", hash_hex(&hash, hex)));
	}
	return list;
}

static inline json_t *kit_manifest(struct kit *kit) {
	char from[TIMES_TEXT], to[TIMES_TEXT], hex[HASH_HEX];
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	json_int_t shown = 0;
	for (size_t i = 0; i < kit->entry_count; i++)
		shown += !kit->entries[i].is_hidden;
	json_t *files = kit_list(kit);
	kit_must(json_canonical(files, &bytes, &err), &err);
	const struct hash total = hash_of(bytes.data, bytes.len);
	return json_pack("{s:s, s:{s:[], s:O, s:s, s:s}, s:{s:I, s:I, s:I}, s:s, s:s, s:s, s:s, s:s, s:o}", "format",
			 "vouch-package/1", "query", "hosts", "controls", kit->controls, "from",
			 times_format(kit->from, from), "to", times_format(kit->to, to), "rows", "statements", shown,
			 "results", (json_int_t)0, "hosts", (json_int_t)1, "hashTotal", hash_hex(&total, hex), "tool",
			 "test", "createdAt", "2026-11-20T00:00:00Z", "by", "test", "origin", KIT_ORIGIN, "files",
			 files);
}

/* Writes the files, whatever they are by now, and their manifest, below a folder. */
static inline void kit_save(struct kit *kit, const char *folder) {
	CLEANUP(free_ptr) char *manifest = kit_text(kit_manifest(kit));
	struct err err;
	for (size_t i = 0; i < kit->file_count; i++) {
		CLEANUP(free_ptr) char *path = file_join(folder, kit->files[i].name);
		CLEANUP(free_ptr) char *parent = xstrdup(path);
		*strrchr(parent, '/') = '\0';
		kit_must(file_make_folder(parent, 0700, &err), &err);
		FILE *file = fopen(path, "wb");
		if (!file ||
		    fwrite(buf_str(&kit->files[i].bytes), 1, kit->files[i].bytes.len, file) != kit->files[i].bytes.len)
			abort();
		fclose(file);
	}
	scratch_put(folder, "manifest.json", manifest);
}

/* --- the trust ---------------------------------------------------------------------------------------------------- */

static inline json_t *kit_trusted_key(EVP_PKEY *key, const char *host) {
	char hex[HASH_HEX];
	const struct hash id = key_id(key);
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "host", host, "name", "web-1", "keyid", hash_hex(&id, hex),
			 "publicKey", pem, "from", "2026-01-01T00:00:00Z");
}

/* The cosigner's key in the form of a policy: "<name>+<id>+<base64(04 || key)>". */
static inline char *kit_witness_vkey(const struct kit *kit) {
	uint8_t typed[33] = {0x04};
	char id[9];
	struct err err;
	kit_must(key_raw_public(kit->witness, typed + 1, &err), &err);
	const struct hash hash = hash_of_parts((const void *const[]){KIT_WITNESS, "\n\x04", typed + 1},
					       (const size_t[]){strlen(KIT_WITNESS), 2, 32}, 3);
	CLEANUP(free_ptr) char *key = base64_encode(typed, sizeof typed);
	hex_encode(hash.bytes, 4, id);
	return xasprintf("%s+%s+%s", KIT_WITNESS, id, key);
}

/* The whole of it, as somebody who trusts all would have it: a test takes out or changes members. */
static inline json_t *kit_trust(const struct kit *kit) {
	CLEANUP(free_ptr) char *vkey = note_vkey(KIT_ORIGIN, kit->log);
	CLEANUP(free_ptr) char *witness = kit_witness_vkey(kit);
	CLEANUP(free_ptr) char *policy = xasprintf("log %s\nwitness w1 %s\nquorum w1\n", vkey, witness);
	CLEANUP(buf_done) struct buf root = {0};
	tsa_pem(kit->tsa.root, &root);
	return json_pack("{s:s, s:[s], s:s, s:[s], s:[o], s:o}", "mediaType",
			 "application/vnd.vouch.trust+json;version=1", "logs", vkey, "witnessPolicy", policy,
			 "timestampAuthorities", buf_str(&root), "evidenceKeys",
			 kit_trusted_key(kit->host.enrolled, KIT_HOST), "collectorKey",
			 kit_trusted_key(kit->own.enrolled, KIT_OWN));
}
