#include "cli/verify_package.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

bool verify_is_package(const char *path) {
	static const char *const endings[] = {".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", "/manifest.json"};
	struct stat status;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (text_ends(path, endings[i]))
			return true;
	return !strcmp(path, "manifest.json");
}

/* --- what was asked for ------------------------------------------------------------------------------------------- */

static void print_list(const char *label, const json_t *list) {
	size_t index;
	const json_t *item;
	say(stdout, "  %-9s ", label);
	if (json_array_size(list) == 0)
		say(stdout, "all");
	json_array_foreach(list, index, item) say(stdout, index ? ", %s" : "%s", json_string_value(item));
	printf("\n");
}

static void print_text(const char *label, const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	if (text)
		say(stdout, "  %-9s %s\n", label, text);
}

static void print_query(const struct audit *audit, const char *path) {
	char from[TIMES_TEXT], to[TIMES_TEXT];
	const struct manifest *manifest = &audit->manifest;
	say(stdout, "Package %s\n", path);
	printf("\nWhat it says that it is (nobody signs this: compare it with what you asked for)\n");
	print_list("hosts", manifest->hosts);
	print_list("controls", manifest->controls);
	say(stdout, "  %-9s %s to %s\n", "period", times_format(manifest->from, from), times_format(manifest->to, to));
	print_text("by", manifest->object, "by");
	print_text("at", manifest->object, "createdAt");
	print_text("tool", manifest->object, "tool");
	print_text("total", manifest->object, "hashTotal");
}

/* --- what was found ----------------------------------------------------------------------------------------------- */

static void print_kind(const struct found *found, enum found_kind kind) {
	for (size_t step = 0; step < FOUND_STEPS; step++) {
		for (size_t i = 0; i < found->count; i++) {
			const struct found_item *item = &found->items[i];
			if (item->kind != kind || item->step != step)
				continue;
			say(stdout, "  %s: ", found_step_name(item->step));
			say(stdout, *item->where ? "%s: %s\n" : "%s%s\n", item->where, item->why);
		}
		if (found->totals[kind][step] > FOUND_KEPT_MOST)
			say(stdout, "  %s: and %zu more\n", found_step_name((enum found_step)step),
			    found->totals[kind][step] - FOUND_KEPT_MOST);
	}
}

static void print_contradictions(const struct audit *audit) {
	const size_t count = found_total(&audit->found, FOUND_CONTRADICTION);
	printf("\n");
	if (count > 0) {
		say_coloured(COLOUR_RED, count == 1 ? "A CONTRADICTION" : "CONTRADICTIONS");
		if (count > 1)
			say(stdout, ": %zu", count);
		printf("\n");
		print_kind(&audit->found, FOUND_CONTRADICTION);
	} else {
		say_coloured(COLOUR_GREEN, "No contradiction");
		printf("\n");
	}
}

/* --- what is proved ----------------------------------------------------------------------------------------------- */

static bool step_holds(const struct audit *audit, enum found_step step) {
	return audit->found.totals[FOUND_CONTRADICTION][step] == 0;
}

static void print_anchors(const struct audit *audit) {
	const struct anchors *anchors = &audit->anchors;
	char first[TIMES_TEXT], last[TIMES_TEXT];
	const int64_t upper = anchors_upper(anchors, audit->last_in_period);
	say(stdout, "  anchors   %zu: %zu with the quorum of witnesses, %zu with a time-stamp\n", anchors->count,
	    anchors->witnessed, anchors->stamped);
	if (audit->in_period > 0 && upper != INT64_MAX)
		say(stdout, "            the first statement of the period was there by %s, the last by %s\n",
		    times_format(anchors_upper(anchors, audit->first_in_period), first), times_format(upper, last));
}

static void print_bodies(const struct audit *audit) {
	say(stdout, "  bodies    results are those that were signed; they give the state of %" PRIu64 " rounds\n",
	    audit->rounds_proved);
	if (audit->rounds_unproved > 0)
		say(stdout, "            of %" PRIu64 " behind gaps only what they carried counts, until a full one\n",
		    audit->rounds_unproved);
}

