#include "verify/approvals.h"

#include "core/overlay_text.h"
#include "core/times.h"
#include "core/waiver_text.h"
#include "core/yaml.h"
#include "verify/shown.h"

void approval_list_done(struct approval_list *list) {
	for (size_t i = 0; i < list->approval_count; i++) {
		free(list->approvals[i].approver);
		free(list->approvals[i].note);
		free(list->approvals[i].why);
	}
	for (size_t i = 0; i < list->exception_count; i++) {
		free(list->exceptions[i].id);
		free(list->exceptions[i].rule);
		free(list->exceptions[i].policy_id);
		free(list->exceptions[i].approver);
		free(list->exceptions[i].reason);
		free(list->exceptions[i].host);
	}
	for (size_t i = 0; i < POLICY_TEXTS_MOST; i++)
		yaml_tree_free(list->texts[i].tree);
	free(list->approvals);
	free(list->exceptions);
	json_decref(list->changes);
	*list = (struct approval_list){0};
}

/* The policy's own text, of the digest that is asked for. */
static bool read_policy(const struct audit *audit, const char *hex, struct yaml **ret_tree, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", hex);
	CLEANUP(buf_done) struct buf bytes = {0};
	char is[HASH_HEX];
	if (!package_read(audit->package, name, YAML_LARGEST, &bytes, err))
		return false;
	const struct hash hash = hash_of(buf_str(&bytes), bytes.len);
	if (strcmp(hash_hex(&hash, is), hex) != 0)
		return err_set(err, ERR_REFUSED, name, "its bytes have another digest");
	return yaml_read(buf_str(&bytes), bytes.len, name, ret_tree, err);
}

static const char *id_of(const struct yaml *tree) {
	const struct yaml *head = tree->kind == YAML_MAPPING ? yaml_get(tree, "policy") : NULL;
	const struct yaml *id = head && head->kind == YAML_MAPPING ? yaml_get(head, "id") : NULL;
	return id && id->kind == YAML_SCALAR ? id->text : "";
}

/* --- approvals ---------------------------------------------------------------------------------------------------- */

static bool holds(const struct audit *audit, const struct shown *shown, const struct buf *body,
		  const struct shown_approval *item, const struct hash *sha256, struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *tree = NULL;
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	if (!read_policy(audit, item->policy, &tree, err))
		return false;
	const struct approval_about about = {
		.policy = id_of(tree), .sha256 = sha256, .at = shown->received, .received = shown->received};
	return approvers_hold(&audit->trusted->trust->approvers, buf_str(body), body->len, &about, shown->where,
			      &approval, err);
}

static struct shown_approval *find_approval(struct approval_list *list, const struct hash *body) {
	for (size_t i = 0; i < list->approval_count; i++)
		if (hash_equal(&list->approvals[i].body, body))
			return &list->approvals[i];
	return NULL;
}

void approvals_take(struct audit *audit, const struct shown *shown, const struct buf *body) {
	struct approval_list *list = &audit->approvals;
	struct shown_approval *known = find_approval(list, &shown->statement->body_sha256);
	CLEANUP(approval_free_p) struct approval *said = NULL;
	struct err err;
	if (known) {
		if (shown->statement->started_at < known->sealed)
			known->sealed = shown->statement->started_at;
		return;
	}
	if (list->approval_count == APPROVALS_MOST) {
		err_set(&err, ERR_TOO_BIG, "", "more than %d approvals", APPROVALS_MOST);
		found_err(&audit->found, FOUND_BODIES, shown->where, &err);
		return;
	}
	if (!approval_read(buf_str(body), body->len, shown->where, &said, &err)) {
		found_err(&audit->found, FOUND_BODIES, shown->where, &err);
		return;
	}
	struct shown_approval item = {.body = shown->statement->body_sha256,
				      .approver = xstrdup(said->approver),
				      .note = xstrdup(said->note),
				      .approved = said->approved,
				      .expires = said->expires,
				      .sealed = shown->statement->started_at,
				      .received = shown->received,
				      .index = shown->index};
	hash_hex(&said->sha256, item.policy);
	if (!holds(audit, shown, body, &item, &said->sha256, &err))
		item.why = xstrdup(err.why);
	list->approvals = xreallocarray(list->approvals, list->approval_count + 1, sizeof *list->approvals);
	list->approvals[list->approval_count++] = item;
}

