/* Bodies of what is no round: the bytes that the statement signs, or a record of their erasure. */
#include "core/text.h"
#include "verify/shown.h"

/* What every package has of these types, unless it was erased (docs/FORMAT.md 5.1). */
static bool is_always_there(const struct audit *audit, const struct statement *statement) {
	static const char *const types[] = {"policy", "approval", "enrolment", "epoch", "erasure", "revocation"};
	const bool is_limited = json_array_size(audit->manifest.controls) > 0;
	return text_is_one_of(statement->type, types, ARRAY_LEN(types)) ||
	       (!strcmp(statement->type, "attestation") && !is_limited);
}

/* The members of a statement and its body that say the same thing. */
static bool says_same(const struct statement *statement, const struct buf *body, const char *member, const char *said,
		      const char *where, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	const char *text;
	if (!json_read(buf_str(body), body->len, STATEMENT_BODY_LARGEST, where, &object, err))
		return false;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "the body is not a JSON object");
	return json_get_string(object, member, where, &text, err) &&
	       (!strcmp(text, said) || err_set(err, ERR_REFUSED, where,
					       "\"%s\" of the body is another than that of the "
					       "statement",
					       member));
}

static bool fits(const struct statement *statement, const struct buf *body, const char *where, struct err *err) {
	if (!strcmp(statement->type, "enrolment"))
		return says_same(statement, body, "evidenceKey", statement->evidence_key, where, err);
	if (!strcmp(statement->type, "epoch"))
		return says_same(statement, body, "epochKey", statement->epoch_key, where, err);
	return true;
}

static bool missing(struct audit *audit, const struct shown *shown, const char *hex) {
	struct erasure *erasure = operator_erased(&audit->operator_line, hex, NULL, NULL);
	if (erasure) {
		erasure->is_used = true;
		return true;
	}
	if (!is_always_there(audit, shown->statement))
		return true;
	found_add(&audit->found, FOUND_CONTRADICTION, FOUND_BODIES, shown->where,
		  "the body of this %s is missing without a record of its erasure", shown->statement->type);
	return false;
}

bool shown_body(struct audit *audit, const struct shown *shown, struct buf *ret_body) {
	char hex[HASH_HEX];
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", hash_hex(&shown->statement->body_sha256, hex));
	struct err err;
	if (!package_find(audit->package, name))
		return missing(audit, shown, hex);
	if (!package_read(audit->package, name, STATEMENT_BODY_LARGEST, ret_body, &err)) {
		found_err(&audit->found, FOUND_BODIES, shown->where, &err);
		return false;
	}
	const struct hash is = hash_of(buf_str(ret_body), ret_body->len);
	if (!hash_equal(&is, &shown->statement->body_sha256)) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_BODIES, shown->where,
			  "its body has another digest than the statement's subject");
		return false;
	}
	if (!fits(shown->statement, ret_body, shown->where, &err)) {
		found_err(&audit->found, FOUND_BODIES, shown->where, &err);
		return false;
	}
	return true;
}
