/* Asking the kernel over netlink(7): one request, and every message of its answer. For looks: it waits. */
#pragma once

#include "sources/kind.h"

struct netlink_request {
	int protocol; /* NETLINK_SOCK_DIAG, NETLINK_AUDIT */
	uint16_t type;
	bool is_list; /* the answer is many messages and ends with one that says so; else it is one */
	const void *data;
	size_t len;
};

/* Call use() for each message of the answer. False and *ret_error: the errno that the kernel or a call gave, 0 where
 * use() failed, time was up or the answer was none; then *err says so. */
MUST_CHECK bool netlink_ask(const struct ask *ask, const struct netlink_request *request,
			    bool (*use)(void *context, const void *data, size_t len, struct err *err), void *context,
			    int *ret_error, struct err *err);
