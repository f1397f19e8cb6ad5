/* The first flight of TLS, by hand: what a server answers to a hello of one version alone, also of versions that the
 * local library does not speak. SSL 3.0: RFC 6101; TLS 1.0 to 1.3: RFC 2246, 4346, 5246, 8446. */
#pragma once

#include <stdint.h>

#include "core/buf.h"

#define HELLO_VERSIONS 5
extern const uint16_t hello_versions[HELLO_VERSIONS]; /* 0x0300 to 0x0304 */
const char *hello_version_name(uint16_t version);     /* "SSLv3", "TLSv1.0", ... */

#define HELLO_NAME_LONGEST 253
#define HELLO_LARGEST 20000 /* bytes of a server's answer that are looked at */
#define HELLO_RANDOM 96

/* A ClientHello that offers this version and no other, in its record; appended. server_name: SNI, NULL for none (and
 * never for SSL 3.0, which has no extensions). */
void hello_write(uint16_t version, const char *server_name, const uint8_t random[HELLO_RANDOM], struct buf *bytes);

/* What else a ClientHello may offer in place of everything. */
struct hello_offer {
	const uint16_t *suites; /* NULL: all */
	size_t suite_count;
	const uint16_t
		*groups; /* NULL: all, with a key for the first; else none has a key: the server names one of TLS 1.3 */
	size_t group_count;
};
void hello_write_offer(uint16_t version, const char *server_name, const uint8_t random[HELLO_RANDOM],
		       const struct hello_offer *offer, struct buf *bytes);

enum hello_said {
	HELLO_MORE,    /* whole so far, but cut */
	HELLO_SERVER,  /* a ServerHello; number: the version that it chose */
	HELLO_ALERT,   /* a fatal alert, or the notice of closing; number: its description (RFC 8446 6) */
	HELLO_NOT_TLS, /* anything else */
};
struct hello_answer {
	enum hello_said said;
	uint16_t number; /* as above */
	uint16_t suite;  /* of a ServerHello */
	uint16_t group;  /* of one of TLS 1.3, of its request to try again too; 0: not said */
};
struct hello_answer hello_answer(const void *data, size_t len);
/* Reads a server's answer from its first byte. Warnings before it are passed over. */
enum hello_said hello_read(const void *data, size_t len, uint16_t *ret_number);