/* --- exceptions --------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static const char *policy_of_id(const json_t *policies, const char *id) {
	size_t index;
	const json_t *policy;
	json_array_foreach(policies, index, policy) {
		if (!strcmp(text_of(policy, "id"), id))
			return text_of(policy, "sha256");
	}
	return "";
}

static bool is_same(const struct shown_exception *item, const json_t *waiver, const char *rule, const char *policy,
		    int64_t expires, bool is_written) {
	return item->is_written == is_written && !strcmp(item->id, text_of(waiver, "id")) &&
	       !strcmp(item->policy, policy) && !strcmp(item->rule, rule) &&
	       !strcmp(item->approver, text_of(waiver, "approver")) && item->expires == expires;
}

static const struct yaml *text_of_policy(struct audit *audit, const char *policy) {
	struct approval_list *list = &audit->approvals;
	struct err ignored;
	for (size_t i = 0; i < POLICY_TEXTS_MOST && i < list->text_count; i++)
		if (!strcmp(list->texts[i].policy, policy))
			return list->texts[i].tree;
	struct policy_text *text = &list->texts[list->text_count++ % POLICY_TEXTS_MOST];
	yaml_tree_free(text->tree);
	*text = (struct policy_text){.tree = NULL};
	snprintf(text->policy, sizeof text->policy, "%s", policy);
	return read_policy(audit, policy, &text->tree, &ignored) ? text->tree : NULL;
}

static bool is_written(struct audit *audit, const struct statement *statement, const char *policy, const char *rule,
		       const json_t *waiver) {
	const struct policy_host host = {
		.name = statement->host_name, .environment = statement->environment, .os = statement->host_os};
	const struct yaml *text = *policy ? text_of_policy(audit, policy) : NULL;
	return text && waiver_is_of(text, rule, waiver, &host);
}

void approvals_waived(struct audit *audit, const struct shown *shown, const struct host *host, const json_t *result) {
	struct approval_list *list = &audit->approvals;
	const json_t *waiver = json_object_get(result, "waiver");
	const char *rule = text_of(result, "rule");
	const char *policy = policy_of_id(shown->statement->policies, text_of(waiver, "policy"));
	int64_t expires;
	if (!waiver || strcmp(text_of(result, "verdict"), "fail") != 0 ||
	    !times_parse(text_of(waiver, "expiresAt"), &expires))
		return;
	const bool has_text = is_written(audit, shown->statement, policy, rule, waiver);
	for (size_t i = 0; i < list->exception_count; i++)
		if (is_same(&list->exceptions[i], waiver, rule, policy, expires, has_text)) {
			list->exceptions[i].rounds++;
			return;
		}
	if (list->exception_count == EXCEPTIONS_MOST) {
		found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, shown->where,
			  "whether more than %d exceptions are signed", EXCEPTIONS_MOST);
		return;
	}
	struct shown_exception item = {.id = xstrdup(text_of(waiver, "id")),
				       .rule = xstrdup(rule),
				       .policy_id = xstrdup(text_of(waiver, "policy")),
				       .approver = xstrdup(text_of(waiver, "approver")),
				       .reason = xstrdup(text_of(waiver, "reason")),
				       .host = xstrdup(host->id),
				       .expires = expires,
				       .rounds = 1,
				       .is_written = has_text,
				       .index = shown->index};
	snprintf(item.policy, sizeof item.policy, "%s", policy);
	list->exceptions = xreallocarray(list->exceptions, list->exception_count + 1, sizeof *list->exceptions);
	list->exceptions[list->exception_count++] = item;
}

/* --- at the end --------------------------------------------------------------------------------------------------- */

/* Until when an approval that was sealed by then holds; INT64_MIN: none was. *ret_first: when the first was sealed. */
static int64_t held_until(const struct approval_list *list, const char *policy, int64_t at, int64_t *ret_first) {
	int64_t until = INT64_MIN;
	*ret_first = INT64_MAX;
	for (size_t i = 0; i < list->approval_count; i++) {
		const struct shown_approval *item = &list->approvals[i];
		const int64_t end = item->expires ? item->expires : INT64_MAX;
		if (item->why || strcmp(item->policy, policy) != 0)
			continue;
		*ret_first = item->sealed < *ret_first ? item->sealed : *ret_first;
		if (item->sealed <= at && end > until)
			until = end;
	}
	return until;
}

