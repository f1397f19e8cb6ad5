/* Readers: who may look. A token as Bearer or with HTTP Basic, or a cookie from a login (docs/PROTOCOL.md, "Readers").
 */
#pragma once

#include "collector/route.h"

#define READER_NAME_LONGEST 64

/* Whether the request carries a reader's credential, and whose. Tokens are compared by their hashes, in constant time.
 */
MUST_CHECK bool reader_of(struct collector *collector, struct evhttp_request *request, int64_t now,
			  char ret_name[READER_NAME_LONGEST + 1], bool *ret_is_known, struct err *err);
/* POST /login: form fields name and token; sets the cookie and leads to the overview. */
void reader_login(struct visit *visit);
void reader_logout(struct visit *visit);
