/* What a DNS server's answer about a name says of filtering: whether the name was let through, and by which sign it
 * was blocked. A sign is one that nothing but a filter gives; that a name does not exist is none by itself. */
#pragma once

#include "core/json.h"

enum dns_fate {
	DNS_NOTHING, /* no such name, or nothing of that type: leads nowhere, proves nothing */
	DNS_BLOCKED, /* extended error 15, 16, 17 (RFC 8914), REFUSED, a sinkhole's address, an alias to a block page */
	DNS_ANSWERED, /* an address that is no sinkhole's, or service parameters: it leads somewhere */
	DNS_UNCLEAR,  /* SERVFAIL and the like */
};

/* What the organisation says that its filter answers with; arrays of strings, or NULL. */
struct dns_signs {
	const json_t *sinkholes; /* addresses */
	const json_t *pages;     /* names of block pages, with or without the last point */
};

struct dns_seen {
	enum dns_fate fate;
	bool has_recursion; /* RA */
	bool is_no_name;    /* NXDOMAIN */
	char how[96];       /* in words: "extended error 15", "sinkhole 0.0.0.0", "NXDOMAIN", "an address" */
};

/* An answer as dns: has it (core/source.h). */
MUST_CHECK bool dns_fate_read(const json_t *answer, const struct dns_signs *signs, const char *where,
			      struct dns_seen *ret_seen, struct err *err);
