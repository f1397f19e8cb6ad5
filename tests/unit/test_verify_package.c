/* vouch verify PACKAGE: an honest package is proved, and each thing that it proves is broken once. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/verify_package.h"
#include "core/result.h"
#include "verify_kit.h"

static void an_honest_package_is_proved(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	/* Rounds look 2 s before they are received, 450 s before the quarter. */
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_PASS), LAST * KIT_EVERY);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_FAIL), 4 * KIT_EVERY);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_PASS), (LAST - 4) * KIT_EVERY);
	assert_int_equal(verdict.audit.anchors.witnessed, 3);
	assert_int_equal(verdict.audit.anchors.stamped, 3);
}

static struct kit *erased(bool has_record, const char *rule);
static void all_of_it_is_told_as_json(void **state) {
	struct kit *kit = erased(true, "a.one");
	CLEANUP(looked_done) struct looked looked = look(kit, NULL);
	CLEANUP(json_decref_p) json_t *report = verify_package_json(&looked.audit);
	kit_free(kit);
	assert_true(json_is_true(json_object_get(report, "proved")));
	assert_int_equal(json_array_size(json_object_get(report, "hosts")), 2);
	assert_int_equal(json_array_size(json_object_get(json_object_get(report, "operator"), "erasures")), 2);
	const json_t *host = json_array_get(json_object_get(report, "hosts"), 1);
	const json_t *rule = json_array_get(json_object_get(host, "rules"), 0);
	assert_int_equal(json_array_size(json_object_get(rule, "intervals")), 4);
}

static void a_package_of_one_control_is_proved(void **state) {
	struct kit *kit = day("A.8.16");
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(hosts_find(&verdict.audit.hosts, KIT_HOST)->rule_count, 1);
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_PASS), LAST * KIT_EVERY);
}

static void a_package_of_a_control_that_failed_shows_it(void **state) {
	struct kit *kit = day("A.8.15");
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_FAIL), 4 * KIT_EVERY);
	assert_int_equal(seconds(&verdict.audit, "c.three", TIMELINE_PASS), LAST * KIT_EVERY);
}

/* --- manifest ----------------------------------------------------------------------------------------------------- */

/* A package whose folder is changed behind its manifest. */
static void assert_refused_after(void (*spoil)(const char *folder), const char *why) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(trusted_done) struct trusted trusted = {0};
	CLEANUP(audit_done) struct audit audit = {0};
	struct kit *kit = day(NULL);
	struct err err;
	CLEANUP(free_ptr) char *trust = kit_text(kit_trust(kit));
	kit_put(kit, "README.txt", "read me\n", 8);
	kit_save(kit, folder);
	kit_free(kit);
	spoil(folder);
	kit_must(trusted_read(trust, strlen(trust), "trust", &trusted, &err), &err);
	kit_must(package_open(folder, &package, &err), &err);
	kit_must(audit_run(&audit, package, &trusted, KIT_BEGIN, &err), &err);
	if (!has_found(&audit, FOUND_CONTRADICTION, FOUND_MANIFEST, why)) {
		print_found(&audit);
		fail_msg("no contradiction of the manifest says: %s", why);
	}
}

static void change_file(const char *folder) { scratch_put(folder, "README.txt", "read mf\n"); }
static void lengthen_file(const char *folder) { scratch_put(folder, "README.txt", "read me too\n"); }
static void add_file(const char *folder) { scratch_put(folder, "bodies/more", "more\n"); }
static void remove_file(const char *folder) {
	CLEANUP(free_ptr) char *path = file_join(folder, "README.txt");
	assert_int_equal(unlink(path), 0);
}

static void replace_in_manifest(const char *folder, const char *from, const char *to) {
	CLEANUP(free_ptr) char *path = file_join(folder, "manifest.json");
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	kit_must(file_read(path, 1U << 20, &bytes, &err), &err);
	char *at = strstr(bytes.data, from);
	assert_non_null(at);
	memcpy(at, to, strlen(to));
	scratch_put(folder, "manifest.json", buf_str(&bytes));
}
static void change_total(const char *folder) { replace_in_manifest(folder, "\"hashTotal\":\"", "\"hashTotal\":\"_"); }
static void change_count(const char *folder) { replace_in_manifest(folder, "\"statements\":17", "\"statements\":16"); }

static void a_changed_file_contradicts_the_manifest(void **state) {
	assert_refused_after(change_file, "README.txt: its digest is not the one of the manifest");
}
static void a_longer_file_contradicts_the_manifest(void **state) {
	assert_refused_after(lengthen_file, "README.txt: 12 bytes, the manifest says 8");
}
static void a_missing_file_contradicts_the_manifest(void **state) {
	assert_refused_after(remove_file, "README.txt: the manifest lists it, and it is not there");
}
static void a_file_that_is_not_listed_contradicts_the_manifest(void **state) {
	assert_refused_after(add_file, "bodies/more: it is there, and the manifest does not list it");
}
static void another_hash_total_contradicts(void **state) {
	assert_refused_after(change_total, "the hash total is not that of the files");
}
static void another_number_of_statements_contradicts(void **state) {
	assert_refused_after(change_count, "it counts 16 statements, and there are 17");
}

/* --- the log ------------------------------------------------------------------------------------------------------ */

static void a_checkpoint_by_another_log_key_is_refused(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	struct err err;
	EVP_PKEY *other;
	kit_must(key_make_ed25519(&other, &err), &err);
	CLEANUP(free_ptr) char *vkey = note_vkey(KIT_ORIGIN, other);
	EVP_PKEY_free(other);
	json_object_set_new(trust, "logs", json_pack("[s]", vkey));
	json_object_del(trust, "witnessPolicy");
	assert_refused_by(kit, trust, FOUND_LOG, "no signature by this log");
}

