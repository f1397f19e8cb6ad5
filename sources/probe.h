/* What active probes share: their names' peers, and sending and receiving before a deadline. A probe reaches out to
 * another machine; which may be made at all is in core/approvals.h. Whatever a peer sends is capped and believed
 * only as far as it parses. Nothing of this host is read but what name resolution and trust in CAs read.
 *
 * A peer that refuses the connection is ERR_ABSENT; one that answers nothing ERR_TIMEOUT; one that answers something
 * else than the protocol ERR_MALFORMED; a name without an address, and a network without a way there, ERR_UNPROVED;
 * what this host does not let out ERR_DENIED. The words of silence and of the last begin as core/source.h says. */
#pragma once

#include "sources/kind.h"

#define PROBE_DEADLINE_MS 20000
#define PROBE_DIAL_MS 4000 /* for each address of a peer */

/* The probes themselves, which need libraries that no other process should hold: not in the table of fetch.c but in
 * those of vouch-prober and of the programs that are linked with this table (CMakeLists.txt). */
extern const struct kind probe_tls, probe_dns, probe_http, probe_ssh, probe_ntp, probe_greeting, probe_suites;
extern const struct kind *const probes_all[]; /* NULL ends */

struct probe_peer {
	char host[254]; /* an address of IPv6 stands without brackets */
	char port[6];
};
/* len bytes of text: HOST or HOST:PORT or [ADDRESS]:PORT; otherwise: the port where there is none, NULL: it must be
 * there. */
MUST_CHECK bool probe_peer_read(const struct ask *ask, const char *text, size_t len, const char *otherwise,
				struct probe_peer *ret_peer, struct err *err);
/* Whether the host is an address and no name. */
bool probe_is_address(const char *host);

/* The earlier of the ask's deadline and so many milliseconds from now. */
uint64_t probe_until(const struct ask *ask, unsigned ms);
/* A connected socket that does not block, of SOCK_STREAM or SOCK_DGRAM; the caller closes it. */
MUST_CHECK bool probe_dial(const struct ask *ask, const struct probe_peer *peer, int type, int *ret_socket,
			   struct err *err);
/* Waits until the socket is ready for these events of poll(2). */
MUST_CHECK bool probe_wait(const struct ask *ask, int socket, short events, uint64_t until_us, struct err *err);
MUST_CHECK bool probe_send(const struct ask *ask, int socket, const void *data, size_t len, uint64_t until_us,
			   struct err *err);
/* Some bytes, at most size; *ret_len 0: the peer has closed (of a datagram: an empty one). */
MUST_CHECK bool probe_receive(const struct ask *ask, int socket, void *data, size_t size, uint64_t until_us,
			      size_t *ret_len, struct err *err);
/* Bytes that nobody can guess. */
void probe_random(void *data, size_t len);
