#include "agent/status.h"

#include "agent/drift.h"
#include "core/times.h"

static json_t *policies_json(const struct policy_stack *stack) {
	json_t *list = json_array();
	for (size_t i = 0; i < stack->policy_count; i++)
		json_array_append_new(list, json_pack("{s:s,s:s}", "id", stack->policies[i]->id, "version",
						      stack->policies[i]->version));
	return list;
}

static size_t index_of(const struct policy_stack *stack, const char *rule) {
	size_t i = 0;
	while (i < stack->rule_count && (!rule || strcmp(stack->rules[i]->id, rule) != 0))
		i++;
	return i;
}

static json_t *rule_json(const json_t *result, const struct policy_stack *stack, const struct drift *drift) {
	static const char *const members[] = {"rule",    "title",  "severity",  "kind",
					      "verdict", "reason", "expiresAt", "waiver"};
	char since[TIMES_TEXT];
	struct drift_times times;
	json_t *entry = json_object();
	size_t index = index_of(stack, json_string_value(json_object_get(result, "rule")));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		json_t *value = json_object_get(result, members[i]);
		if (value)
			json_object_set(entry, members[i], value);
	}
	json_object_set(entry, "control", json_array_get(json_object_get(result, "controls"), 0));
	if (index < stack->rule_count && drift_times(drift, index, &times)) {
		json_object_set_new(entry, "since", json_string(times_format(times.since, since)));
		json_object_set_new(entry, "lookedMs", json_integer(times.looked_ms));
	}
	return entry;
}

static json_t *rules_json(const json_t *results, const struct policy_stack *stack, const struct drift *drift) {
	json_t *list = json_array(), *result;
	size_t i;
	json_array_foreach(results, i, result) json_array_append_new(list, rule_json(result, stack, drift));
	return list;
}

static int64_t shortest_every(const struct policy_stack *stack) {
	int64_t shortest = INT64_C(24) * 3600;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (stack->rules[i]->every < shortest)
			shortest = stack->rules[i]->every;
	return shortest > 60 ? shortest : 60;
}

static json_t *host_json(const struct sealer *sealer, const struct round *round) {
	return json_pack("{s:s,s:o,s:o}", "id", sealer->enrolment->host_id, "name", json_text(round->host_name), "os",
			 json_text(round->host_os));
}

static void set_sealed(json_t *status, enum sealed sealed, const struct err *why) {
	char text[640];
	const char *word = why ? "failed" : sealed == SEALED_NO_ROOM ? "no room" : "kept";
	json_object_set_new(status, "sealed", json_string(word));
	if (why)
		json_object_set_new(status, "why", json_text(err_text(why, text, sizeof text)));
}

bool status_write(const struct sealer *sealer, const struct policy_stack *stack, const struct round *round,
		  const struct drift *drift, const char *trigger, enum sealed sealed, const struct err *why,
		  struct err *err) {
	char started[TIMES_TEXT], finished[TIMES_TEXT];
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p)
	json_t *status = json_pack("{s:i,s:s,s:o,s:o,s:s,s:o,s:o,s:s,s:s,s:s,s:I,s:I,s:o}", "format", STATUS_FORMAT,
				   "vouch", VOUCH_VERSION, "host", host_json(sealer, round), "environment",
				   json_text(sealer->environment), "collector", sealer->enrolment->collector,
				   "policies", policies_json(stack), "bootId", json_text(round->boot_id), "startedAt",
				   times_format(round->started_at, started), "finishedAt",
				   times_format(round->finished_at, finished), "trigger", trigger, "sequence",
				   (json_int_t)sealer->chain->sequence, "every", (json_int_t)shortest_every(stack),
				   "rules", rules_json(round->results, stack, drift));
	if (!status)
		return err_set(err, ERR_MALFORMED, sealer->home->status, "what is to be said is no JSON");
	set_sealed(status, sealed, why);
	return json_canonical(status, &bytes, err) &&
	       file_write(sealer->home->status, bytes.data, bytes.len, 0640, err);
}

bool status_read(const struct home *home, json_t **ret_status, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *status = NULL;
	int64_t format;
	if (!file_read_plain(home->status, STATUS_LARGEST, &bytes, err) ||
	    !json_read(bytes.data, bytes.len, STATUS_LARGEST, home->status, &status, err) ||
	    !json_get_int(status, "format", home->status, &format, err))
		return false;
	if (format != STATUS_FORMAT)
		return err_set(err, ERR_REFUSED, home->status, "made by another version of vouch: format %lld",
			       (long long)format);
	*ret_status = json_incref(status);
	return true;
}