static void a_log_of_another_name_is_refused(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	json_object_set_new(trust, "logs", json_array());
	json_object_del(trust, "witnessPolicy");
	assert_refused_by(kit, trust, FOUND_LOG, "the trust file has no key of a log of the name");
}

static void an_anchor_by_another_log_key_is_refused(void **state) {
	struct kit *kit = day(NULL);
	struct err err;
	EVP_PKEY *kept = kit->log;
	kit_must(key_make_ed25519(&kit->log, &err), &err);
	kit_put_anchor(kit, &kit->anchors[1]);
	EVP_PKEY_free(kit->log);
	kit->log = kept;
	assert_refused(kit, FOUND_LOG, "log/anchors/");
}

static void an_anchor_of_a_forked_log_is_refused(void **state) {
	struct kit *kit = day(NULL);
	kit->anchors[1].root.bytes[0] ^= 1;
	kit_put_anchor(kit, &kit->anchors[1]);
	assert_refused(kit, FOUND_LOG, "/checkpoint: entries and nodes give another root than the log signed");
}

static void another_root_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	kit->entries[7].is_hidden = true; /* its leaf is in a node */
	kit_export(kit);
	struct kit_file *nodes = kit_find(kit, "log/nodes.jsonl");
	char *hash = strstr(nodes->bytes.data, "\"hash\":\"") + 8;
	hash[0] = hash[0] == 'a' ? 'b' : 'a';
	assert_refused(kit, FOUND_LOG, "log/checkpoint: entries and nodes give another root than the log signed");
}

static void a_missing_node_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	kit->entries[7].is_hidden = true;
	kit_export(kit);
	kit_put(kit, "log/nodes.jsonl", "", 0);
	assert_refused(kit, FOUND_LOG, "log/checkpoint: entries and nodes do not give its root");
}

static void a_node_over_an_entry_that_is_shown_is_refused(void **state) {
	struct kit *kit = day(NULL);
	const struct frontier_node node = {.level = 0, .index = 9, .hash = kit->entries[9].leaf};
	CLEANUP(buf_done) struct buf line = {0};
	kit_add_node(&line, &node);
	kit_put(kit, "log/nodes.jsonl", line.data, line.len);
	assert_refused(kit, FOUND_LOG, "covers what another one shows");
}

static void an_index_that_comes_twice_is_refused(void **state) {
	struct kit *kit = day(NULL);
	kit_edit(kit, "statements.jsonl", "\"index\":9,", "\"index\":8,");
	assert_refused(kit, FOUND_LOG, "entry 8: an index that comes twice, or out of order");
}

static void an_index_out_of_the_tree_is_refused(void **state) {
	struct kit *kit = day(NULL);
	kit_edit(kit, "statements.jsonl", "\"index\":16,", "\"index\":17,");
	assert_refused(kit, FOUND_LOG, "entry 17: an index out of the range of log/checkpoint, which has 17 entries");
}

static void a_line_that_is_no_statement_is_refused(void **state) {
	struct kit *kit = day(NULL);
	kit_edit(kit, "statements.jsonl", "\"index\":9,", "\"indez\":9,");
	assert_refused(kit, FOUND_LOG, "\"index\" is missing");
}

static void a_log_that_forked_for_one_host_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit_name_checkpoint(kit);
	kit->named_root.bytes[0] ^= 1;
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_LOG, "the log forked: the host of entry 8 had verified another tree of 8 entries");
}

static void a_checkpoint_that_was_not_there_yet_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit_name_checkpoint(kit);
	kit->named_size += 5;
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_LOG, "entry 8: its host had verified a checkpoint of collector.example/log with 13");
}

/* --- anchors ------------------------------------------------------------------------------------------------------ */

static void a_cosignature_that_does_not_hold_is_refused(void **state) {
	struct kit *kit = day(NULL);
	struct err err;
	EVP_PKEY *kept = kit->witness;
	json_t *trust = kit_trust(kit);
	kit_must(key_make_ed25519(&kit->witness, &err), &err);
	/* The right name and key id, with a signature of somebody else's. */
	CLEANUP(free_ptr)
	char *name = xasprintf("log/anchors/%020llu/checkpoint", (unsigned long long)kit->anchors[1].size);
	CLEANUP(free_ptr) char *line = NULL;
	struct kit_file *file = kit_find(kit, name);
	char *last = strrchr(file->bytes.data, ' ');
	line = xstrdup(last + 1);
	line[20] = line[20] == 'A' ? 'B' : 'A';
	memcpy(last + 1, line, strlen(line));
	EVP_PKEY_free(kit->witness);
	kit->witness = kept;
	assert_refused_by(kit, trust, FOUND_ANCHORS, KIT_WITNESS);
}

static void a_time_stamp_over_something_else_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr)
	char *from = xasprintf("log/anchors/%020llu/timestamp-1.tsr", (unsigned long long)kit->anchors[0].size);
	CLEANUP(free_ptr)
	char *to = xasprintf("log/anchors/%020llu/timestamp-1.tsr", (unsigned long long)kit->anchors[1].size);
	const struct kit_file *file = kit_find(kit, from);
	CLEANUP(buf_done) struct buf bytes = {0};
	buf_add(&bytes, file->bytes.data, file->bytes.len);
	kit_put(kit, to, bytes.data, bytes.len);
	assert_refused(kit, FOUND_ANCHORS, "the imprint differs");
}

