#include "cli/verify_package.h"
#include "core/times.h"

static json_t *time_json(int64_t instant) {
	char text[TIMES_TEXT];
	return json_string(times_format(instant, text));
}

static json_t *found_json(const struct found *found, enum found_kind kind) {
	json_t *list = json_array();
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].kind == kind)
			json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "step",
							      found_step_name(found->items[i].step), "where",
							      json_text(found->items[i].where), "why",
							      json_text(found->items[i].why)));
	return list;
}

static json_t *intervals_json(const struct timeline *timeline) {
	json_t *list = json_array();
	for (size_t i = 0; i < timeline->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "from", time_json(timeline->intervals[i].from),
						      "state", timeline_state_name(timeline->intervals[i].state), "to",
						      time_json(timeline->intervals[i].to)));
	return list;
}

static json_t *rule_json(const struct host_rule *rule) {
	json_t *seconds = json_object();
	for (size_t i = 0; i < TIMELINE_STATES; i++)
		json_object_set_new(seconds, timeline_state_name((enum timeline_state)i),
				    json_integer(rule->timeline.seconds[i]));
	json_t *object =
		json_pack("{s:o, s:o, s:I, s:o}", "rule", json_text(rule->id), "seconds", seconds, "longestGap",
			  (json_int_t)rule->timeline.longest_gap, "intervals", intervals_json(&rule->timeline));
	json_object_set_new(object, "stands", json_integer(rule->valid));
	if (rule->has_last)
		json_object_set_new(object, "last",
				    json_pack("{s:s, s:o}", "state", timeline_state_name(rule->last), "collectedAt",
					      time_json(rule->last_at)));
	return object;
}

static json_t *line_json(const struct line *line) {
	char key[HASH_HEX];
	json_t *gaps = json_array(), *events = json_array();
	for (size_t i = 0; i < line->gap_count && i < HOSTS_KEPT_MOST; i++)
		json_array_append_new(gaps,
				      json_pack("{s:I, s:I, s:o, s:o}", "first", (json_int_t)line->gaps[i].first,
						"last", (json_int_t)line->gaps[i].last, "from",
						time_json(line->gaps[i].from), "to", time_json(line->gaps[i].to)));
	for (size_t i = 0; i < line->event_count && i < HOSTS_KEPT_MOST; i++)
		json_array_append_new(events, json_pack("{s:s, s:I, s:o}", "what", line->events[i].what, "sequence",
							(json_int_t)line->events[i].sequence, "at",
							time_json(line->events[i].at)));
	return json_pack("{s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "index",
			 (json_int_t)line->index, "enrolment", line->enrolment, "purpose", line->purpose, "keyid",
			 hash_hex(&line->key_id, key), "vouchedByTrust", line->is_vouched, "statements",
			 (json_int_t)line->statements, "sequence", (json_int_t)line->sequence, "boots",
			 (json_int_t)line->boot_count, "resets", (json_int_t)line->resets, "rotations",
			 (json_int_t)line->rotations, "spoolFull", (json_int_t)line->spool_fulls, "gapCount",
			 (json_int_t)line->gap_count, "gaps", gaps, "events", events);
}

static json_t *policies_json(const struct audit *audit, const json_t *policies) {
	json_t *list = json_array(), *policy;
	size_t index;
	json_array_foreach(policies, index, policy) {
		const char *sha256 = json_string_value(json_object_get(policy, "sha256"));
		json_t *shown = json_copy(policy), *changes = json_object_get(audit->approvals.changes, sha256);
		if (json_object_size(changes) > 0)
			json_object_set(shown, "changes", changes);
		json_array_append_new(list, shown);
	}
	return list;
}

static json_t *judged_json(const struct audit *audit, const struct host *host) {
	json_t *list = json_array();
	for (size_t i = 0; i < host->judged_count && i < HOSTS_KEPT_MOST; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "from", time_json(host->judged[i].at), "policies",
						      policies_json(audit, host->judged[i].policies)));
	return list;
}

static json_t *attested_json(const struct attested_list *attested) {
	json_t *list = json_array();
	for (size_t i = 0; i < attested->count; i++) {
		const struct attested *item = &attested->items[i];
		const struct attestation *said = item->said;
		char hex[HASH_HEX];
		json_t *object = json_pack("{s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "controls", said->controls,
					   "author", json_text(said->author), "note", json_text(said->note),
					   "collectedAt", time_json(said->collected), "expiresAt",
					   time_json(said->expires), "host", json_text(item->host), "name",
					   json_text(item->name), "index", (json_int_t)item->index);
		if (said->file.name)
			json_object_set_new(object, "file",
					    json_pack("{s:o, s:I, s:s}", "name", json_text(said->file.name), "size",
						      (json_int_t)said->file.size, "sha256",
						      hash_hex(&said->file.sha256, hex)));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *hosts_json(const struct audit *audit) {
	const struct hosts *hosts = &audit->hosts;
	json_t *list = json_array();
	for (size_t i = 0; i < hosts->count; i++) {
		const struct host *host = hosts->items[i];
		json_t *lines = json_array(), *rules = json_array();
		for (size_t k = 0; k < host->line_count; k++)
			json_array_append_new(lines, line_json(host->lines[k]));
		for (size_t k = 0; k < host->rule_count; k++)
			json_array_append_new(rules, rule_json(host->rules[k]));
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", json_text(host->id), "name",
						      json_text(host->name), "lines", lines, "judgedBy",
						      judged_json(audit, host), "rules", rules));
	}
	return list;
}

