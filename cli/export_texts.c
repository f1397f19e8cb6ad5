/* README.txt for the auditor, and manifest.json. */
#include "cli/export_html.h"
#include "cli/export_package.h"
#include "core/times.h"

static const char readme[] =
	"AUDIT PACKAGE\n"
	"\n"
	"This folder holds evidence about how hosts support controls of ISO/IEC 27001:2022 Annex A: statements that "
	"the\n"
	"hosts signed, what they say, and proofs that a log has them. What was asked for, by whom, and what came of it "
	"is\n"
	"in manifest.json, with the size and the SHA-256 of every file. index.html shows the newest results; it is "
	"there\n"
	"to be read and proves nothing.\n"
	"\n"
	"\n"
	"TO VERIFY IT\n"
	"\n"
	"You need a trust file: the keys that you believe. Take it once, from somebody whom you trust, and not from "
	"whoever\n"
	"handed you this package. (trust.json in here is what the collector would have you trust. It is for "
	"comparison.)\n"
	"\n"
	"    vouch verify PACKAGE --trust FILE\n"
	"\n"
	"PACKAGE is this folder or the archive that it came in. No network is needed. It says for each host and rule "
	"what is\n"
	"proved, lists the times in which nothing was observed, names what it could not establish, and ends with an "
	"exit\n"
	"code other than 0 where anything contradicts anything.\n"
	"\n"
	"\n"
	"WITHOUT VOUCH'S PROGRAMS\n"
	"\n"
	"The formats are public: in-toto statements in DSSE envelopes, a C2SP tlog-tiles log, RFC 3161 time-stamps, "
	"Sigstore\n"
	"bundles. docs/FORMAT.md of vouch describes each file, docs/AUDITING.md each step. For a start, with "
	"sha256sum, jq\n"
	"and openssl (3.0 or later):\n"
	"\n"
	"  The files are those of the manifest (prints nothing but OK):\n"
	"    jq -r '.files[] | .sha256 + \"  \" + .name' manifest.json | sha256sum -c --quiet && echo OK\n"
	"\n"
	"  The list of files is what hashTotal says (prints true):\n"
	"    jq --arg h \"$(jq -cSj .files manifest.json | sha256sum | cut -d' ' -f1)\" '.hashTotal == $h' "
	"manifest.json\n"
	"\n"
	"  Bodies are what their names say, those apart of which a part was erased (prints nothing):\n"
	"    cd bodies && for f in *; do case $f in *.erased) ;; *) echo \"$f  $f\" ;; esac; done | sha256sum -c "
	"--quiet\n"
	"\n"
	"  The first statement in plain text:\n"
	"    head -n 1 statements.jsonl | jq -r .envelope.payload | base64 -d | jq .\n"
	"\n"
	"  Its signature, by the key that an enrolment names (here: the first statement, where it is an enrolment):\n"
	"    head -n 1 statements.jsonl | jq -r .envelope.payload | base64 -d >payload\n"
	"    head -n 1 statements.jsonl | jq -r '.envelope.signatures[0].sig' | base64 -d >signature\n"
	"    jq -r .predicate.evidenceKey payload | base64 -d | openssl pkey -pubin -inform DER -out key.pem\n"
	"    { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \"$(stat -c %s payload)\"; cat payload; } >signed\n"
	"    openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile signature\n"
	"\n"
	"  bundles/ can be verified by any program that reads Sigstore bundles v0.3.\n"
	"\n"
	"\n"
	"WHAT IT CANNOT SHOW\n"
	"\n"
	"- That a host told the truth: who has root on a host decides what it says.\n"
	"- Anything about a host that was never enrolled, or about a time in which a host said nothing.\n"
	"- That everybody sees the same log, unless witnesses that you trust have cosigned its checkpoints.\n"
	"- When something was said, unless a time-stamping authority that you trust has signed it. Times of the hosts "
	"and\n"
	"  of the collector are what these say.\n"
	"- Results of controls that were not asked for, where only some were: of these there are hashes alone.\n"
	"- Results that the operator erased. The erasure is in the log, with its reason; what is left still gives the "
	"roots.\n";

bool export_readme(struct export *export, struct err *err) {
	return package_put(export->writer, "README.txt", readme, strlen(readme), err);
}

static json_t *sorted_hosts(const struct export *export) {
	json_t *ids = json_array();
	if (!export->query->hosts.count)
		return ids;
	CLEANUP(free_ptr) const char **sorted = html_sorted(export->hosts);
	for (const char **id = sorted; *id; id++)
		json_array_append_new(ids, json_text(*id));
	return ids;
}

static json_t *texts_json(const struct texts *texts) {
	json_t *array = json_array();
	for (size_t i = 0; i < texts->count; i++)
		json_array_append_new(array, json_text(texts->items[i]));
	return array;
}

static json_t *query_json(const struct export *export) {
	char from[TIMES_TEXT], to[TIMES_TEXT];
	return json_pack("{s:o,s:s,s:o,s:s}", "controls", texts_json(&export->query->controls), "from",
			 times_format(export->query->from, from), "hosts", sorted_hosts(export), "to",
			 times_format(export->query->to, to));
}

bool export_manifest(struct export *export, struct err *err) {
	CLEANUP(json_decref_p) json_t *files = NULL;
	CLEANUP(buf_done) struct buf list = {0}, text = {0};
	char hex[HASH_HEX], created[TIMES_TEXT];
	if (!package_list(export->writer, &files, err) || !json_canonical(files, &list, err))
		return false;
	const struct hash total = hash_of(list.data, list.len);
	CLEANUP(json_decref_p)
	json_t *manifest = json_pack(
		"{s:o,s:s,s:O,s:s,s:s,s:s,s:o,s:{s:I,s:I,s:I},s:s}", "by", json_text(export->query->by), "createdAt",
		times_format(export->query->created, created), "files", files, "format", "vouch-package/1", "hashTotal",
		hash_hex(&total, hex), "origin", export->origin, "query", query_json(export), "rows", "hosts",
		(json_int_t)json_object_size(export->hosts), "results", (json_int_t) export->results, "statements",
		(json_int_t) export->leaf_count, "tool", "vouch " VOUCH_VERSION);
	if (!json_canonical(manifest, &text, err))
		return false;
	buf_adds(&text, "\n");
	return package_put(export->writer, "manifest.json", text.data, text.len, err);
}
