#include "core/judge.h"

#include "core/text.h"
#include "core/times.h"

void judgement_done(struct judgement *judgement) {
	free(judgement->reason);
	*judgement = (struct judgement){.verdict = VERDICT_NOTCHECKED};
}

static struct judgement judged(enum verdict verdict, const char *before, struct buf *reason) {
	CLEANUP(buf_done) struct buf whole = {0};
	buf_addf(&whole, "%s%s", before, buf_str(reason));
	if (whole.len > JUDGE_REASON_LONGEST) {
		whole.len = JUDGE_REASON_LONGEST;
		while (whole.len > 0 && ((unsigned char)whole.data[whole.len] & 0xc0) == 0x80)
			whole.len--;
		whole.data[whole.len] = '\0';
		buf_adds(&whole, "...");
	}
	char *text = buf_take(&whole);
	text_replace_controls(text);
	return (struct judgement){.verdict = verdict, .reason = text};
}

/* "denied: file:/etc/shadow: open: EACCES (Permission denied)" */
static void failure_text(const struct view_seen *view, struct buf *reason) {
	char text[sizeof view->err.where + sizeof view->err.why + 64];
	if (*view->name)
		buf_addf(reason, "%s: ", view->name);
	buf_addf(reason, "%s: %s", err_code_name(view->err.code), err_text(&view->err, text, sizeof text));
}

/* Whether there is something to judge; else *ret_judgement says why not. */
static bool applies(const struct rule *rule, const struct view_seen *when, struct judgement *ret_judgement) {
	CLEANUP(buf_done) struct buf reason = {0};
	if (!rule->when)
		return true;
	if (!when || !when->ok) {
		/* Whether to judge at all is the question here: in error is what cannot be judged though it applies. */
		bool is_unapproved = when && when->err.code == ERR_UNAPPROVED;
		enum verdict verdict = is_unapproved ? VERDICT_NOTCHECKED : VERDICT_UNKNOWN;
		if (when)
			failure_text(when, &reason);
		else
			buf_adds(&reason, "it was not looked at");
		*ret_judgement = judged(verdict, "whether this applies could not be seen: ", &reason);
		return false;
	}
	enum expect_outcome outcome = expect_judge(rule->when_expect, when, &reason);
	if (outcome == EXPECT_CANNOT_SAY)
		*ret_judgement = judged(VERDICT_UNKNOWN, "whether this applies cannot be said: ", &reason);
	else if (outcome == EXPECT_FAILS)
		*ret_judgement = judged(VERDICT_NOTAPPLICABLE, "does not apply: ", &reason);
	return outcome == EXPECT_HOLDS;
}

static struct judgement judge_pass(const struct rule *rule, bool control_passed) {
	CLEANUP(buf_done) struct buf reason = {0};
	if (rule->needs_control && !control_passed) {
		buf_adds(&reason, rule->needs_control);
		return judged(VERDICT_UNKNOWN, "cannot be trusted without its control, which did not pass: ", &reason);
	}
	expect_describe(rule->expect, &reason);
	return judged(VERDICT_PASS, "as expected: ", &reason);
}

static struct judgement judge_fail(const struct rule *rule, int64_t host_age, struct buf *reason) {
	char duration[24];
	if (host_age < 0 || host_age >= rule->min_host_age)
		return judged(VERDICT_FAIL, "", reason);
	CLEANUP(free_ptr)
	char *before =
		xasprintf("host too young (under %s) to say: ", times_format_duration(rule->min_host_age, duration));
	return judged(VERDICT_UNKNOWN, before, reason);
}

struct judgement judge(const struct rule *rule, const struct view_seen *views, const struct view_seen *when,
		       int64_t host_age, bool control_passed) {
	struct judgement judgement;
	CLEANUP(buf_done) struct buf reason = {0};
	if (rule->disabled) {
		buf_adds(&reason, rule->disabled);
		return judged(VERDICT_NOTCHECKED, "", &reason);
	}
	if (!applies(rule, when, &judgement))
		return judgement;
	for (size_t i = 0; i < rule->view_count; i++)
		if (!views[i].ok) {
			failure_text(&views[i], &reason);
			return judged(verdict_of_failure(views[i].err.code), "", &reason);
		}
	switch (expect_judge(rule->expect, views, &reason)) {
	case EXPECT_HOLDS:
		return judge_pass(rule, control_passed);
	case EXPECT_FAILS:
		return judge_fail(rule, host_age, &reason);
	default:
		return judged(VERDICT_UNKNOWN, "", &reason);
	}
}