static void an_anchor_in_the_folder_of_another_size_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr)
	char *from = xasprintf("log/anchors/%020llu/checkpoint", (unsigned long long)kit->anchors[0].size);
	const struct kit_file *file = kit_find(kit, from);
	CLEANUP(buf_done) struct buf bytes = {0};
	buf_add(&bytes, file->bytes.data, file->bytes.len);
	kit_put(kit, "log/anchors/00000000000000000003/checkpoint", bytes.data, bytes.len);
	assert_refused(kit, FOUND_ANCHORS, "its folder's name is not its size");
}

static void an_authority_that_is_not_trusted_proves_nothing(void **state) {
	struct kit *kit = day(NULL);
	struct tsa other = tsa_new(&(struct tsa_signer){0});
	CLEANUP(buf_done) struct buf root = {0};
	json_t *trust = kit_trust(kit);
	tsa_pem(other.root, &root);
	tsa_done(&other);
	json_object_set_new(trust, "timestampAuthorities", json_pack("[s]", buf_str(&root)));
	assert_open(kit, trust, FOUND_ANCHORS, "when it was signed: the authority of timestamp-1 is not in the trust");
}

static void a_trust_without_witnesses_leaves_that_open(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	json_object_del(trust, "witnessPolicy");
	assert_open(kit, trust, FOUND_ANCHORS,
		    "that everybody sees the same log: the trust file has no witness policy");
}

static void a_quorum_that_is_not_reached_is_open(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	for (size_t i = 0; i < kit->anchor_count; i++)
		kit->anchors[i].is_witnessed = false;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_ANCHORS, "no checkpoint reaches the quorum");
}

static void statements_behind_the_last_anchor_are_open(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST - 1);
	kit->to = AT(LAST);
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIME, "when 5 of 11 statements of the period were there");
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static EVP_PKEY *new_key(void) {
	struct err err;
	EVP_PKEY *key;
	kit_must(key_make_ed25519(&key, &err), &err);
	return key;
}

static void a_host_with_another_key_than_the_trust_has_is_refused(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	EVP_PKEY *key = new_key();
	json_object_set_new(trust, "evidenceKeys", json_pack("[o]", kit_trusted_key(key, KIT_HOST)));
	EVP_PKEY_free(key);
	assert_refused_by(kit, trust, FOUND_KEYS, "is enrolled with another key than the trust file has for it");
}

static void a_key_that_only_the_log_vouches_for_is_open(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	json_object_set_new(trust, "evidenceKeys", json_array());
	assert_open(kit, trust, FOUND_KEYS, "that the key of entry 1 is the one of host " KIT_HOST);
}

static void another_collector_is_refused(void **state) {
	struct kit *kit = day(NULL);
	json_t *trust = kit_trust(kit);
	EVP_PKEY *key = new_key();
	json_object_set_new(trust, "collectorKey", kit_trusted_key(key, KIT_OWN));
	EVP_PKEY_free(key);
	assert_refused_by(kit, trust, FOUND_KEYS, "by another key than the trust file's collectorKey");
}

static struct kit *with_statement_by(EVP_PKEY *(*whose)(struct kit *kit), bool *ret_is_own) {
	struct kit *kit = kit_new(NULL);
	struct statement statement = {.type = (char *)"spool-full"};
	live(kit, 0, 3);
	EVP_PKEY *key = whose(kit);
	kit_seal_by(kit, &kit->host, &statement, "{}", AT(4), key);
	if (ret_is_own)
		EVP_PKEY_free(key);
	kit_export(kit);
	return kit;
}
static EVP_PKEY *strangers(struct kit *kit) { return new_key(); }
static EVP_PKEY *enrolled(struct kit *kit) { return kit->host.enrolled; }

static void a_statement_by_a_strange_key_is_refused(void **state) {
	bool is_own;
	assert_refused(with_statement_by(strangers, &is_own), FOUND_KEYS,
		       "entry 8: its signature is by none of the keys of its host");
}

static void a_statement_by_the_enrolled_key_behind_an_epoch_is_refused(void **state) {
	assert_refused(with_statement_by(enrolled, NULL), FOUND_KEYS,
		       "entry 8: signed by the enrolled key, which behind an epoch signs nothing but the next");
}

static void a_statement_by_the_epoch_before_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	struct statement statement = {.type = (char *)"spool-full"};
	live(kit, 0, 3);
	EVP_PKEY *stolen = kit->host.epoch;
	EVP_PKEY_up_ref(stolen);
	kit_epoch(kit, &kit->host, "rotation", "boot-1", AT(3));
	kit_seal_by(kit, &kit->host, &statement, "{}", AT(4), stolen);
	EVP_PKEY_free(stolen);
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 9: its signature is by none of the keys of its host");
}

static void a_rotation_is_followed(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit_epoch(kit, &kit->host, "rotation", "boot-1", AT(4) - 700);
	live(kit, 4, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(hosts_find(&verdict.audit.hosts, KIT_HOST)->lines[0]->rotations, 1);
}

static void a_rotation_by_the_enrolled_key_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	EVP_PKEY *kept = kit->host.epoch;
	kit->host.epoch = kit->host.enrolled;
	EVP_PKEY_up_ref(kit->host.enrolled);
	kit_epoch(kit, &kit->host, "rotation", "boot-1", AT(4));
	EVP_PKEY_free(kept);
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 8: a rotation that is signed by the enrolled key");
}

static void a_host_that_never_enrolled_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->entries[1].is_hidden = true;
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "a statement of a host whose enrolment was not shown before it");
}

