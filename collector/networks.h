/* The networks that an enrolment token may be used from. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#define NETWORKS_MOST 32 /* of a token */

/* Adds a network as core/addresses.h reads it to those in *networks, which are separated by blanks. ERR_USAGE: it is
 * none, it has bits behind its prefix (which network was meant?), or it is one too many. */
MUST_CHECK bool networks_add(struct buf *networks, const char *network, struct err *err);
/* Whether the address is in one of them. What is no network has no address. */
bool networks_have(const char *networks, const char *address);
