#include "core/dns_fate.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

/* Two ways to write one address are one address. */
static bool is_same_address(const char *a, const char *b) {
	unsigned char one[sizeof(struct in6_addr)], other[sizeof(struct in6_addr)];
	if (inet_pton(AF_INET, a, one) == 1)
		return inet_pton(AF_INET, b, other) == 1 && !memcmp(one, other, sizeof(struct in_addr));
	return inet_pton(AF_INET6, a, one) == 1 && inet_pton(AF_INET6, b, other) == 1 &&
	       !memcmp(one, other, sizeof(struct in6_addr));
}

static bool is_sinkhole(const char *address, const json_t *sinkholes) {
	size_t i;
	const json_t *sinkhole;
	json_array_foreach(sinkholes, i,
			   sinkhole) if (is_same_address(address, json_string_value(sinkhole))) return true;
	return false;
}

static bool is_page(const char *name, const json_t *pages) {
	size_t i, len = strlen(name) - text_ends(name, ".");
	const json_t *page;
	json_array_foreach(pages, i, page) {
		const char *known = json_string_value(page);
		if (strlen(known) - text_ends(known, ".") == len && !strncasecmp(known, name, len))
			return true;
	}
	return false;
}

static void say(struct dns_seen *seen, enum dns_fate fate, const char *what, const char *value) {
	seen->fate = fate;
	snprintf(seen->how, sizeof seen->how, "%s%s", what, value);
	text_replace_controls(seen->how);
}

/* One record; the greater fate counts: one real address among sinkholes leads somewhere. */
static void see_record(const char *type, const char *data, const struct dns_signs *signs, struct dns_seen *seen) {
	bool is_address = !strcmp(type, "A") || !strcmp(type, "AAAA");
	if (seen->fate == DNS_ANSWERED)
		return;
	if (is_address && is_sinkhole(data, signs->sinkholes))
		say(seen, DNS_BLOCKED, "sinkhole ", data);
	else if (!strcmp(type, "CNAME") && is_page(data, signs->pages))
		say(seen, DNS_BLOCKED, "alias of ", data);
	else if (is_address || !strcmp(type, "HTTPS") || !strcmp(type, "SVCB"))
		say(seen, DNS_ANSWERED, is_address ? "an address" : type, "");
}

/* The addresses behind an alias to a block page are the page's own. */
static bool has_page(const json_t *answers, const struct dns_signs *signs, const char **ret_name) {
	size_t i;
	const json_t *record;
	json_array_foreach(answers, i, record) {
		const char *data = json_string_value(json_object_get(record, "data"));
		if (strcmp(json_string_value(json_object_get(record, "type")), "CNAME") != 0 ||
		    !is_page(data, signs->pages))
			continue;
		*ret_name = data;
		return true;
	}
	return false;
}

static bool see_records(const json_t *answers, const struct dns_signs *signs, const char *where, struct dns_seen *seen,
			struct err *err) {
	size_t i;
	const json_t *record;
	const char *type, *data, *page;
	json_array_foreach(answers, i, record) if (!json_get_string(record, "type", where, &type, err) ||
						   !json_get_string(record, "data", where, &data, err)) return false;
	say(seen, DNS_NOTHING, "no data", "");
	if (has_page(answers, signs, &page)) {
		say(seen, DNS_BLOCKED, "alias of ", page);
		return true;
	}
	json_array_foreach(answers, i, record)
		see_record(json_string_value(json_object_get(record, "type")),
			   json_string_value(json_object_get(record, "data")), signs, seen);
	return true;
}

bool dns_fate_read(const json_t *answer, const struct dns_signs *signs, const char *where, struct dns_seen *ret_seen,
		   struct err *err) {
	const char *rcode;
	json_t *answers;
	const json_t *ede = json_object_get(answer, "ede");
	json_int_t error = json_is_integer(ede) ? json_integer_value(ede) : -1;
	struct dns_seen seen = {.has_recursion = json_is_true(json_object_get(answer, "ra"))};
	if (!json_get_string(answer, "rcode", where, &rcode, err) ||
	    !json_get_array(answer, "answers", where, &answers, err))
		return false;
	seen.is_no_name = !strcmp(rcode, "NXDOMAIN");
	if (error >= 15 && error <= 17)
		say(&seen, DNS_BLOCKED, "extended error ", (const char *[]){"15", "16", "17"}[error - 15]);
	else if (!strcmp(rcode, "REFUSED"))
		say(&seen, DNS_BLOCKED, rcode, "");
	else if (seen.is_no_name)
		say(&seen, DNS_NOTHING, rcode, "");
	else if (strcmp(rcode, "NOERROR") != 0)
		say(&seen, DNS_UNCLEAR, rcode, "");
	else if (!see_records(answers, signs, where, &seen, err))
		return false;
	*ret_seen = seen;
	return true;
}
