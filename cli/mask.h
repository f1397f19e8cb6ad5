/* Text without what is secret in it: each secret gives way to the word "masked". */
#pragma once

#include "core/buf.h"

/* What kind of text it is: which secrets are looked for. */
enum mask_style {
	MASK_ANYWHERE = 1,  /* secrets that are told by their own form */
	MASK_WORDS = 2,     /* "name=value", where a value ends at a blank or comma */
	MASK_LINES = 4,     /* "name = value" and "name value", where a value ends with its line */
	MASK_ARGUMENTS = 8, /* of a command, one a line */
	MASK_KEYS = 16,     /* public keys with comments */
};

struct masker;
/* Never NULL. */
struct masker *masker_new(void);
void masker_free(struct masker *masker);
DEFINE_CLEANUP(struct masker, masker_free)
/* Masks in place; styles: of enum mask_style, or-ed. Adds to *masked how many places it masked. False where a search
 * came to its limits: then the text may hold secrets still. */
MUST_CHECK bool mask(const struct masker *masker, unsigned styles, struct buf *text, size_t *masked);
/* Whether a setting or member of this name holds a secret. */
bool mask_is_secret_name(const char *name);