static void a_second_line_is_followed_when_the_first_ends(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	EVP_PKEY *first = kit->host.enrolled;
	EVP_PKEY_free(kit->host.epoch);
	kit->host.epoch = NULL;
	json_t *trust = NULL;
	kit_begin(kit, &kit->host, AT(4) - 800);
	kit_round(kit, &kit->host, kit_all_pass, 7, true, AT(4) - 450);
	live(kit, 5, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	trust = kit_trust(kit);
	json_array_append_new(json_object_get(trust, "evidenceKeys"), kit_trusted_key(first, KIT_HOST));
	EVP_PKEY_free(first);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(hosts_find(&verdict.audit.hosts, KIT_HOST)->line_count, 2);
	/* Nothing stands from the new enrolment to its first round. */
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), 350);
}

static void two_lines_of_a_host_that_live_at_once_are_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	struct kit_line second = kit_line_new(KIT_HOST, "web-1");
	second.boot = "boot-2";
	kit_begin(kit, &second, AT(4) - 800);
	kit_round(kit, &second, kit_all_pass, 7, true, AT(4) - 500);
	kit_round(kit, &kit->host, NULL, 7, false, AT(4) - 450);
	kit_export(kit);
	json_t *trust = kit_trust(kit);
	json_array_append_new(json_object_get(trust, "evidenceKeys"), kit_trusted_key(second.enrolled, KIT_HOST));
	kit_line_done(&second);
	assert_refused_by(kit, trust, FOUND_KEYS, "two lines of host " KIT_HOST " (web-1) are alive at once");
}

static void a_key_that_enrols_two_hosts_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	CLEANUP(free_ptr) char *key = kit_key(kit->host.enrolled);
	struct kit_line second = kit_line_new("b9f6f3c4-1f3e-5d0a-8a53-000000000002", "web-2");
	struct statement statement = {.type = (char *)"enrolment", .evidence_key = key, .transport_key = key};
	second.enrolled = kit->host.enrolled;
	kit_seal(kit, &second, &statement, "{}", AT(0));
	second.enrolled = NULL;
	kit_line_done(&second);
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 4: an enrolment with a key that is enrolled already");
}

static void revoke_line(struct kit *kit, int64_t from, int64_t at) {
	char text[TIMES_TEXT], hex[HASH_HEX];
	const struct hash id = key_id(kit->host.enrolled);
	CLEANUP(free_ptr)
	char *body = kit_text(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "host", KIT_HOST, "enrolment",
					kit->host.enrolment, "evidenceKey", hash_hex(&id, hex), "from",
					times_format(from, text), "reason", "stolen", "by", "operator"));
	struct statement statement = {.type = (char *)"revocation", .trigger = (char *)"manual"};
	kit_seal(kit, &kit->own, &statement, body, at);
}

static void a_statement_behind_a_revocation_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	revoke_line(kit, AT(4), AT(4));
	kit_round(kit, &kit->host, NULL, 7, false, AT(5));
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 9: a statement of a line that entry 8 revoked: stolen");
}

static void what_a_revocation_disbelieves_does_not_count(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 6);
	revoke_line(kit, AT(4), AT(7));
	kit->to = AT(7);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_int_equal(found_total(&verdict.audit.found, FOUND_CONTRADICTION), 0);
	assert_true(
		has_found(&verdict.audit, FOUND_OPEN, FOUND_KEYS, "behind the time from which its key was revoked"));
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_PASS), AT(4) - AT(0));
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), AT(7) - AT(4));
}

static void an_erasure_in_a_host_s_line_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	struct statement statement = {.type = (char *)"erasure"};
	kit_seal(kit, &kit->host, &statement, "{}", AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 8: of a type that only the collector's own line has");
}

static void a_round_of_a_line_that_attests_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	struct kit_line ci = kit_line_new("b9f6f3c4-1f3e-5d0a-8a53-000000000003", "ci");
	kit_enrol(kit, &ci, "attestation", AT(0));
	kit_round(kit, &ci, kit_all_pass, 7, true, AT(1));
	kit_line_done(&ci);
	kit_export(kit);
	assert_refused(kit, FOUND_KEYS, "entry 5: a round in a line that looks at nothing");
}

/* --- chains ------------------------------------------------------------------------------------------------------- */

static void a_dropped_statement_is_a_gap_in_seconds(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	kit->entries[8].is_hidden = true; /* round 4, which fails a.one */
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 2);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_LOG,
			      "what 1 entries of the log between the first and the last of the period are"));
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_CHAINS,
			      "what the statements 8 to 8 of host " KIT_HOST
			      " (web-1) say: they are missing, in 1799 seconds between"));
	/* From round 3 on nothing is known until round 6, which is full. */
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_GAP), 3 * KIT_EVERY - 1);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_FAIL), 2 * KIT_EVERY);
}

static void a_number_that_comes_twice_is_a_fork(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->host.sequence--;
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_CHAINS,
		       "entry 8: a fork in the line of host " KIT_HOST " (web-1): number 7 comes behind");
}

static void another_digest_before_is_a_fork(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->host.previous[0] = kit->host.previous[0] == 'a' ? 'b' : 'a';
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_CHAINS, "number 8 does not follow the number 7 that is shown");
}

static void a_gap_in_the_collector_s_line_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	revoke_line(kit, AT(9), AT(4));
	kit->entries[8].is_hidden = true;
	revoke_line(kit, AT(9), AT(5));
	kit_export(kit);
	assert_refused(kit, FOUND_CHAINS, "what the statements 2 to 2 of host " KIT_OWN);
}

static struct kit *with_epoch(const char *reason, const char *boot, const char *last_boot) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->host.boot = boot;
	kit_epoch(kit, &kit->host, reason, last_boot, AT(4) - 700);
	return kit;
}
static struct kit *exported(struct kit *kit) {
	kit_export(kit);
	return kit;
}

