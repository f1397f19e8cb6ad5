/* /etc/nsswitch.conf: which services answer for a database, in order. */
#pragma once

#include "core/source.h"

#define NSSWITCH_SOURCE "file:/etc/nsswitch.conf"

/* The services of `database` as an array of strings, actions such as [NOTFOUND=return] left out; `otherwise` (words
 * separated by blanks) where the file or its line is absent. The last line of a database counts, as in glibc. New
 * reference. */
MUST_CHECK bool nsswitch_need(const struct sources *fetched, const char *database, const char *otherwise,
			      json_t **ret_services, struct err *err);
/* Whether the array holds this word. */
bool nsswitch_has(const json_t *services, const char *service);
