#include "collector/marks.h"

#include "collector/store_approvals.h"
#include "core/file.h"
#include "core/overlay_text.h"
#include "core/times.h"
#include "core/waiver_text.h"

#define POLICIES_LARGEST (1U << 20)

static void mark_free(struct mark *mark) {
	for (size_t i = 0; i < mark->count; i++) {
		free(mark->by[i].approver);
		free(mark->by[i].note);
	}
	free(mark->by);
	free(mark->why);
	yaml_tree_free(mark->text);
	free(mark);
}

void marks_open(struct marks *marks, const char *folder, struct store *store, int64_t now) {
	CLEANUP(free_ptr) char *path = file_join(folder, MARKS_APPROVERS);
	char text[600];
	struct err err;
	*marks = (struct marks){.store = store, .now = now, .places = json_object()};
	if (!approvers_read(path, &marks->approvers, &err))
		marks->fault = xstrdup(err_text(&err, text, sizeof text));
}

void marks_done(struct marks *marks) {
	for (size_t i = 0; i < marks->count; i++)
		mark_free(marks->items[i]);
	json_decref(marks->places);
	free(marks->items);
	free(marks->fault);
	approvers_done(&marks->approvers);
}

bool marks_can(const struct marks *marks) { return marks->approvers.count > 0; }

/* --- one policy --------------------------------------------------------------------------------------------------- */

struct judging {
	const struct marks *marks;
	struct mark *mark;
	struct approval_about about;
};

static void judge(void *context, const struct store_approval *came) {
	struct judging *judging = context;
	struct mark *mark = judging->mark;
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	struct err err;
	judging->about.received = came->received;
	if (!approvers_hold(&judging->marks->approvers, came->line, came->line_len, &judging->about, "", &approval,
			    &err)) {
		free(mark->why);
		mark->why = xstrdup(err.why);
		return;
	}
	mark->by = xreallocarray(mark->by, mark->count + 1, sizeof *mark->by);
	mark->by[mark->count++] = (struct mark_by){.approver = xstrdup(approval->approver),
						   .note = xstrdup(approval->note),
						   .approved = approval->approved,
						   .expires = approval->expires,
						   .received = came->received,
						   .index = came->index};
}

static void count_one(void *context, const struct store_approval *came) { ++*(size_t *)context; }

static bool read_text(struct marks *marks, struct mark *mark, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	struct err why;
	if (!store_body(marks->store, mark->sha256, &body, &why)) {
		if (why.code != ERR_ABSENT) {
			*err = why;
			return false;
		}
		mark->why = xstrdup("its text has not come");
	} else if (!yaml_read(buf_str(&body), body.len, mark->sha256, &mark->text, &why)) {
		mark->why = xstrdup("its text is no policy");
	}
	return true;
}

/* The id that the policy gives itself, which its digest covers: a host may say another. */
static const char *id_of(const struct yaml *text) {
	const struct yaml *head = text->kind == YAML_MAPPING ? yaml_get(text, "policy") : NULL;
	const struct yaml *id = head && head->kind == YAML_MAPPING ? yaml_get(head, "id") : NULL;
	return id && id->kind == YAML_SCALAR ? id->text : "";
}

static bool fill(struct marks *marks, struct mark *mark, struct err *err) {
	struct judging judging = {.marks = marks, .mark = mark};
	struct hash sha256;
	size_t count = 0;
	if (!store_judged(marks->store, mark->sha256, &mark->judged_index, &mark->judged_received, err) ||
	    !store_approvals(marks->store, mark->sha256, count_one, &count, err))
		return false;
	if (count == 0 || !marks_can(marks) || !hash_from_hex(mark->sha256, &sha256))
		return true;
	if (!read_text(marks, mark, err))
		return false;
	if (!mark->text)
		return true;
	judging.about = (struct approval_about){.policy = id_of(mark->text), .sha256 = &sha256, .at = marks->now};
	return store_approvals(marks->store, mark->sha256, judge, &judging, err);
}

bool marks_get(struct marks *marks, const char *sha256, const struct mark **ret_mark, struct err *err) {
	const json_t *place = json_object_get(marks->places, sha256);
	if (place) {
		*ret_mark = marks->items[json_integer_value(place)];
		return true;
	}
	struct mark *mark = xcalloc(1, sizeof *mark);
	snprintf(mark->sha256, sizeof mark->sha256, "%s", sha256);
	if (!fill(marks, mark, err)) {
		mark_free(mark);
		return false;
	}
	marks->items = xreallocarray(marks->items, marks->count + 1, sizeof(struct mark *));
	json_object_set_new(marks->places, sha256, json_integer((json_int_t)marks->count));
	marks->items[marks->count++] = mark;
	*ret_mark = mark;
	return true;
}