static void a_boot_is_followed(void **state) {
	struct kit *kit = with_epoch("boot", "boot-2", "boot-1");
	live(kit, 4, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(hosts_find(&verdict.audit.hosts, KIT_HOST)->lines[0]->boot_count, 1);
}

static void a_reset_is_listed(void **state) {
	struct kit *kit = with_epoch("reset", "boot-1", "boot-1");
	live(kit, 4, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(hosts_find(&verdict.audit.hosts, KIT_HOST)->lines[0]->resets, 1);
}

static void an_epoch_that_hides_its_reason_is_refused(void **state) {
	assert_refused(exported(with_epoch("boot", "boot-1", "boot-1")), FOUND_CHAINS,
		       "entry 8: an epoch whose reason does not fit its boot ids");
	assert_refused(exported(with_epoch("reset", "boot-2", "boot-1")), FOUND_CHAINS,
		       "entry 8: an epoch whose reason does not fit its boot ids");
	assert_refused(exported(with_epoch("enrolment", "boot-1", "boot-1")), FOUND_CHAINS,
		       "entry 8: an epoch whose reason does not fit its number");
	assert_refused(exported(with_epoch("boot", "boot-2", "boot-0")), FOUND_CHAINS,
		       "entry 8: an epoch whose lastBootId is not that of the statement before");
}

static void a_boot_that_comes_back_is_refused(void **state) {
	struct kit *kit = with_epoch("boot", "boot-2", "boot-1");
	kit->host.boot = "boot-1";
	kit_epoch(kit, &kit->host, "boot", "boot-2", AT(4) - 600);
	kit_export(kit);
	assert_refused(kit, FOUND_TIME, "entry 9: a boot that had ended comes back: boot-1 was before boot-2");
}

static void a_full_spool_leaves_a_gap(void **state) {
	struct kit *kit = kit_new(NULL);
	struct statement statement = {.type = (char *)"spool-full"};
	live(kit, 0, 3);
	kit_seal(kit, &kit->host, &statement, "{\"bytes\":1,\"statements\":1}", AT(4) - 450);
	kit_round(kit, &kit->host, kit_all_pass, 7, true, AT(5) - 450);
	kit_anchor(kit, AT(5));
	kit->to = AT(6);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_GAP), KIT_EVERY - 1);
}

/* --- bodies and state --------------------------------------------------------------------------------------------- */

static char *body_of(const struct kit *kit, size_t index, const char *ending) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	struct err err;
	char hex[HASH_HEX];
	kit_must(dsse_from_json(kit->entries[index].envelope, "", &envelope, &err), &err);
	kit_must(statement_read(envelope->payload.data, envelope->payload.len, "", &statement, &err), &err);
	return xasprintf("bodies/%s%s", hash_hex(&statement->body_sha256, hex), ending);
}

static void a_round_without_its_body_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr) char *name = body_of(kit, 8, "");
	kit_drop(kit, name);
	assert_refused(kit, FOUND_BODIES, "entry 8: the body of this round is missing without a record of its erasure");
}

static void a_policy_without_its_body_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr) char *name = body_of(kit, 3, "");
	kit_drop(kit, name);
	assert_refused(kit, FOUND_BODIES, "entry 3: the body of this policy is missing without a record");
}

static void another_body_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr) char *name = body_of(kit, 8, "");
	kit_edit(kit, name, "\"verdict\":\"fail\"", "\"verdict\":\"pass\"");
	assert_refused(kit, FOUND_BODIES, "entry 8: its body has another digest than the statement's subject");
}

static void another_policy_is_refused(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(free_ptr) char *name = body_of(kit, 3, "");
	kit_edit(kit, name, "c.three", "c.other");
	assert_refused(kit, FOUND_BODIES, "its bytes have another digest");
}

static void a_state_that_results_do_not_give_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->spoil_root = true;
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES,
		       "entry 8: its results do not give the state root that the statement commits to");
}

static void a_round_of_other_rules_than_its_policies_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	kit->spoil_count = true;
	kit_round(kit, &kit->host, NULL, 7, false, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES,
		       "entry 8: the policies that it names have another number of rules than it looked through");
}

static void a_result_collected_after_its_round_is_refused(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	json_t *late = kit_result(kit, 0, "pass", AT(4) + 5);
	json_decref(kit->host.results[0]);
	kit->host.results[0] = late;
	kit_round(kit, &kit->host, NULL, 6, true, AT(4));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES, "entry 8: a result that was collected after its round had finished");
}

/* --- disclosures -------------------------------------------------------------------------------------------------- */

static void a_disclosure_that_is_left_out_is_refused(void **state) {
	struct kit *kit = kit_new("A.8.15");
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	json_array_remove(kit->disclosed, 1); /* round 4, which fails */
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES, "entry 8: left out: nothing is disclosed of a round whose state is another");
}

static void a_rule_that_is_left_out_is_refused(void **state) {
	struct kit *kit = kit_new("A.8.15");
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	json_t *first = json_array_get(kit->disclosed, 0);
	const uint64_t shown[] = {0};
	/* Its leaf is hidden in a node, so that the root still holds. */
	json_array_remove(json_object_get(first, "results"), 1);
	CLEANUP(state_free_p) struct state *first_state = state_new();
	CLEANUP(json_decref_p) json_t *results = json_array();
	struct err err;
	for (size_t i = 0; i < KIT_RULES; i++)
		json_array_append_new(results, kit_result(kit, i, "pass", AT(0)));
	kit_must(state_take(first_state, results, true, &err), &err);
	json_object_set_new(first, "nodes", state_nodes(first_state, shown, 1));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES,
		       "entry 4: left out: rule c.three of the policy supports a control that was asked for");
}

