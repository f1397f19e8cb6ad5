/* HTML for the page of an audit package: everything that comes from outside is escaped. */
#pragma once

#include "core/json.h"

/* %s and nothing else; each argument is escaped. */
void html_addf(struct buf *html, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Up to <main>: head, style and no more. The policy in it forbids scripts and everything from elsewhere. */
void html_begin(struct buf *html, const char *title);
/* The keys of an object, sorted by their bytes; borrowed, NULL behind the last, in an array that the caller frees. */
const char **html_sorted(const json_t *object);
