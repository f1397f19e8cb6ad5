/* Chains: numbers, digests of the statement before, boots and epochs of a line. */
#include "core/base64.h"
#include "verify/shown.h"

static bool refuse(struct audit *audit, const struct shown *shown, const char *why) {
	found_add(&audit->found, FOUND_CONTRADICTION, FOUND_CHAINS, shown->where, "%s", why);
	return false;
}

static bool is_collectors(const struct line *line) { return !strcmp(line->purpose, "collector"); }

/* From the last full round before the period on nothing may be missing, nor in the period and behind it; what is shown
 * before that are single statements. Of the collector's own line everything is there. What was received when is the
 * operator's word: a line that has come to the period does not go back before it. */
static void enter_context(struct audit *audit, const struct shown *shown, struct line *line) {
	const bool is_before = shown->received < audit->manifest.from;
	const bool is_full = shown_is(shown, "round") && shown->statement->full;
	if (is_collectors(line) || line->has_entered)
		return;
	line->has_entered = !is_before;
	if (is_before && is_full) { /* what was missing before it is of no matter */
		line->gap_count = 0;
		line->is_in_context = true;
	} else if (!is_before && !line->is_in_context) {
		if (line->gap_count > 0 && !*line->purpose)
			found_add(&audit->found, FOUND_OPEN, FOUND_CHAINS, shown->where,
				  "what host %s (%s) came to until then: no full round before number %lld is shown, "
				  "and what is missing may be of the period",
				  line->host->id, line->host->name, (long long)shown->statement->sequence);
		line->gap_count = 0;
		line->is_in_context = true;
	}
}

static bool is_next(struct audit *audit, const struct shown *shown, struct line *line) {
	const struct statement *statement = shown->statement;
	if (statement->sequence <= line->sequence) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_CHAINS, shown->where,
			  "a fork in the line of host %s (%s): number %lld comes behind number %lld", line->host->id,
			  line->host->name, (long long)statement->sequence, (long long)line->sequence);
		return false;
	}
	if (statement->sequence - 1 == line->sequence) {
		if (!strcmp(statement->previous, line->last))
			return true;
		found_add(
			&audit->found, FOUND_CONTRADICTION, FOUND_CHAINS, shown->where,
			"a fork in the line of host %s (%s): number %lld does not follow the number %lld that is shown",
			line->host->id, line->host->name, (long long)statement->sequence, (long long)line->sequence);
		return false;
	}
	const struct line_gap gap = {line->sequence + 1, statement->sequence - 1, line->finished,
				     statement->started_at};
	line_gap(line, &gap);
	line_forget(line, line->finished);
	return true;
}

static bool knows_boot(const struct line *line, const char *boot) {
	for (size_t i = 0; i < line->boot_count; i++)
		if (!strcmp(line->boots[i], boot))
			return true;
	return false;
}

static bool follow_boot(struct audit *audit, const struct shown *shown, struct line *line) {
	const struct statement *statement = shown->statement;
	if (!strcmp(line->boot, statement->boot_id))
		return true;
	if (knows_boot(line, statement->boot_id)) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_TIME, shown->where,
			  "a boot that had ended comes back: %s was before %s", statement->boot_id, line->boot);
		return false;
	}
	if (line->boot_count == HOSTS_BOOTS_MOST)
		return refuse(audit, shown, "more boots of one line than the cap");
	line->boots = xreallocarray(line->boots, line->boot_count + 1, sizeof(char *));
	line->boots[line->boot_count++] = line->boot;
	line->boot = xstrdup(statement->boot_id);
	line_event(line, "boot", statement->started_at);
	return true;
}

