/* The addresses of this host: what the kernel takes packets for itself at, in this network namespace. */
#pragma once

#include <netinet/in.h>

#include "core/check.h"

#define ADDRESSES_IPV4_SOURCE "file:/proc/net/fib_trie"
#define ADDRESSES_IPV6_SOURCE "file:/proc/net/if_inet6"

/* ["10.0.0.5","2001:db8::5"...], each once, without loopback and link-local ones. A kernel without one of the two
 * families has no file for it; without both nothing is proved. New reference. */
MUST_CHECK bool addresses_need(const struct sources *fetched, json_t **ret_addresses, struct err *err);

/* A network as "10.0.0.0/8", "2001:db8::/32", or one address. */
struct network {
	int family; /* AF_INET, AF_INET6 */
	unsigned char bytes[16];
	unsigned prefix; /* bits */
};
/* False: not such a text. */
bool network_parse(const char *text, struct network *ret_network);
bool network_has(const struct network *network, const char *address);
