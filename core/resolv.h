/* resolv.conf as glibc reads it: a keyword counts at the start of a line alone. */
#pragma once

#include "core/source.h"

/* The addresses of `nameserver` lines, in order, in their usual form, as an array of strings; what is no address is
 * left out, as glibc leaves it out. Every line counts here, though glibc asks the first three only: other resolvers
 * read the file too. New reference. */
MUST_CHECK bool resolv_servers(const struct source *source, json_t **ret_servers, struct err *err);
/* Whether an address is this host's own: 127.0.0.0/8, ::1, or unspecified, which means the same. */
bool resolv_is_loopback(const char *address);