static json_t *anchors_json(const struct anchors *anchors) {
	json_t *list = json_array();
	for (size_t i = 0; i < anchors->count; i++) {
		const struct anchor *anchor = &anchors->items[i];
		json_t *object = json_pack("{s:I, s:I, s:b}", "size", (json_int_t)anchor->size, "witnesses",
					   (json_int_t)anchor->witnesses, "quorum", anchor->is_witnessed);
		if (anchor->is_witnessed)
			json_object_set_new(object, "witnessedAt", time_json(anchor->witnessed));
		if (anchor->is_stamped) {
			json_object_set_new(object, "stampedAt", time_json(anchor->stamped));
			json_object_set_new(object, "authority", json_text(anchor->authority));
		}
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *operator_json(const struct operator_line *line) {
	json_t *erasures = json_array(), *revocations = json_array();
	for (size_t i = 0; i < line->erasure_count; i++) {
		const struct erasure *erasure = &line->erasures[i];
		json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "at", time_json(erasure->at), "by",
					   json_text(erasure->by), "retention", json_text(erasure->retention), "reason",
					   json_text(erasure->reason), "statement", json_text(erasure->statement),
					   "body", json_text(erasure->body), "concerns", erasure->is_used);
		if (erasure->rules)
			json_object_set(object, "rules", erasure->rules);
		json_array_append_new(erasures, object);
	}
	for (size_t i = 0; i < line->revocation_count; i++) {
		const struct revocation *revocation = &line->revocations[i];
		json_array_append_new(revocations,
				      json_pack("{s:o, s:o, s:o, s:o, s:o}", "from", time_json(revocation->from), "by",
						json_text(revocation->by), "reason", json_text(revocation->reason),
						"host", json_text(revocation->host), "enrolment",
						json_text(revocation->enrolment)));
	}
	return json_pack("{s:o, s:o}", "erasures", erasures, "revocations", revocations);
}

static json_t *approvals_json(const struct approval_list *list) {
	json_t *array = json_array();
	for (size_t i = 0; i < list->approval_count; i++) {
		const struct shown_approval *item = &list->approvals[i];
		json_t *object =
			json_pack("{s:s, s:o, s:o, s:o, s:I, s:b}", "policy", item->policy, "approver",
				  json_text(item->approver), "approvedAt", time_json(item->approved), "receivedAt",
				  time_json(item->received), "index", (json_int_t)item->index, "holds", !item->why);
		if (item->expires)
			json_object_set_new(object, "expiresAt", time_json(item->expires));
		if (item->note)
			json_object_set_new(object, "note", json_text(item->note));
		if (item->why)
			json_object_set_new(object, "reason", json_text(item->why));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *exceptions_json(const struct approval_list *list) {
	json_t *array = json_array();
	for (size_t i = 0; i < list->exception_count; i++) {
		const struct shown_exception *item = &list->exceptions[i];
		json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b, s:b}", "id",
						       json_text(item->id), "rule", json_text(item->rule), "policyId",
						       json_text(item->policy_id), "policy", item->policy, "approver",
						       json_text(item->approver), "expiresAt", time_json(item->expires),
						       "host", json_text(item->host), "rounds",
						       (json_int_t)item->rounds, "written", item->is_written, "signed",
						       approvals_sign(list, item) != NULL));
	}
	return array;
}

json_t *verify_package_json(const struct audit *audit) {
	const struct found *found = &audit->found;
	return json_pack("{s:b, s:I, s:I, s:o, s:o, s:O?, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "proved",
			 found_total(found, FOUND_CONTRADICTION) == 0, "contradictionCount",
			 (json_int_t)found_total(found, FOUND_CONTRADICTION), "openCount",
			 (json_int_t)found_total(found, FOUND_OPEN), "contradictions",
			 found_json(found, FOUND_CONTRADICTION), "open", found_json(found, FOUND_OPEN), "query",
			 json_object_get(audit->manifest.object, "query"), "origin", json_text(audit->manifest.origin),
			 "statements", (json_int_t)audit->statements, "logSize", (json_int_t)audit->anchors.head.size,
			 "anchors", anchors_json(&audit->anchors), "hosts", hosts_json(audit), "operator",
			 operator_json(&audit->operator_line), "attestations", attested_json(&audit->attested),
			 "approvals", approvals_json(&audit->approvals), "exceptions",
			 exceptions_json(&audit->approvals));
}