static void a_disclosed_verdict_that_was_changed_is_refused(void **state) {
	struct kit *kit = day("A.8.15");
	kit_edit(kit, "disclosures.jsonl", "\"verdict\":\"fail\"", "\"verdict\":\"pass\"");
	assert_refused(kit, FOUND_BODIES, "entry 8: its results do not give the state root");
}

static void a_disclosed_result_in_another_place_is_refused(void **state) {
	struct kit *kit = day("A.8.15");
	kit_edit(kit, "disclosures.jsonl", "\"index\":2", "\"index\":1");
	assert_refused(kit, FOUND_BODIES, "entry 4: a disclosed result whose index is not that of its rule");
}

static void a_result_of_a_rule_that_no_policy_has_is_refused(void **state) {
	struct kit *kit = day("A.8.15");
	kit_edit(kit, "disclosures.jsonl", "\"rule\":\"c.three\"", "\"rule\":\"c.other\"");
	assert_refused(kit, FOUND_BODIES, "entry 4: a result of c.other, which is no rule of the policies");
}

static void a_disclosure_of_no_statement_is_refused(void **state) {
	struct kit *kit = kit_new("A.8.15");
	live(kit, 0, 3);
	json_array_append_new(kit->disclosed,
			      json_pack("{s:s, s:[], s:[]}", "statement", kit->policy, "results", "nodes"));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES, "results are disclosed of a round that is not in the package");
}

/* --- erasure ------------------------------------------------------------------------------------------------------ */

/* The result of a.one in round 4, which fails, is erased, with its record or without; the record may name its body as
 * that of another statement. */
static struct kit *erased_as(bool has_record, const char *rule, size_t of) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	CLEANUP(free_ptr) char *name = body_of(kit, 8, "");
	CLEANUP(free_ptr) char *left = body_of(kit, 8, ".erased");
	CLEANUP(json_decref_p) json_t *body = NULL;
	CLEANUP(buf_done) struct buf leaf = {0};
	struct err err;
	char hex[HASH_HEX];
	const struct kit_file *file = kit_find(kit, name);
	kit_must(json_read(file->bytes.data, file->bytes.len, 1U << 20, "", &body, &err), &err);
	json_t *result = json_array_get(json_object_get(body, "results"), 0);
	kit_must(result_leaf(result, json_string_value(json_object_get(result, "blind")), &leaf, &err), &err);
	const struct hash hash = merkle_leaf(leaf.data, leaf.len);
	struct statement statement = {.type = (char *)"erasure", .trigger = (char *)"manual"};
	CLEANUP(free_ptr)
	char *said = kit_text(json_pack("{s:[{s:s, s:s}, {s:s, s:s, s:[s]}], s:s, s:s, s:s}", "bodies", "body",
					kit->policy, "statement", kit->policy, "body", name + strlen("bodies/"),
					"statement", kit->entries[of].digest, "rules", rule, "retention", "a year",
					"reason", "nobody needs it", "by", "operator"));
	const size_t record = kit_seal(kit, &kit->own, &statement, said, AT(LAST));
	kit->entries[record].is_hidden = !has_record;
	json_object_clear(result);
	json_object_set_new(result, "rule", json_string("a.one"));
	json_object_set_new(
		result, "erased",
		json_pack("{s:s, s:s}", "leaf", hash_hex(&hash, hex), "statement", kit->entries[record].digest));
	CLEANUP(free_ptr) char *text = kit_text(json_incref(body));
	kit_drop(kit, name);
	kit_put(kit, left, text, strlen(text));
	kit_anchor(kit, AT(LAST) + 10);
	kit_export(kit);
	return kit;
}

static struct kit *erased(bool has_record, const char *rule) { return erased_as(has_record, rule, 8); }

/* Two rounds of one second may have the same bytes. */
static void an_erasure_is_of_a_body_whichever_statement_is_named(void **state) {
	struct kit *kit = erased_as(true, "a.one", 7);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

static void an_erased_result_with_its_record_still_proves_the_rest(void **state) {
	struct kit *kit = erased(true, "a.one");
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_FAIL), 2 * KIT_EVERY);
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_ERASED), 2 * KIT_EVERY);
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_PASS), LAST * KIT_EVERY);
	assert_false(verdict.audit.operator_line.erasures[0].is_used);
	assert_true(verdict.audit.operator_line.erasures[1].is_used);
	assert_string_equal(verdict.audit.operator_line.erasures[1].retention, "a year");
}

static void an_erased_result_without_a_record_is_refused(void **state) {
	assert_refused(erased(false, "a.one"), FOUND_BODIES,
		       "entry 8: the result of a.one is missing without a record of its erasure");
}

static void an_erased_result_under_the_record_of_another_rule_is_refused(void **state) {
	assert_refused(erased(true, "b.two"), FOUND_BODIES,
		       "entry 8: the result of a.one is missing without a record of its erasure");
}

/* --- time --------------------------------------------------------------------------------------------------------- */

/* A round behind others that finished then, was received then; an anchor of then behind it. */
static struct kit *timed(int64_t finished, int64_t received, int64_t anchored) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3); /* anchored at AT(2) */
	kit_name_checkpoint(kit);
	const size_t index = kit_round(kit, &kit->host, NULL, 7, false, finished + 1);
	kit->entries[index].received = received;
	kit_anchor(kit, anchored);
	kit->to = AT(6);
	kit_export(kit);
	return kit;
}

static void a_clock_that_was_ahead_is_refused(void **state) {
	assert_refused(timed(AT(4) + 301, AT(4), AT(4)), FOUND_TIME, "entry 8: its clock was ahead: finished at");
}

static void a_back_dated_statement_is_refused(void **state) {
	assert_refused(timed(AT(2) - 302, AT(4), AT(4)), FOUND_TIME, "entry 8: back-dated, or its clock was behind");
}