bool marks_changes(const struct marks *marks, const char *sha256, json_t **ret_changes, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(yaml_tree_free_p) struct yaml *text = NULL;
	struct err why;
	if (!store_body(marks->store, sha256, &body, &why) && why.code != ERR_ABSENT) {
		*err = why;
		return false;
	}
	const bool is_read = body.len > 0 && yaml_read(buf_str(&body), body.len, sha256, &text, &why);
	*ret_changes = is_read ? overlay_text_changes(text) : json_object();
	return true;
}

bool mark_is_late(const struct mark *mark) {
	bool is_late = mark->judged_index >= 0;
	for (size_t i = 0; i < mark->count; i++)
		is_late &= mark->by[i].index > mark->judged_index;
	return is_late && mark->count > 0;
}

/* --- waivers ------------------------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

json_t *marks_host(const struct store_host *host) {
	json_t *object = json_object();
	json_object_set_new(object, "name", json_text(host->name));
	json_object_set_new(object, "environment", json_text(host->environment));
	json_object_set_new(object, "os", json_text(host->os));
	json_object_set_new(object, "policies", json_text(host->policies));
	return object;
}

json_t *marks_find(const json_t *host, const char *sha256, const char *id) {
	const char *policies = text_of(host, "policies");
	CLEANUP(json_decref_p) json_t *list = NULL;
	struct err ignored;
	size_t index;
	json_t *policy;
	if (!json_read(policies, strlen(policies), POLICIES_LARGEST, "policies", &list, &ignored))
		return NULL;
	json_array_foreach(list, index, policy) {
		if (!strcmp(text_of(policy, sha256 ? "sha256" : "id"), sha256 ? sha256 : id))
			return json_incref(policy);
	}
	return NULL;
}

bool marks_sign(struct marks *marks, const json_t *host, const json_t *result, bool *ret_is_signed, struct err *err) {
	const json_t *waiver = json_object_get(result, "waiver");
	CLEANUP(json_decref_p) json_t *policy = marks_find(host, NULL, text_of(waiver, "policy"));
	const struct mark *mark;
	bool is_signed = false;
	if (policy) {
		if (!marks_get(marks, text_of(policy, "sha256"), &mark, err))
			return false;
		for (size_t i = 0; i < mark->count; i++)
			is_signed |= !strcmp(mark->by[i].approver, text_of(waiver, "approver"));
		const struct policy_host of = {.name = text_of(host, "name"),
					       .environment = text_of(host, "environment"),
					       .os = text_of(host, "os")};
		is_signed = is_signed && waiver_is_of(mark->text, text_of(result, "rule"), waiver, &of);
	}
	*ret_is_signed = is_signed;
	return true;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *name, int64_t instant) {
	char text[TIMES_TEXT];
	if (instant)
		json_object_set_new(object, name, json_string(times_format(instant, text)));
}

static json_t *by_json(const struct mark_by *by) {
	json_t *object = json_object();
	json_object_set_new(object, "approver", json_text(by->approver));
	set_time(object, "approvedAt", by->approved);
	set_time(object, "expiresAt", by->expires);
	set_time(object, "receivedAt", by->received);
	if (by->note)
		json_object_set_new(object, "note", json_text(by->note));
	return object;
}

bool marks_json(struct marks *marks, const char *sha256, json_t **ret_json, struct err *err) {
	const struct mark *mark;
	if (!marks_get(marks, sha256, &mark, err))
		return false;
	json_t *object = json_object(), *by = json_array();
	const char *state = mark->count > 0 ? "approved" : "unapproved";
	for (size_t i = 0; i < mark->count; i++)
		json_array_append_new(by, by_json(&mark->by[i]));
	json_object_set_new(object, "state", json_string(marks_can(marks) ? state : "unknown"));
	json_object_set_new(object, "by", by);
	if (mark->count == 0 && mark->why)
		json_object_set_new(object, "reason", json_text(mark->why));
	set_time(object, "judgedSince", mark->judged_received);
	*ret_json = object;
	return true;
}
