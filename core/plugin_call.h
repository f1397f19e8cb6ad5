/* The name of a plugin's run as a source: "plugin:check_disk?-w&10%25&-p&/". Behind the plugin's own name come its
 * arguments, each percent-encoded, "?" before the first and "&" before each other; "plugin:x?" has one, which is empty.
 */
#pragma once

#include "core/json.h"

#define PLUGIN_PREFIX "plugin:"
#define PLUGIN_NAME_LONGEST 28 /* bytes; "vp-" and it are the name of a user, which has at most 31 */
#define PLUGIN_ARGUMENTS_MOST 32
#define PLUGIN_ARGUMENTS_LARGEST 4096 /* bytes of all of them */

struct plugin_call {
	char name[PLUGIN_NAME_LONGEST + 1];
	char *arguments[PLUGIN_ARGUMENTS_MOST + 1]; /* owned; NULL ends */
};
void plugin_call_done(struct plugin_call *call);

/* Small and capital letters, digits, '_' and '-'; the first a letter or a digit. */
bool plugin_is_name(const char *text);
/* The name of the source; arguments: an array of strings or NULL. The caller frees. Whether all of it is within the
 * caps, plugin_call_read() says. */
char *plugin_source(const char *plugin, const json_t *arguments);
/* name: a whole source name. ERR_MALFORMED for what is none, ERR_TOO_BIG never: over a cap is malformed too. */
MUST_CHECK bool plugin_call_read(const char *name, struct plugin_call *ret_call, struct err *err);