static void print_proved(const struct audit *audit) {
	printf("\nProved\n");
	if (step_holds(audit, FOUND_MANIFEST))
		say(stdout, "  manifest  %zu files, each as listed, and no other\n",
		    json_array_size(audit->manifest.files));
	if (step_holds(audit, FOUND_LOG))
		say(stdout,
		    "  log       %" PRIu64 " statements are entries of %s, under one signed checkpoint of %" PRIu64
		    " entries\n",
		    audit->statements, audit->anchors.origin, audit->anchors.head.size);
	if (step_holds(audit, FOUND_ANCHORS) && step_holds(audit, FOUND_LOG))
		print_anchors(audit);
	if (step_holds(audit, FOUND_KEYS))
		printf("  keys      every statement is signed by the key of its line's epoch\n");
	if (step_holds(audit, FOUND_CHAINS))
		printf("  chains    numbers and digests follow one another; what is missing is named below\n");
	if (step_holds(audit, FOUND_BODIES))
		print_bodies(audit);
	if (step_holds(audit, FOUND_TIME))
		printf("  time      no statement is later or earlier than the anchors around it allow\n");
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static void print_line(const struct line *line) {
	char hex[HASH_HEX], at[TIMES_TEXT];
	say(stdout, "  line of entry %" PRIu64 "%s%s, key %s, %s\n", line->index, *line->purpose ? ", " : "",
	    line->purpose, hash_hex(&line->key_id, hex),
	    line->is_vouched ? "which the trust file has" : "for which the log alone vouches");
	say(stdout,
	    "    %zu statements to number %" PRId64
	    "; boots %zu, resets %zu, rotations %zu, spool full %zu, gaps %zu\n",
	    line->statements, line->sequence, line->boot_count, line->resets, line->rotations, line->spool_fulls,
	    line->gap_count);
	for (size_t i = 0; i < line->gap_count && i < HOSTS_KEPT_MOST; i++)
		say(stdout, "    gap: statements %" PRId64 " to %" PRId64 " are missing, %" PRId64 " seconds\n",
		    line->gaps[i].first, line->gaps[i].last, line->gaps[i].to - line->gaps[i].from);
	for (size_t i = 0; i < line->event_count && i < HOSTS_KEPT_MOST; i++)
		if (!strcmp(line->events[i].what, "reset") || !strcmp(line->events[i].what, "spool-full"))
			say(stdout, "    %s: number %" PRId64 " at %s by its clock\n", line->events[i].what,
			    line->events[i].sequence, times_format(line->events[i].at, at));
}

/* A rule of one name is another where its policy is: what the seconds below mean. */
static void print_approvals(const struct audit *audit, const char *policy) {
	char at[TIMES_TEXT], until[TIMES_TEXT], received[TIMES_TEXT];
	size_t holding = 0;
	const char *why = "no approval of it is in the package";
	for (size_t i = 0; i < audit->approvals.approval_count; i++) {
		const struct shown_approval *item = &audit->approvals.approvals[i];
		if (strcmp(item->policy, policy) != 0)
			continue;
		if (item->why) {
			why = item->why;
			continue;
		}
		holding++;
		say(stdout, "      approved by %s at %s%s%s, entry %" PRIu64 " received %s\n", item->approver,
		    times_format(item->approved, at), item->expires ? ", until " : "",
		    item->expires ? times_format(item->expires, until) : "", item->index,
		    times_format(item->received, received));
	}
	if (holding == 0)
		say(stdout, "      not approved: %s\n", why);
}

#define CHANGES_PRINTED 20 /* of one kind of one policy */

/* What it does to those below it: a rule's result says by what it was judged, not what it would have been judged by. */
static void print_changes(const struct audit *audit, const char *policy) {
	const json_t *changes = json_object_get(audit->approvals.changes, policy), *names;
	const char *kind;
	json_object_foreach((json_t *)(uintptr_t)changes, kind, names) {
		CLEANUP(buf_done) struct buf text = {0};
		const size_t count = json_array_size(names);
		for (size_t i = 0; i < count && i < CHANGES_PRINTED; i++)
			buf_addf(&text, "%s %s", i ? "," : "", json_string_value(json_array_get(names, i)));
		if (count > CHANGES_PRINTED)
			buf_addf(&text, " and %zu more", count - CHANGES_PRINTED);
		say(stdout, "      %s%s\n", kind, buf_str(&text));
	}
}

static void print_judged(const struct audit *audit, const struct host *host) {
	char at[TIMES_TEXT];
	for (size_t i = 0; i < host->judged_count && i < HOSTS_KEPT_MOST; i++) {
		size_t index;
		const json_t *policy;
		say(stdout, "  from %s on judged by\n", times_format(host->judged[i].at, at));
		json_array_foreach(host->judged[i].policies, index, policy) {
			const char *sha256 = json_string_value(json_object_get(policy, "sha256"));
			say(stdout, "    policy %s %s, %s\n", json_string_value(json_object_get(policy, "id")),
			    json_string_value(json_object_get(policy, "version")), sha256);
			print_changes(audit, sha256);
			if (audit->trusted->trust->approvers.count > 0)
				print_approvals(audit, sha256);
		}
	}
	if (host->judged_count > HOSTS_KEPT_MOST)
		say(stdout, "  and by %zu other stacks of policies\n", host->judged_count - HOSTS_KEPT_MOST);
}

#define LONG_LOOK (INT64_C(7) * 86400) /* from which on it is worth a word for how long one look stands */

static void print_rule(const struct host_rule *rule) {
	const struct timeline *timeline = &rule->timeline;
	char at[TIMES_TEXT];
	const char *before = " ";
	say(stdout, "    %-44s", rule->id);
	for (size_t i = 0; i < TIMELINE_STATES; i++)
		if (timeline->seconds[i] > 0) {
			say(stdout, "%s%s %" PRId64, before, timeline_state_name((enum timeline_state)i),
			    timeline->seconds[i]);
			before = ", ";
		}
	if (timeline->longest_gap > 0)
		say(stdout, " (longest gap %" PRId64 ")", timeline->longest_gap);
	if (rule->has_last)
		say(stdout, "; last %s at %s", timeline_state_name(rule->last), times_format(rule->last_at, at));
	if (rule->valid > LONG_LOOK)
		say(stdout, ", a look stands %" PRId64, rule->valid);
	printf("\n");
}

/* An attester and the collector's own line are no hosts. */
static const char *kind_of(const struct host *host) {
	const char *purpose = host->line_count > 0 ? host->lines[0]->purpose : "";
	if (!*purpose)
		return "Host";
	return !strcmp(purpose, "attestation") ? "Attester" : "The collector";
}

static void print_hosts(const struct audit *audit) {
	for (size_t i = 0; i < audit->hosts.count; i++) {
		const struct host *host = audit->hosts.items[i];
		say(stdout, "\n%s %s (%s)\n", kind_of(host), host->id, host->name);
		for (size_t k = 0; k < host->line_count; k++)
			print_line(host->lines[k]);
		print_judged(audit, host);
		if (host->rule_count > 0)
			say(stdout, "  seconds of the %" PRId64 " of the period\n",
			    audit->manifest.to - audit->manifest.from);
		for (size_t k = 0; k < host->rule_count; k++)
			print_rule(host->rules[k]);
	}
}

static void print_exception(const struct audit *audit, const struct shown_exception *item) {
	const struct shown_approval *by = approvals_sign(&audit->approvals, item);
	char until[TIMES_TEXT], at[TIMES_TEXT];
	say(stdout, "  %s of %s until %s, in the policy %s, carried by %zu rounds from entry %" PRIu64 " on\n",
	    item->id, item->rule, times_format(item->expires, until), item->policy_id, item->rounds, item->index);
	say(stdout, "    %s\n", item->reason);
	if (by)
		say(stdout, "    signed by %s at %s\n", item->approver, times_format(by->approved, at));
	else
		say(stdout, "    to be approved by %s: %s\n", item->approver,
		    !item->is_written                            ? "the policy does not have it"
		    : audit->trusted->trust->approvers.count > 0 ? "not signed"
								 : "the trust file has no key to say so");
}

static void print_exceptions(const struct audit *audit) {
	if (audit->trusted->trust->approvers.count == 0)
		printf("\nNo approver keys are in the trust file: nothing is said about who approved policies\n");
	if (audit->approvals.exception_count > 0)
		printf("\nExceptions: fails that somebody answers for\n");
	for (size_t i = 0; i < audit->approvals.exception_count; i++)
		print_exception(audit, &audit->approvals.exceptions[i]);
}

static void print_attestation(const struct attested *attested) {
	const struct attestation *said = attested->said;
	char from[TIMES_TEXT], to[TIMES_TEXT], hex[HASH_HEX];
	size_t index;
	const json_t *control;
	json_array_foreach(said->controls, index, control)
		say(stdout, index ? ", %s" : "  %s", json_string_value(control));
	say(stdout, ": %s, sealed as %s (%s), entry %" PRIu64 ", stands from %s to %s\n", said->author, attested->host,
	    attested->name, attested->index, times_format(said->collected, from), times_format(said->expires, to));
	say(stdout, "    %s\n", said->note);
	if (said->file.name)
		say(stdout, "    file %s, %" PRId64 " bytes, %s\n", said->file.name, said->file.size,
		    hash_hex(&said->file.sha256, hex));
}

static void print_attested(const struct audit *audit) {
	if (audit->attested.count > 0)
		printf("\nAttestations: what people said, and no host showed\n");
	for (size_t i = 0; i < audit->attested.count; i++)
		print_attestation(&audit->attested.items[i]);
}

static void print_operator(const struct audit *audit) {
	const struct operator_line *line = &audit->operator_line;
	char at[TIMES_TEXT];
	if (line->erasure_count + line->revocation_count > 0)
		printf("\nThe operator's own records\n");
	for (size_t i = 0; i < line->erasure_count; i++)
		if (line->erasures[i].is_used)
			say(stdout, "  erased at %s by %s under %s, %s: %s of statement %s\n",
			    times_format(line->erasures[i].at, at), line->erasures[i].by, line->erasures[i].retention,
			    line->erasures[i].reason, line->erasures[i].rules ? "results" : "the body",
			    line->erasures[i].statement);
	for (size_t i = 0; i < line->revocation_count; i++)
		say(stdout, "  revoked from %s by %s, %s: the line of host %s\n",
		    times_format(line->revocations[i].from, at), line->revocations[i].by, line->revocations[i].reason,
		    line->revocations[i].host);
}

static void print_limits(const struct audit *audit) {
	const uint64_t size = audit->anchors.head.size;
	printf("\nWhat no package can show\n");
	printf("  that a host told the truth: whoever has root on it can have it sign anything\n");
	printf("  what was never sent: a host that is silent shows as gap, one that was never enrolled not at all\n");
	if (size > audit->statements)
		say(stdout,
		    "  that a host's last statement here was its last: the log has %" PRIu64
		    " entries that are not shown\n",
		    size - audit->statements);
	printf("  README, index.html, bundles and trust.json of the package: listed with their digests, not read\n");
}

/* --- the verb ----------------------------------------------------------------------------------------------------- */

static void print_all(const struct audit *audit, const char *path) {
	print_query(audit, path);
	print_contradictions(audit);
	print_proved(audit);
	print_hosts(audit);
	print_exceptions(audit);
	print_attested(audit);
	print_operator(audit);
	if (found_total(&audit->found, FOUND_OPEN) > 0) {
		printf("\nCould not be established\n");
		print_kind(&audit->found, FOUND_OPEN);
	}
	print_limits(audit);
}

static int exit_code_of(const struct audit *audit, bool is_strict) {
	const bool is_open = found_total(&audit->found, FOUND_OPEN) > 0;
	return found_total(&audit->found, FOUND_CONTRADICTION) > 0 || (is_strict && is_open) ? CLI_FAILED : CLI_OK;
}

static bool read_trusted(const char *path, struct trusted *ret_trusted, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return file_read(path, TRUST_LARGEST, &bytes, err) &&
	       trusted_read(bytes.data, bytes.len, path, ret_trusted, err);
}

/* A manifest stands for the folder that it lies in. */
static char *package_path(const char *path) {
	const size_t len = strlen(path), name_len = strlen("manifest.json");
	if (!text_ends(path, "manifest.json"))
		return xstrdup(path);
	return len == name_len ? xstrdup(".") : xstrndup(path, len - name_len);
}

int verify_package(const char *path, const struct verify_package_options *options) {
	CLEANUP(trusted_done) struct trusted trusted = {0};
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(audit_done) struct audit audit = {0};
	CLEANUP(free_ptr) char *folder = package_path(path);
	struct err err;
	if (!read_trusted(options->trust_file, &trusted, &err) || !package_open(folder, &package, &err) ||
	    !audit_run(&audit, package, &trusted, times_now(), &err))
		return cli_fail(&err, CLI_USAGE);
	if (options->is_json) {
		CLEANUP(json_decref_p) json_t *report = verify_package_json(&audit);
		json_dumpf(report, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
		printf("\n");
	} else {
		print_all(&audit, path);
	}
	return exit_code_of(&audit, options->is_strict);
}
