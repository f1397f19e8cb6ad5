/* What could not be established although nothing contradicts: times that nobody confirms, controls of which nothing is
 * shown, statements that no witness saw. */
#include "core/times.h"
#include "verify/finish.h"

static void doubt_witnesses(struct audit *audit) {
	const struct witness_policy *policy = audit->trusted->witnesses;
	if (policy && policy->quorum == SIZE_MAX)
		found_add(&audit->found, FOUND_OPEN, FOUND_ANCHORS, "",
			  "that everybody sees the same log: the trust file's witness policy asks for no witness");
	else if (policy && audit->anchors.witnessed > 0 && audit->unwitnessed > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_ANCHORS, "",
			  "that everybody sees the same log, for %llu of %llu statements of the period: no checkpoint "
			  "behind them reaches the quorum of the witness policy",
			  (unsigned long long)audit->unwitnessed, (unsigned long long)audit->in_period);
}

static void doubt_receipts(struct audit *audit) {
	if (audit->went_back > 0)
		found_add(
			&audit->found, FOUND_OPEN, FOUND_TIME, "",
			"when %llu statements were received: receivedAt goes back behind what the log has before them, "
			"by up to %lld seconds",
			(unsigned long long)audit->went_back, (long long)audit->went_back_most);
	if (audit->from_future > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, "",
			  "when %llu statements were received: receivedAt is later than this machine's clock",
			  (unsigned long long)audit->from_future);
}

static void doubt_clock(struct audit *audit, const struct line *line) {
	if (line->late_count > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, "",
			  "that %zu statements of host %s (%s) were made when it says: they were received up to %lld "
			  "seconds later, and until then nobody else had seen them",
			  line->late_count, line->host->id, line->host->name, (long long)line->late_most);
	if (line->back_count > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, "",
			  "what host %s (%s) came to while its clock was set back: %zu statements were finished up to "
			  "%lld seconds before the one before them, and no second counts twice",
			  line->host->id, line->host->name, line->back_count, (long long)line->back_most);
}

static void doubt_clocks(struct audit *audit) {
	for (size_t i = 0; i < audit->hosts.count; i++)
		for (size_t k = 0; k < audit->hosts.items[i]->line_count; k++)
			doubt_clock(audit, audit->hosts.items[i]->lines[k]);
}

static bool has_rule_of(const struct rulesets *rulesets, const char *control) {
	for (size_t i = 0; i < rulesets->count; i++)
		for (size_t k = 0; k < rulesets->items[i]->count; k++) {
			const struct ruleset_rule *rule = &rulesets->items[i]->rules[k];
			for (size_t c = 0; c < rule->control_count; c++)
				if (!strcmp(rule->controls[c], control))
					return true;
		}
	return false;
}

static void doubt_controls(struct audit *audit) {
	size_t index;
	const json_t *wanted;
	json_array_foreach(audit->manifest.controls, index, wanted) {
		const char *control = json_string_value(wanted);
		if (!has_rule_of(&audit->rulesets, control) && !attested_has(&audit->attested, control))
			found_add(
				&audit->found, FOUND_OPEN, FOUND_TIMELINE, control,
				"anything about this control: no rule of the policies supports it, and no attestation "
				"is of it");
	}
	if (audit->attested.unshown > 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_BODIES, "",
			  "what %zu attestations are of: their bodies are not in the package", audit->attested.unshown);
}

void finish_doubts(struct audit *audit) {
	doubt_witnesses(audit);
	doubt_receipts(audit);
	doubt_clocks(audit);
	doubt_controls(audit);
	if (audit->in_period == 0)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIMELINE, "",
			  "anything about the period: no statement was received in it");
}