static const char *why_none(const struct approval_list *list, const char *policy) {
	const char *why = "no approval of it is in the package";
	for (size_t i = 0; i < list->approval_count; i++)
		if (list->approvals[i].why && !strcmp(list->approvals[i].policy, policy))
			why = list->approvals[i].why;
	return why;
}

/* Whether the policy was approved from `from` to `to`; *ret_why is then why not, as far as it is known; the caller
 * frees. */
static bool is_covered(const struct approval_list *list, const char *policy, int64_t from, int64_t to, char **ret_why) {
	int64_t first, until = from, next;
	char text[TIMES_TEXT];
	*ret_why = NULL;
	while ((next = held_until(list, policy, until, &first)) > until && next < to)
		until = next;
	if (first == INT64_MAX)
		*ret_why = xstrdup(why_none(list, policy));
	else if (first > from)
		*ret_why = xasprintf("the first approval of it was sealed at %s", times_format(first, text));
	else if (next < to)
		*ret_why = xasprintf("the approval of it expired at %s", times_format(next, text));
	return !*ret_why;
}

const struct shown_approval *approvals_sign(const struct approval_list *list, const struct shown_exception *exception) {
	for (size_t i = 0; i < list->approval_count && exception->is_written; i++) {
		const struct shown_approval *item = &list->approvals[i];
		if (!item->why && !strcmp(item->policy, exception->policy) &&
		    !strcmp(item->approver, exception->approver))
			return item;
	}
	return NULL;
}

static void finish_judged(struct audit *audit, const struct host *host, size_t at) {
	const int64_t from = host->judged[at].at;
	const int64_t to = at + 1 < host->judged_count && at + 1 < HOSTS_KEPT_MOST
				   ? host->judged[at + 1].at
				   : host->lines[host->line_count - 1]->finished;
	size_t index;
	const json_t *policy;
	json_array_foreach(host->judged[at].policies, index, policy) {
		CLEANUP(free_ptr) char *why = NULL;
		if (!is_covered(&audit->approvals, text_of(policy, "sha256"), from, to, &why))
			found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, host->id,
				  "that somebody approved the policy %.128s %.32s (%.16s) by which this host (%s) was "
				  "judged: %s",
				  text_of(policy, "id"), text_of(policy, "version"), text_of(policy, "sha256"),
				  host->name, why);
	}
}

static void finish_exceptions(struct audit *audit) {
	const struct approval_list *list = &audit->approvals;
	for (size_t i = 0; i < list->exception_count; i++) {
		const struct shown_exception *item = &list->exceptions[i];
		if (!item->is_written)
			found_add(
				&audit->found, FOUND_CONTRADICTION, FOUND_BODIES, item->host,
				"its results have the exception %s of %s, and the policy \"%s\" has no such one for it",
				item->id, item->rule, item->policy_id);
		else if (audit->trusted->trust->approvers.count > 0 && !approvals_sign(list, item))
			found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, item->host,
				  "that %s approved the exception %s of %s: no approval by that key of the policy "
				  "\"%s\" holds",
				  item->approver, item->id, item->rule, item->policy_id);
	}
}

static void take_changes(struct audit *audit, const json_t *policies) {
	size_t index;
	const json_t *policy;
	json_array_foreach(policies, index, policy) {
		const char *sha256 = text_of(policy, "sha256");
		const struct yaml *text =
			json_object_get(audit->approvals.changes, sha256) ? NULL : text_of_policy(audit, sha256);
		if (text)
			json_object_set_new(audit->approvals.changes, sha256, overlay_text_changes(text));
	}
}

static void finish_changes(struct audit *audit) {
	audit->approvals.changes = json_object();
	for (size_t i = 0; i < audit->hosts.count; i++) {
		const struct host *host = audit->hosts.items[i];
		for (size_t k = 0; k < host->judged_count && k < HOSTS_KEPT_MOST; k++)
			take_changes(audit, host->judged[k].policies);
	}
}

void approvals_finish(struct audit *audit) {
	finish_changes(audit);
	finish_exceptions(audit);
	if (audit->trusted->trust->approvers.count == 0)
		return;
	for (size_t i = 0; i < audit->hosts.count; i++) {
		const struct host *host = audit->hosts.items[i];
		for (size_t k = 0; k < host->judged_count && k < HOSTS_KEPT_MOST; k++)
			finish_judged(audit, host, k);
	}
}