/* docs/FORMAT.md 1.1. */
static bool reason_fits(struct audit *audit, const struct shown *shown, bool is_neighbour, const char *boot_before) {
	const struct statement *statement = shown->statement;
	const char *reason = statement->reason;
	const bool is_same_boot = !strcmp(statement->boot_id, statement->last_boot_id);
	const bool is_rotation = !strcmp(reason, "rotation");
	if (is_neighbour && strcmp(statement->last_boot_id, boot_before) != 0)
		return refuse(audit, shown, "an epoch whose lastBootId is not that of the statement before");
	if (!strcmp(reason, "enrolment") != (statement->sequence == 2 && !is_rotation))
		return refuse(audit, shown, "an epoch whose reason does not fit its number");
	if ((!strcmp(reason, "boot") && is_same_boot) || (!strcmp(reason, "reset") && !is_same_boot))
		return refuse(audit, shown, "an epoch whose reason does not fit its boot ids");
	return true;
}

static bool take_epoch_key(struct audit *audit, const struct shown *shown, struct line *line) {
	const char *text = shown->statement->epoch_key;
	CLEANUP(buf_done) struct buf der = {0};
	EVP_PKEY *key;
	struct err err;
	if (!base64_decode(text, strlen(text), "epochKey", &der, &err) ||
	    !key_from_public_der(der.data, der.len, "epochKey", &key, &err))
		return refuse(audit, shown, "an epoch whose key cannot be read");
	if (EVP_PKEY_eq(key, line->enrolled) == 1 || (line->epoch && EVP_PKEY_eq(key, line->epoch) == 1)) {
		EVP_PKEY_free(key);
		return refuse(audit, shown, "an epoch whose key is not a new one");
	}
	EVP_PKEY_free(line->epoch);
	line->epoch = key;
	line->epochs = xreallocarray(line->epochs, line->epoch_count + 1, sizeof *line->epochs);
	line->epochs[line->epoch_count++] = key_id(key);
	return true;
}

static bool begin_epoch(struct audit *audit, const struct shown *shown, struct line *line, bool is_neighbour,
			const char *boot_before) {
	const char *reason = shown->statement->reason;
	if (!reason_fits(audit, shown, is_neighbour, boot_before) || !take_epoch_key(audit, shown, line))
		return false;
	if (!strcmp(reason, "reset")) {
		line->resets++;
		line_event(line, "reset", shown->statement->started_at);
	} else if (!strcmp(reason, "rotation")) {
		line->rotations++;
	}
	return true;
}

static bool first_holds(struct audit *audit, const struct shown *shown) {
	const struct statement *statement = shown->statement;
	return (statement->sequence == 1 && !*statement->previous) ||
	       refuse(audit, shown, "an enrolment that is not number 1 of its line");
}

static void go_on(const struct shown *shown, struct line *line) {
	const struct statement *statement = shown->statement;
	/* Seconds that were told are not told again: what a clock that was set back saw is in none. */
	const int64_t back = line->statements > 0 ? line->finished - statement->finished_at : 0;
	line->back_count += back > AUDIT_SLACK;
	if (back > AUDIT_SLACK && back > line->back_most)
		line->back_most = back;
	line->sequence = statement->sequence;
	line->started = statement->started_at;
	line->finished = statement->finished_at;
	line->received = shown->received;
	memcpy(line->last, shown->id, sizeof line->last);
	line->statements++;
}

bool shown_chain(struct audit *audit, const struct shown *shown, struct line *line) {
	const bool is_enrolment = shown_is(shown, "enrolment");
	const bool is_neighbour = !is_enrolment && shown->statement->sequence - 1 == line->sequence;
	CLEANUP(free_ptr) char *boot_before = xstrdup(line->boot);
	if (is_enrolment ? !first_holds(audit, shown) : !is_next(audit, shown, line))
		return false;
	enter_context(audit, shown, line);
	if (!follow_boot(audit, shown, line))
		return false;
	const bool holds = !shown_is(shown, "epoch") || begin_epoch(audit, shown, line, is_neighbour, boot_before);
	go_on(shown, line);
	if (is_enrolment)
		line_event(line, "enrolment", shown->statement->started_at);
	if (shown_is(shown, "spool-full")) {
		line->spool_fulls++;
		line_event(line, "spool-full", shown->statement->finished_at);
		line_forget(line, shown->statement->finished_at);
	}
	return holds;
}
