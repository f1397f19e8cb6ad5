/* PKCS#11 URIs (RFC 7512), as far as they name a host's key. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#define PKCS11_URI_LONGEST 2048
#define PKCS11_ID_LONGEST 64

/* Texts are NULL where the URI does not have them. */
struct pkcs11_uri {
	char *token, *manufacturer, *model, *serial; /* which token; the label is always there */
	char *object;                                /* the key's label */
	struct buf id;                               /* the key's id; empty: none */
	char *module;                                /* module-path, absolute; always there */
	char *pin;                                   /* pin-source, absolute, without "file:" */
};

/* "pkcs11:token=...;object=...;id=%01?module-path=/usr/lib/....so&pin-source=file:/...". ERR_USAGE: not of that form,
 * an attribute that is not one of struct pkcs11_uri, one that comes twice, no token or module-path, a pin-value
 * (everybody who reads the URI would have it). The caller pkcs11_uri_done()s. */
MUST_CHECK bool pkcs11_uri_read(const char *text, struct pkcs11_uri *ret_uri, struct err *err);
void pkcs11_uri_done(struct pkcs11_uri *uri);
/* The same URI with an id, for one that has none. The caller frees. */
char *pkcs11_uri_with_id(const char *text, const void *id, size_t len);
