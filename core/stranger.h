/* What becomes of a stranger's packet at a chain of nftables: the first packet of a new connection, from any address
 * and over any interface but loopback, to a port that no rule names.
 *
 * A rule that names a port, a source or a protocol such as ICMP is not for the stranger; one that accepts a kind of
 * packet that strangers can send at will (all of TCP, any source port 53, everything to this host's address) is,
 * however narrow it looks. Where it cannot be told, dropping is never believed and accepting always is. */
#pragma once

#include "core/nft.h"

#define STRANGER_DEEPEST 16     /* jumps in a row, as in the kernel */
#define STRANGER_LONGEST 200000 /* rules walked for one packet */

enum fate { FATE_NONE /* the chain ends or returns */, FATE_ACCEPT, FATE_DROP };

struct stranger {
	const struct nft *nft;
	const char *family; /* of the packet: "ip", "ip6" */
	const char *hook;
	json_t *interfaces; /* owned by the caller: strings; over these everything is accepted */
	bool is_opaque;     /* rules decide whose matches nft does not show (made by iptables), or too many */
	size_t walked;
};

/* The fate at a base chain, its policy included. */
enum fate stranger_fate(struct stranger *stranger, const json_t *chain);
