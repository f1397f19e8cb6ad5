/* Who approved a policy, by the keys in DIR/approvers: what pages and JSON say beside each policy and waiver. Keys and
 * approvals are read anew for each answer. */
#pragma once

#include "collector/store.h"
#include "core/approvers.h"
#include "core/yaml.h"

#define MARKS_APPROVERS "approvers" /* folder, in the collector's */

struct mark_by {
	char *approver, *note; /* note: or NULL */
	int64_t approved, expires, received;
	int64_t index; /* of the first statement that brought it */
};
struct mark { /* of one policy; owned by the marks */
	char sha256[HASH_HEX];
	struct mark_by *by; /* the approvals that hold */
	size_t count;
	struct yaml *text;                     /* of the policy itself, where there is an approval of it; else NULL */
	char *why;                             /* where none holds and there are some: why the last one does not */
	int64_t judged_index, judged_received; /* of the first round judged by it; index -1: none */
};

struct marks {
	struct store *store; /* borrowed */
	struct approvers approvers;
	char *fault; /* why the keys cannot be read; NULL: they could */
	int64_t now;
	struct mark **items; /* those that were asked for */
	size_t count;
	json_t *places; /* {sha256: index in items} */
};
/* folder: the collector's. Keys that cannot be read are a fault that is shown, and no reason not to show the rest. */
void marks_open(struct marks *marks, const char *folder, struct store *store, int64_t now);
void marks_done(struct marks *marks);
/* Whether there are keys to mark by. */
bool marks_can(const struct marks *marks);
MUST_CHECK bool marks_get(struct marks *marks, const char *sha256, const struct mark **ret_mark, struct err *err);
/* Whether rounds were judged by it before its first approval that holds came. */
bool mark_is_late(const struct mark *mark);

/* What its results are marked by: {"name","environment","os","policies": as the store has them}. New reference. */
json_t *marks_host(const struct store_host *host);
/* Of a host's policies the one of this digest or, where that is NULL, of this id: {"id","version","sha256"}. New
 * reference; NULL: there is none. */
json_t *marks_find(const json_t *host, const char *sha256, const char *id);
/* Whether a result's waiver is signed: the policy that it names has one of this rule that says the same and is for this
 * host, and an approval that holds by its approver. */
MUST_CHECK bool marks_sign(struct marks *marks, const json_t *host, const json_t *result, bool *ret_is_signed,
			   struct err *err);
/* What a policy does to those below it (core/overlay_text.h); {} where its text has not come, or is none. New
 * reference. */
MUST_CHECK bool marks_changes(const struct marks *marks, const char *sha256, json_t **ret_changes, struct err *err);
/* {"state": "approved", "unapproved" or "unknown" (no keys),"by":[...],"reason","judgedSince"}. New reference. */
MUST_CHECK bool marks_json(struct marks *marks, const char *sha256, json_t **ret_json, struct err *err);
