/* suites: which cipher suites, and which groups of TLS 1.3, a server takes. It is offered all, and again all but what
 * it chose, until it refuses by an alert: so what it takes is found whatever order it prefers, one connection for each
 * and one more for each version. */
#include <string.h>

#include "sources/suite_names.h"
#include "sources/tls_target.h"

#define NUMBERS_MOST 160

struct remaining {
	uint16_t numbers[NUMBERS_MOST];
	size_t count;
};

struct looking {
	const struct ask *ask;
	struct tls_target target;
	unsigned connections;
	bool is_complete; /* each list ended in a refusal */
};

static bool is_of(uint16_t version, uint16_t suite) { return (version >= 0x0304) == (suite >> 8 == 0x13); }

static const char *take(struct remaining *remaining, uint16_t number, const struct suite_name *names) {
	for (size_t i = 0; i < remaining->count; i++) {
		if (remaining->numbers[i] != number)
			continue;
		remaining->numbers[i] = remaining->numbers[--remaining->count];
		while (names->name && names->number != number)
			names++;
		return names->name;
	}
	return NULL;
}

/* One hello. *ret_answer HELLO_SERVER: of this version; else the list is at its end, and complete only by a refusal. */
static bool ask_once(struct looking *at, uint16_t version, const struct hello_offer *offer,
		     struct hello_answer *ret_answer, struct err *err) {
	CLEANUP(buf_done) struct buf hello = {0};
	uint8_t random[HELLO_RANDOM];
	bool is_silent;
	struct err late;
	ret_answer->said = HELLO_NOT_TLS;
	if (at->connections == SUITES_CONNECTIONS_MOST || !ask_in_time(at->ask, &late)) {
		at->is_complete = false;
		return true;
	}
	at->connections++;
	probe_random(random, sizeof random);
	hello_write_offer(version, at->target.server_name, random, offer, &hello);
	if (!tls_ask(at->ask, &at->target, &hello, ret_answer, &is_silent, err))
		return at->connections > 1 && err->code == ERR_ABSENT
			       ? err_set(err, ERR_UNPROVED, at->ask->name, "it answered before, and refuses now")
			       : false;
	bool is_older = ret_answer->said == HELLO_SERVER && ret_answer->number < version;
	if (is_older)
		ret_answer->said = HELLO_ALERT; /* a refusal too */
	at->is_complete &= ret_answer->said == HELLO_SERVER || ret_answer->said == HELLO_ALERT;
	return true;
}

static bool list_suites(struct looking *at, uint16_t version, json_t *list, struct err *err) {
	struct remaining remaining = {0};
	for (size_t i = 0; suite_names[i].name && remaining.count < NUMBERS_MOST; i++)
		if (is_of(version, suite_names[i].number))
			remaining.numbers[remaining.count++] = suite_names[i].number;
	while (remaining.count > 0) {
		const struct hello_offer offer = {.suites = remaining.numbers, .suite_count = remaining.count};
		struct hello_answer answer;
		if (!ask_once(at, version, &offer, &answer, err))
			return false;
		const char *name = answer.said == HELLO_SERVER ? take(&remaining, answer.suite, suite_names) : NULL;
		if (!name) {
			at->is_complete &= answer.said != HELLO_SERVER; /* it chose what it was not offered */
			return true;
		}
		json_array_append_new(list,
				      json_pack("{s:s,s:s}", "version", hello_version_name(version), "suite", name));
	}
	return true;
}

static bool list_groups(struct looking *at, json_t *list, struct err *err) {
	struct remaining remaining = {0};
	for (size_t i = 0; group_names[i].name && remaining.count < NUMBERS_MOST; i++)
		remaining.numbers[remaining.count++] = group_names[i].number;
	while (remaining.count > 0) {
		const struct hello_offer offer = {.groups = remaining.numbers, .group_count = remaining.count};
		struct hello_answer answer;
		if (!ask_once(at, 0x0304, &offer, &answer, err))
			return false;
		const char *name = answer.said == HELLO_SERVER ? take(&remaining, answer.group, group_names) : NULL;
		if (!name) {
			at->is_complete &= answer.said != HELLO_SERVER;
			return true;
		}
		json_array_append_new(list, json_string(name));
	}
	return true;
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = json_pack("{s:[],s:[]}", "suites", "groups");
	struct looking at = {.ask = ask, .is_complete = true};
	json_t *suites = json_object_get(value, "suites");
	if (!tls_target_read(ask, &at.target, err))
		return false;
	for (size_t i = HELLO_VERSIONS; i-- > 0;)
		if (!list_suites(&at, hello_versions[i], suites, err))
			return false;
	if (json_array_size(suites) == 0)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "no suite was taken: nothing shows what this server speaks");
	if (!list_groups(&at, json_object_get(value, "groups"), err))
		return false;
	json_object_set_new(value, "complete", json_boolean(at.is_complete));
	return answer_json(ask, value, ret_answer, err);
}

const struct kind probe_suites = {
	.prefix = "suites:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};