static void a_statement_behind_one_that_names_a_checkpoint_is_bounded_by_it(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 4); /* the last one names a larger checkpoint than the one that was anchored at AT(2) */
	const size_t index = kit_round(kit, &kit->host, NULL, 7, false, AT(2) - 301);
	kit->entries[index].received = AT(5);
	kit_export(kit);
	assert_refused(kit, FOUND_TIME, "entry 9: back-dated, or its clock was behind");
}

/* The log stood still while nobody signed; then its checkpoint was, long after a host had seen it. */
static void an_anchor_of_the_very_checkpoint_may_be_later(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 2); /* anchored at AT(2) */
	kit_name_checkpoint(kit);
	const size_t index = kit_round(kit, &kit->host, NULL, 7, false, AT(2) - 400);
	kit->entries[index].received = AT(4);
	kit_anchor(kit, AT(4));
	kit->to = AT(5);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

/* What a crash between log and store does to an honest collector. */
static void a_receipt_behind_its_anchor_is_open(void **state) {
	assert_open(timed(AT(4), AT(4) + 302, AT(4)), NULL, FOUND_TIME, "when it was received: the collector says 302");
}

static void a_receipt_before_the_anchor_before_it_is_refused(void **state) {
	assert_refused(timed(AT(2), AT(2) - 302, AT(4)), FOUND_TIME, "entry 8: receivedAt is");
}

static void five_minutes_are_forgiven(void **state) {
	struct kit *kit = timed(AT(2) - 298, AT(4) + 298, AT(4));
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	/* By the anchors, that is: between it and the round before its clock went back. */
	assert_proved(&verdict.audit, 1);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_TIME, "its clock was set back: 1 statements were"));
}

static void a_silent_host_is_a_gap_from_when_its_results_lapse(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 2);
	kit->to = AT(LAST);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 1); /* the log was signed long before the period ended */
	/* The last look was at AT(2) - 452, and stands for two hours. */
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_PASS), 2 * KIT_EVERY - 452 + 7200);
}

/* A second host with rounds among those of the first. */
#define OTHER "b9f6f3c4-1f3e-5d0a-8a53-000000000002"
static struct kit *day_of_two(json_t **ret_trust) {
	struct kit *kit = kit_new(NULL);
	struct kit_line second = kit_line_new(OTHER, "web-2");
	kit_begin(kit, &second, KIT_BEGIN - 1800);
	live(kit, 0, 3);
	kit_round(kit, &second, kit_all_pass, 7, true, AT(3));
	live(kit, 4, LAST);
	kit->to = AT(LAST);
	*ret_trust = kit_trust(kit);
	json_array_append_new(json_object_get(*ret_trust, "evidenceKeys"), kit_trusted_key(second.enrolled, OTHER));
	kit_line_done(&second);
	return kit;
}

static void a_log_that_was_signed_long_before_the_period_ended_is_open(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, LAST);
	kit->to = AT(LAST) + AUDIT_TAIL + 1;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 1);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_LOG, "log/checkpoint: what the log took in from "));
}

static void all_hosts_are_there_in_a_package_of_all(void **state) {
	json_t *trust;
	struct kit *kit = day_of_two(&trust);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

static void a_host_that_was_left_out_of_a_package_of_all_is_open(void **state) {
	json_t *trust;
	struct kit *kit = day_of_two(&trust);
	for (size_t i = 0; i < kit->entry_count; i++) {
		CLEANUP(buf_done) struct buf text = {0};
		struct err err;
		const char *payload = json_string_value(json_object_get(kit->entries[i].envelope, "payload"));
		kit_must(base64_decode(payload, strlen(payload), "", &text, &err), &err);
		kit->entries[i].is_hidden = strstr(buf_str(&text), OTHER) != NULL;
	}
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	assert_proved(&verdict.audit, 2);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_LOG, "what 1 entries of the log between"));
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_TIMELINE,
			      OTHER ": anything about this host (web-1): the trust file has a key of it, the package "
				    "is of all hosts, and it is not there"));
}

static void a_host_without_a_round_in_the_period_is_open(void **state) {
	json_t *trust;
	struct kit *kit = day_of_two(&trust);
	kit->from = AT(4);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	assert_proved(&verdict.audit, 1);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_TIMELINE,
			      OTHER ": anything about this host (web-2): no round of it was received in the period"));
}

