/* OpenSSL's configuration as config(5) reads it: sections, continued lines, comments, and .include of files and
 * folders, which goes on in the section where it stands. Variables ($name) are not filled in: what has one is left as
 * it is. */
#pragma once

#include "core/check.h"

#define OPENSSL_CONF_DEEPEST 5 /* includes in includes */

/* {section: {name: value}}, names before the first section under "default", the last of equal names in force; an empty
 * object when no file is there. With names the sources that are still missing are added, and what is returned is of no
 * use. New reference. */
MUST_CHECK bool openssl_conf_need(const struct sources *fetched, struct names *names, json_t **ret_sections,
				  struct err *err);
/* The value of a name in a section, or NULL. */
const char *openssl_conf_value(const json_t *sections, const char *section, const char *name);

/* The patterns of what openssl_conf_need() adds where .include stays where it usually does. */
void openssl_conf_paths(struct names *patterns);
/* What .include may lead to; anything else comes back denied. */
#define OPENSSL_CONF_PATTERNS                                                                                          \
	"file:/etc/ssl/*", "dir:/etc/ssl/*", "file:/etc/pki/*", "dir:/etc/pki/*", "file:/etc/crypto-policies/*",       \
		"dir:/etc/crypto-policies/*", "file:/usr/*", "stat:/etc/*", "stat:/usr/*"
