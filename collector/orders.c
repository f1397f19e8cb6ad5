#include "collector/orders.h"

#include "collector/erase.h"
#include "collector/import.h"
#include "core/times.h"

#define WHERE "order"
#define TEXT_LONGEST 1024

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool has_text(const json_t *order, const char *name, const char **ret_text, struct err *err) {
	if (!json_get_string(order, name, WHERE, ret_text, err))
		return false;
	return (**ret_text && strlen(*ret_text) <= TEXT_LONGEST) ||
	       err_set(err, ERR_MALFORMED, WHERE, "\"%s\" is empty or longer than %d bytes", name, TEXT_LONGEST);
}

/* Absent: *ret_instant stays. */
static bool maybe_time(const json_t *order, const char *name, int64_t *ret_instant, struct err *err) {
	const json_t *member = json_object_get(order, name);
	const char *text = json_string_value(member);
	return !member || (text && times_parse(text, ret_instant)) ||
	       err_set(err, ERR_MALFORMED, WHERE, "\"%s\" is not a time", name);
}

static bool read_erase(const json_t *order, int64_t now, struct erase_order *ret_erase, struct err *err) {
	struct erase_order erase = {.host = json_string_value(json_object_get(order, "host")),
				    .statement = json_string_value(json_object_get(order, "statement")),
				    .rules = json_object_get(order, "rules")};
	size_t index;
	const json_t *rule;
	if (!maybe_time(order, "before", &erase.before, err))
		return false;
	if ((erase.host != NULL) == (erase.statement != NULL))
		return err_set(err, ERR_MALFORMED, WHERE, "either a host or a statement is erased");
	if (erase.host && (erase.before <= 0 || erase.before > now))
		return err_set(err, ERR_MALFORMED, WHERE,
			       "what came before a time is erased, and that time has to be past");
	json_array_foreach(erase.rules, index, rule) if (!json_is_string(rule)) return err_set(
		err, ERR_MALFORMED, WHERE, "a member of \"rules\" is not a rule's id");
	*ret_erase = erase;
	return true;
}

/* --- doing -------------------------------------------------------------------------------------------------------- */

static bool say_erasures(struct collector *collector, json_t *batches, const json_t *order, json_t *digests,
			 size_t *ret_bodies, struct err *err) {
	static const char *const words[] = {"retention", "reason", "by"};
	char digest[HASH_HEX];
	json_t *batch;
	size_t index;
	json_array_foreach(batches, index, batch) {
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			json_object_set(batch, words[i], json_object_get(order, words[i]));
		if (!own_line_say(collector->own, "erasure", batch, digest, err))
			return false;
		json_array_append_new(digests, json_string(digest));
		*ret_bodies += json_array_size(json_object_get(batch, "bodies"));
	}
	return true;
}

static bool do_erase(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer,
		     struct err *err) {
	struct erase_order erase;
	const char *text;
	size_t results = 0, bodies = 0;
	CLEANUP(json_decref_p) json_t *batches = NULL, *digests = json_array();
	if (!has_text(order, "retention", &text, err) || !has_text(order, "reason", &text, err) ||
	    !has_text(order, "by", &text, err) || !read_erase(order, now, &erase, err) ||
	    !erase_choose(collector->store, &erase, &batches, &results, err))
		return false;
	if (json_array_size(batches) == 0)
		return err_set(err, ERR_ABSENT, WHERE,
			       "there is nothing to erase: current results, and what is gone, are not");
	if (!say_erasures(collector, batches, order, digests, &bodies, err))
		return false;
	*ret_answer = json_pack("{s:O, s:I, s:I}", "statements", digests, "bodies", (json_int_t)bodies, "results",
				(json_int_t)results);
	collector_say(collector, "erased: %zu results in %zu bodies of %s %s", results, bodies,
		      erase.host ? "host" : "statement", erase.host ? erase.host : erase.statement);
	return true;
}

/* The enrolment that began a line. */
struct enrolment_of {
	int64_t line;
	char digest[HASH_HEX];
};

static bool find_enrolment(void *context, const struct store_statement *statement) {
	struct enrolment_of *of = context;
	if (statement->line == of->line)
		snprintf(of->digest, sizeof of->digest, "%s", statement->digest);
	return statement->line != of->line;
}

static bool do_revoke(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer,
		      struct err *err) {
	const char *host, *reason, *by;
	char keyid[HASH_HEX], digest[HASH_HEX], from_text[TIMES_TEXT];
	int64_t from = now;
	CLEANUP(store_line_done) struct store_line line = {0};
	if (!has_text(order, "host", &host, err) || !has_text(order, "reason", &reason, err) ||
	    !has_text(order, "by", &by, err) || !maybe_time(order, "from", &from, err) ||
	    !store_line_of_host(collector->store, host, &line, err))
		return false;
	if (line.id == 0 || !strcmp(host, collector->own->id))
		return err_set(err, ERR_ABSENT, WHERE, "no host with this id has a line that goes on");
	struct enrolment_of of = {.line = line.id};
	const struct store_range range = {.host = host, .to = INT64_MAX, .types = "enrolment", .after = -1};
	if (!store_statements_in(collector->store, &range, find_enrolment, &of, err))
		return false;
	const struct hash id = hash_of(line.evidence.data, line.evidence.len);
	CLEANUP(json_decref_p)
	json_t *body =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "host", host, "enrolment", of.digest, "evidenceKey",
			  hash_hex(&id, keyid), "from", times_format(from, from_text), "reason", reason, "by", by);
	if (!own_line_say(collector->own, "revocation", body, digest, err))
		return false;
	*ret_answer = json_pack("{s:[s]}", "statements", digest);
	collector_say(collector, "revoked: host %s from %s: %s (%s)", host, from_text, reason, by);
	return true;
}

bool order_do(struct collector *collector, const json_t *order, int64_t now, json_t **ret_answer, struct err *err) {
	const char *what;
	if (!json_get_string(order, "do", WHERE, &what, err))
		return false;
	if (!strcmp(what, "erase"))
		return do_erase(collector, order, now, ret_answer, err);
	if (!strcmp(what, "revoke"))
		return do_revoke(collector, order, now, ret_answer, err);
	if (!strcmp(what, "import"))
		return import_step(collector, order, now, ret_answer, err);
	return err_set(err, ERR_MALFORMED, WHERE, "there is no order \"%s\"", what);
}
