#include "verify/operator.h"

#include "core/times.h"

void operator_done(struct operator_line *line) {
	for (size_t i = 0; i < line->erasure_count; i++) {
		struct erasure *erasure = &line->erasures[i];
		char *const texts[] = {erasure->body,   erasure->statement, erasure->retention,
				       erasure->reason, erasure->by,        erasure->record};
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			free(texts[k]);
		json_decref(erasure->rules);
	}
	for (size_t i = 0; i < line->revocation_count; i++) {
		struct revocation *revocation = &line->revocations[i];
		char *const texts[] = {revocation->host, revocation->enrolment, revocation->key, revocation->reason,
				       revocation->by};
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			free(texts[k]);
	}
	free(line->erasures);
	free(line->revocations);
	*line = (struct operator_line){0};
}

static bool read_body(const struct buf *body, const char *where, json_t **ret_object, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	if (!json_read(body->data, body->len, 1U << 20, where, &object, err))
		return false;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "not a JSON object");
	*ret_object = json_incref(object);
	return true;
}

/* Strings by their names, all of them required. */
static bool read_texts(const json_t *object, const char *where, const char *const names[], const char **ret_texts,
		       struct err *err) {
	for (size_t i = 0; names[i]; i++)
		if (!json_get_string(object, names[i], where, &ret_texts[i], err))
			return false;
	return true;
}

static bool read_rules(const json_t *object, json_t **ret_rules, struct err *err) {
	json_t *rules;
	size_t index;
	const json_t *rule;
	if (!json_object_get(object, "rules"))
		return true;
	if (!json_get_array(object, "rules", "erasure", &rules, err))
		return false;
	json_array_foreach(rules, index, rule) if (!json_is_string(rule)) return err_set(
		err, ERR_MALFORMED, "erasure", "a member of \"rules\" is not a string");
	*ret_rules = rules;
	return true;
}

/* One of "bodies"; what the record says of all of them is copied from `said`. */
static bool take_erased(struct operator_line *line, const json_t *item, const struct erasure *said, struct err *err) {
	static const char *const names[] = {"body", "statement", NULL};
	const char *texts[ARRAY_LEN(names)];
	json_t *rules = NULL;
	if (!json_is_object(item))
		return err_set(err, ERR_MALFORMED, "erasure", "a member of \"bodies\" is not an object");
	if (!read_texts(item, "erasure", names, texts, err) || !read_rules(item, &rules, err))
		return false;
	if (line->erasure_count == OPERATOR_RECORDS_MOST)
		return err_set(err, ERR_TOO_BIG, "erasure", "more than %d records", OPERATOR_RECORDS_MOST);
	if ((line->erasure_count & (line->erasure_count - 1)) == 0) /* room doubles at each power of two */
		line->erasures = xreallocarray(line->erasures, line->erasure_count ? 2 * line->erasure_count : 1,
					       sizeof *line->erasures);
	line->erasures[line->erasure_count++] = (struct erasure){.body = xstrdup(texts[0]),
								 .statement = xstrdup(texts[1]),
								 .retention = xstrdup(said->retention),
								 .reason = xstrdup(said->reason),
								 .by = xstrdup(said->by),
								 .rules = json_incref(rules),
								 .record = xstrdup(said->record),
								 .at = said->at};
	return true;
}

bool operator_erasure(struct operator_line *line, const struct buf *body, const char *record, int64_t at,
		      struct err *err) {
	static const char *const names[] = {"retention", "reason", "by", NULL};
	CLEANUP(json_decref_p) json_t *object = NULL;
	const char *texts[ARRAY_LEN(names)];
	json_t *bodies;
	size_t index;
	const json_t *item;
	if (!read_body(body, "erasure", &object, err) || !read_texts(object, "erasure", names, texts, err) ||
	    !json_get_array(object, "bodies", "erasure", &bodies, err))
		return false;
	const struct erasure said = {.retention = (char *)texts[0],
				     .reason = (char *)texts[1],
				     .by = (char *)texts[2],
				     .record = (char *)record,
				     .at = at};
	json_array_foreach(bodies, index, item) if (!take_erased(line, item, &said, err)) return false;
	return true;
}

bool operator_revocation(struct operator_line *line, const struct buf *body, uint64_t index, struct err *err) {
	static const char *const names[] = {"host", "enrolment", "evidenceKey", "reason", "by", "from", NULL};
	CLEANUP(json_decref_p) json_t *object = NULL;
	const char *texts[ARRAY_LEN(names)];
	int64_t from;
	if (!read_body(body, "revocation", &object, err) || !read_texts(object, "revocation", names, texts, err))
		return false;
	if (!times_parse(texts[5], &from))
		return err_set(err, ERR_MALFORMED, "revocation", "\"from\" is not a time");
	if (line->revocation_count == OPERATOR_RECORDS_MOST)
		return err_set(err, ERR_TOO_BIG, "revocation", "more than %d records", OPERATOR_RECORDS_MOST);
	line->revocations = xreallocarray(line->revocations, line->revocation_count + 1, sizeof *line->revocations);
	line->revocations[line->revocation_count++] = (struct revocation){.host = xstrdup(texts[0]),
									  .enrolment = xstrdup(texts[1]),
									  .key = xstrdup(texts[2]),
									  .reason = xstrdup(texts[3]),
									  .by = xstrdup(texts[4]),
									  .from = from,
									  .index = index};
	return true;
}

static bool names_rule(const struct erasure *erasure, const char *rule) {
	size_t index;
	const json_t *named;
	if (!erasure->rules)
		return true;
	if (!rule)
		return false;
	json_array_foreach(erasure->rules, index, named) if (!strcmp(json_string_value(named), rule)) return true;
	return false;
}

struct erasure *operator_erased(struct operator_line *line, const char *body, const char *rule, const char *record) {
	for (size_t i = 0; i < line->erasure_count; i++) {
		struct erasure *erasure = &line->erasures[i];
		if (!strcmp(erasure->body, body) && (!record || !strcmp(erasure->record, record)) &&
		    names_rule(erasure, rule))
			return erasure;
	}
	return NULL;
}

const struct revocation *operator_revoked(const struct operator_line *line, const char *enrolment) {
	const struct revocation *earliest = NULL;
	for (size_t i = 0; i < line->revocation_count; i++)
		if (!strcmp(line->revocations[i].enrolment, enrolment) &&
		    (!earliest || line->revocations[i].from < earliest->from))
			earliest = &line->revocations[i];
	return earliest;
}
