/* The words of pages about approvals: of policies, and of exceptions. */
#include "collector/show.h"

static void write_by(struct page *page, const struct mark_by *by) {
	page_textf(page, "approved by %s on ", by->approver);
	page_time(page, by->approved);
	if (by->expires) {
		page_text(page, " until ");
		page_time(page, by->expires);
	}
	page_text(page, ", received ");
	page_time(page, by->received);
}

static void write_mark(struct page *page, const struct mark *mark) {
	for (size_t i = 0; i < mark->count; i++) {
		if (i > 0)
			page_text(page, "; ");
		write_by(page, &mark->by[i]);
	}
	if (mark->count == 0)
		page_element(page, "strong", "not approved", "class", "warning", NULL);
	if (mark->count == 0 && mark->why)
		page_textf(page, ": %s", mark->why);
	if (mark_is_late(mark)) {
		page_text(page, ". Hosts were judged by it before that, from ");
		page_time(page, mark->judged_received);
		page_text(page, " on");
	}
}

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* Once on a page, in place of marks. */
static void write_no_keys(struct page *page, const struct marks *marks) {
	if (marks->fault)
		page_textf(page, "The approvers' keys cannot be read: %s", marks->fault);
	else
		page_text(page, "No approver keys are configured: nothing is said about approvals.");
}

#define CHANGES_SHOWN 20  /* of one kind of one policy */
#define POLICIES_READ 256 /* for one page: hosts name as many as they like */

/* A rule that a policy replaced keeps its id: that it did is said here. */
static bool write_changes(struct page *page, const struct marks *marks, const char *sha256, struct err *err) {
	CLEANUP(json_decref_p) json_t *changes = NULL;
	const char *kind;
	const json_t *names;
	if (!marks_changes(marks, sha256, &changes, err))
		return false;
	json_object_foreach(changes, kind, names) {
		const size_t count = json_array_size(names);
		page_textf(page, "; it %s", kind);
		for (size_t i = 0; i < count && i < CHANGES_SHOWN; i++)
			page_textf(page, "%s %s", i ? "," : "", json_string_value(json_array_get(names, i)));
		if (count > CHANGES_SHOWN)
			page_textf(page, " and %zu more", count - CHANGES_SHOWN);
	}
	return true;
}

bool show_approvals(struct page *page, struct marks *marks, const json_t *policies, struct err *err) {
	const struct mark *mark;
	size_t index;
	const json_t *policy;
	page_open(page, "ul", "class", "policies", NULL);
	json_array_foreach(policies, index, policy) {
		page_open(page, "li", NULL);
		page_textf(page, "%s %s ", text_of(policy, "id"), text_of(policy, "version"));
		page_element(page, "code", text_of(policy, "sha256"), NULL);
		if (marks_can(marks)) {
			if (!marks_get(marks, text_of(policy, "sha256"), &mark, err))
				return false;
			page_text(page, ": ");
			write_mark(page, mark);
		}
		if (index < POLICIES_READ && !write_changes(page, marks, text_of(policy, "sha256"), err))
			return false;
		if (index >= POLICIES_READ)
			page_text(page, "; what it does to others was not read for this page");
		page_close(page);
	}
	page_close(page);
	if (!marks_can(marks)) {
		page_open(page, "p", "class", "note", NULL);
		write_no_keys(page, marks);
		page_close(page);
	}
	return true;
}

bool show_judged_by(struct page *page, struct marks *marks, const json_t *host, const json_t *result, struct err *err) {
	const char *sha256 = text_of(result, "policy");
	CLEANUP(json_decref_p) json_t *policy = marks_find(host, sha256, NULL);
	const struct mark *mark = NULL;
	if (!*sha256)
		return true;
	if (marks_can(marks) && !marks_get(marks, sha256, &mark, err))
		return false;
	page_open(page, "p", NULL);
	page_textf(page, "Judged by the policy %s %s ", text_of(policy, "id"), text_of(policy, "version"));
	page_element(page, "code", sha256, NULL);
	if (mark) {
		page_text(page, ": ");
		write_mark(page, mark);
	}
	page_close(page);
	return true;
}

static void write_member(struct page *page, const char *before, const json_t *waiver, const char *name) {
	if (*text_of(waiver, name))
		page_textf(page, "%s%s", before, text_of(waiver, name));
}

bool show_exception(struct page *page, struct marks *marks, const json_t *host, const json_t *result, struct err *err) {
	const json_t *waiver = json_object_get(result, "waiver");
	bool is_signed = false;
	if (!waiver)
		return true;
	if (marks_can(marks) && !marks_sign(marks, host, result, &is_signed, err))
		return false;
	page_open(page, "p", NULL);
	page_textf(page, "Exception %s, %s by %s", text_of(waiver, "id"), is_signed ? "approved" : "to be approved",
		   text_of(waiver, "approver"));
	if (is_signed)
		page_text(page, " (signed)");
	else if (marks_can(marks))
		page_element(page, "strong", " (not signed)", "class", "warning", NULL);
	page_textf(page, ", until %s: %s", text_of(waiver, "expiresAt"), text_of(waiver, "reason"));
	write_member(page, " Ticket ", waiver, "ticket");
	write_member(page, ". Asked for by ", waiver, "requester");
	write_member(page, ". In the policy ", waiver, "policy");
	page_close(page);
	return true;
}

static bool write_exception_row(struct page *page, struct marks *marks, const json_t *host, const json_t *result,
				struct err *err) {
	static const char *const members[] = {"approver", "expiresAt", "reason", "ticket"};
	const json_t *waiver = json_object_get(result, "waiver");
	bool is_signed = false;
	if (marks_can(marks) && !marks_sign(marks, host, result, &is_signed, err))
		return false;
	page_open(page, "tr", NULL);
	page_element(page, "th", text_of(waiver, "id"), "scope", "row", NULL);
	page_open(page, "td", NULL);
	page_element(page, "code", text_of(result, "rule"), NULL);
	page_close(page);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		page_element(page, "td", text_of(waiver, members[i]), NULL);
	page_open(page, "td", NULL);
	if (marks_can(marks) && !is_signed)
		page_element(page, "strong", "not signed", "class", "warning", NULL);
	else
		page_text(page, is_signed ? "signed" : "\xe2\x80\x93");
	page_close(page);
	page_close(page);
	return true;
}

bool show_exceptions(struct page *page, struct marks *marks, const json_t *host, const json_t *results,
		     struct err *err) {
	static const char *const heads[] = {"Exception", "Rule", "Approver", "Until", "Reason", "Ticket", "Signature"};
	size_t index;
	const json_t *result;
	if (json_array_size(results) == 0)
		return true;
	page_open(page, "table", "class", "exceptions", NULL);
	page_element(page, "caption", "Exceptions: fails that somebody answers for, until a day", NULL);
	page_heads(page, heads, ARRAY_LEN(heads), NULL);
	page_open(page, "tbody", NULL);
	json_array_foreach(results, index, result) {
		if (!write_exception_row(page, marks, host, result, err))
			return false;
	}
	page_close(page);
	page_close(page);
	return true;
}
