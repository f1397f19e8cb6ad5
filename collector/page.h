/* The one way to write HTML: elements are opened and closed, text and attribute values are escaped, so nothing from
 * outside can become markup. Names of elements and attributes are literals of ours. */
#pragma once

#include "core/buf.h"

#define PAGE_DEEPEST 32

struct page {
	struct buf html;
	const char *open[PAGE_DEEPEST];
	unsigned depth;
};

/* Attributes come in pairs, name and value, ended by NULL; a pair whose value is NULL is left out. */
void page_open(struct page *page, const char *element, ...) __attribute__((sentinel));
void page_close(struct page *page); /* the element opened last */
void page_text(struct page *page, const char *text);
void page_textf(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Element with text alone. */
void page_element(struct page *page, const char *element, const char *text, ...) __attribute__((sentinel));
/* One that has no end: input, meta, link. */
void page_void(struct page *page, const char *element, ...) __attribute__((sentinel));

/* The whole document around the content: reader NULL: nobody is logged in. `crumb` is a link back to the overview. */
void page_begin(struct page *page, const char *title, const char *reader, bool has_crumb);
/* Closes everything; generated: the instant that the page was made. The caller frees. */
char *page_end(struct page *page, int64_t generated);
void page_done(struct page *page);

/* "2026-11-21 19:00:00 UTC" in a <time>. 0: a dash. */
void page_time(struct page *page, int64_t instant);
/* A table's head: a cell for each column. All but the first are of the class; NULL: of none. */
void page_heads(struct page *page, const char *const heads[], size_t count, const char *class);
/* A state or verdict: its shape and its word, in a class of its name. */
void page_state(struct page *page, const char *word);
