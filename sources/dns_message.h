/* DNS messages (RFC 1035, 6891) from the asking side: one question, and what an answer to it says. */
#pragma once

#include <stdint.h>

#include "core/json.h"

#define DNS_LARGEST 65535
#define DNS_ANSWERS_MOST 1000
#define DNS_UDP 1232 /* bytes that an answer over UDP may have; a longer one comes over TCP */

/* "A", "TXT", ..., "TYPE65280". */
bool dns_type_read(const char *text, uint16_t *ret_type);
/* A question that wants recursion and the AD bit, with an OPT record; appended. False: name is no domain name. */
bool dns_write(uint16_t id, const char *name, uint16_t type, struct buf *query);

/* Whether these bytes are an answer to that query at all: its number and its question. Others' are passed over. */
bool dns_is_answer(const struct buf *query, const void *data, size_t len);
/* Whether only a part of the answer is there. */
bool dns_is_cut(const void *data, size_t len);
/* {"rcode":"NOERROR","ra":bool,"ad":bool,"ede":n|null,"answers":[{"name","type","data"}...]} of an answer, without
 * times to live, sorted. data is as zone files have it; \# LENGTH HEX (RFC 3597) for types that are not known here.
 * ERR_MALFORMED for whatever is no whole message. New reference. */
MUST_CHECK bool dns_read(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err);
