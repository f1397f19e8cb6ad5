/* Where apt takes packages from, sources.list(5): lines, and stanzas in the form of deb822. */
#pragma once

#include "core/json.h"

#define APT_SOURCES_MOST 2000 /* lines or stanzas, and URIs of one */

/* Appends to list, for each URI of each enabled source, canonical members:
 * {"file": where, "line", "form": "list"|"deb822", "types": ["deb"...], "uri": as written, without a user and password,
 *  "suites": [], "components": [], "trusted"?: bool, "allow_insecure"?, "allow_weak"?, "allow_downgrade"?: true,
 *  "signed_by"?: [paths and fingerprints], "has_key": a key stands in the stanza itself}
 * Malformed where apt would refuse the file. */
MUST_CHECK bool apt_sources_list(const char *where, const char *text, size_t len, json_t *list, struct err *err);
MUST_CHECK bool apt_sources_deb822(const char *where, const char *text, size_t len, json_t *list, struct err *err);
/* The host that a URI is fetched from, in small letters, without a port; what follows "mirror+" counts. "" for what is
 * on this machine ("file:", "cdrom:", "copy:"). The caller frees. */
char *uri_host(const char *uri);
/* Without the user and password that it may have. The caller frees. */
char *uri_without_user(const char *uri);
