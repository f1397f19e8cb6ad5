/* What listens on TCP here, where each of it can be asked, and what it speaks: sockets:listen, then greeting: of each.
 * A listener on every address is asked on loopback, at 127.0.0.2 and so on where another listens at 127.0.0.1 alone;
 * one on an address is asked there. */
#pragma once

#include "core/check.h"

#define LISTENERS_MOST 256

/* What a check that uses this declares among its parameters and patterns. */
#define LISTENERS_PARAMS                                                                                               \
	{.name = "targets",                                                                                            \
	 .type = VALUE_STRINGS,                                                                                        \
	 .about = "Under which names listeners are used, ADDRESS:PORT/NAME with the address at which they are asked, " \
		  "and servers beside those of this host, HOST:PORT or HOST:PORT/NAME."},                              \
	{                                                                                                              \
		.name = "declared", .type = VALUE_STRINGS,                                                             \
		.about = "What ports of this host speak that is not to be asked, PORT=WORD, such as 9100=printer."     \
	}
#define LISTENERS_PATTERNS "sockets:listen", "greeting:*"

void listeners_ask(const json_t *with, const struct sources *fetched, struct names *names);
/* [{"target":"127.0.0.1:443","sni"?,"loopback":bool,"unit"?,"declared"?:bool,"heard"?:bool,"service"?,"starttls"?:bool,
 *   "cleartext"?:bool,"problem"?}...], by port and address, servers of "targets" last, one for each name. service: as
 * in greeting:, the word of "declared", or not there: then problem says why it is not known. heard: it was
 * asked, so that one without service is at least none that names itself unasked, such as SSH. A probe that nobody
 * approved fails the whole, and so does a list of sockets that cannot be read. New reference. */
MUST_CHECK bool listeners_read(const json_t *with, const struct sources *fetched, json_t **ret_list, struct err *err);
/* The source that asks it for TLS, from its first byte or after STARTTLS; NULL where it has none. The caller frees. */
char *listener_tls(const json_t *listener);
/* listeners_ask(), and then those sources. */
void listeners_ask_tls(const json_t *with, const struct sources *fetched, struct names *names);
/* Why a look at one listener failed, as its problem. False: not about this listener alone; *err is kept. */
bool listener_problem(const struct err *err, json_t *listener);