static void what_is_no_package_is_an_error(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(audit_done) struct audit audit = {0};
	const struct trusted trusted = {0};
	struct err err;
	scratch_put(folder, "manifest.json", "{\"format\":\"vouch-package/2\"}");
	kit_must(package_open(folder, &package, &err), &err);
	assert_false(audit_run(&audit, package, &trusted, 0, &err));
	assert_string_equal(err.why, "its format is not vouch-package/1");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_honest_package_is_proved),
	cmocka_unit_test(all_of_it_is_told_as_json),
	cmocka_unit_test(a_package_of_one_control_is_proved),
	cmocka_unit_test(a_package_of_a_control_that_failed_shows_it),
	cmocka_unit_test(a_changed_file_contradicts_the_manifest),
	cmocka_unit_test(a_longer_file_contradicts_the_manifest),
	cmocka_unit_test(a_missing_file_contradicts_the_manifest),
	cmocka_unit_test(a_file_that_is_not_listed_contradicts_the_manifest),
	cmocka_unit_test(another_hash_total_contradicts),
	cmocka_unit_test(another_number_of_statements_contradicts),
	cmocka_unit_test(a_checkpoint_by_another_log_key_is_refused),
	cmocka_unit_test(a_log_of_another_name_is_refused),
	cmocka_unit_test(an_anchor_by_another_log_key_is_refused),
	cmocka_unit_test(an_anchor_of_a_forked_log_is_refused),
	cmocka_unit_test(another_root_is_refused),
	cmocka_unit_test(a_missing_node_is_refused),
	cmocka_unit_test(a_node_over_an_entry_that_is_shown_is_refused),
	cmocka_unit_test(an_index_that_comes_twice_is_refused),
	cmocka_unit_test(an_index_out_of_the_tree_is_refused),
	cmocka_unit_test(a_line_that_is_no_statement_is_refused),
	cmocka_unit_test(a_log_that_forked_for_one_host_is_refused),
	cmocka_unit_test(a_checkpoint_that_was_not_there_yet_is_refused),
	cmocka_unit_test(a_cosignature_that_does_not_hold_is_refused),
	cmocka_unit_test(a_time_stamp_over_something_else_is_refused),
	cmocka_unit_test(an_anchor_in_the_folder_of_another_size_is_refused),
	cmocka_unit_test(an_authority_that_is_not_trusted_proves_nothing),
	cmocka_unit_test(a_trust_without_witnesses_leaves_that_open),
	cmocka_unit_test(a_quorum_that_is_not_reached_is_open),
	cmocka_unit_test(statements_behind_the_last_anchor_are_open),
	cmocka_unit_test(a_host_with_another_key_than_the_trust_has_is_refused),
	cmocka_unit_test(a_key_that_only_the_log_vouches_for_is_open),
	cmocka_unit_test(another_collector_is_refused),
	cmocka_unit_test(a_statement_by_a_strange_key_is_refused),
	cmocka_unit_test(a_statement_by_the_enrolled_key_behind_an_epoch_is_refused),
	cmocka_unit_test(a_statement_by_the_epoch_before_is_refused),
	cmocka_unit_test(a_rotation_is_followed),
	cmocka_unit_test(a_rotation_by_the_enrolled_key_is_refused),
	cmocka_unit_test(a_host_that_never_enrolled_is_refused),
	cmocka_unit_test(a_second_line_is_followed_when_the_first_ends),
	cmocka_unit_test(two_lines_of_a_host_that_live_at_once_are_refused),
	cmocka_unit_test(a_key_that_enrols_two_hosts_is_refused),
	cmocka_unit_test(a_statement_behind_a_revocation_is_refused),
	cmocka_unit_test(what_a_revocation_disbelieves_does_not_count),
	cmocka_unit_test(an_erasure_in_a_host_s_line_is_refused),
	cmocka_unit_test(a_round_of_a_line_that_attests_is_refused),
	cmocka_unit_test(a_dropped_statement_is_a_gap_in_seconds),
	cmocka_unit_test(a_number_that_comes_twice_is_a_fork),
	cmocka_unit_test(another_digest_before_is_a_fork),
	cmocka_unit_test(a_gap_in_the_collector_s_line_is_refused),
	cmocka_unit_test(a_boot_is_followed),
	cmocka_unit_test(a_reset_is_listed),
	cmocka_unit_test(an_epoch_that_hides_its_reason_is_refused),
	cmocka_unit_test(a_boot_that_comes_back_is_refused),
	cmocka_unit_test(a_full_spool_leaves_a_gap),
	cmocka_unit_test(a_round_without_its_body_is_refused),
	cmocka_unit_test(a_policy_without_its_body_is_refused),
	cmocka_unit_test(another_body_is_refused),
	cmocka_unit_test(another_policy_is_refused),
	cmocka_unit_test(a_state_that_results_do_not_give_is_refused),
	cmocka_unit_test(a_round_of_other_rules_than_its_policies_is_refused),
	cmocka_unit_test(a_result_collected_after_its_round_is_refused),
	cmocka_unit_test(a_disclosure_that_is_left_out_is_refused),
	cmocka_unit_test(a_rule_that_is_left_out_is_refused),
	cmocka_unit_test(a_disclosed_verdict_that_was_changed_is_refused),
	cmocka_unit_test(a_disclosed_result_in_another_place_is_refused),
	cmocka_unit_test(a_result_of_a_rule_that_no_policy_has_is_refused),
	cmocka_unit_test(a_disclosure_of_no_statement_is_refused),
	cmocka_unit_test(an_erasure_is_of_a_body_whichever_statement_is_named),
	cmocka_unit_test(an_erased_result_with_its_record_still_proves_the_rest),
	cmocka_unit_test(an_erased_result_without_a_record_is_refused),
	cmocka_unit_test(an_erased_result_under_the_record_of_another_rule_is_refused),
	cmocka_unit_test(a_clock_that_was_ahead_is_refused),
	cmocka_unit_test(a_back_dated_statement_is_refused),
	cmocka_unit_test(an_anchor_of_the_very_checkpoint_may_be_later),
	cmocka_unit_test(a_receipt_behind_its_anchor_is_open),
	cmocka_unit_test(a_receipt_before_the_anchor_before_it_is_refused),
	cmocka_unit_test(five_minutes_are_forgiven),
	cmocka_unit_test(a_silent_host_is_a_gap_from_when_its_results_lapse),
	cmocka_unit_test(a_statement_behind_one_that_names_a_checkpoint_is_bounded_by_it),
	cmocka_unit_test(a_log_that_was_signed_long_before_the_period_ended_is_open),
	cmocka_unit_test(all_hosts_are_there_in_a_package_of_all),
	cmocka_unit_test(a_host_that_was_left_out_of_a_package_of_all_is_open),
	cmocka_unit_test(a_host_without_a_round_in_the_period_is_open),
	cmocka_unit_test(what_is_no_package_is_an_error),
};

int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
