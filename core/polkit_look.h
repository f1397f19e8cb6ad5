/* polkit's rules of this host, in the order in which polkit has them. */
#pragma once

#include "core/check.h"

/* What it asks for, as patterns of a check. */
#define POLKIT_SOURCES                                                                                                 \
	"dir:/etc/polkit-1/rules.d", "file:/etc/polkit-1/rules.d/*.rules", "dir:/run/polkit-1/rules.d",                \
		"file:/run/polkit-1/rules.d/*.rules", "dir:/usr/local/share/polkit-1/rules.d",                         \
		"file:/usr/local/share/polkit-1/rules.d/*.rules", "dir:/usr/share/polkit-1/rules.d",                   \
		"file:/usr/share/polkit-1/rules.d/*.rules", "dir:/etc/polkit-1/localauthority.conf.d",                 \
		"file:/etc/polkit-1/localauthority.conf.d/*.conf", "dir:/etc/polkit-1/localauthority/10-vendor.d",     \
		"dir:/etc/polkit-1/localauthority/20-org.d", "dir:/etc/polkit-1/localauthority/30-site.d",             \
		"dir:/etc/polkit-1/localauthority/50-local.d", "dir:/etc/polkit-1/localauthority/90-mandatory.d"

void polkit_look_ask(const struct sources *fetched, struct names *names);
/* *ret_admins: [{"identity":"unix-group:sudo","file":path}...] of the rules and of the older configuration, whichever
 * of the two runs here. *ret_files: [path...] of those whose meaning cannot be told: programs that the host's
 * administrator put there, or that speak of administrators in more than a plain list; those below /usr/share that do
 * not are taken as their packages'. New references. */
MUST_CHECK bool polkit_look(const struct sources *fetched, json_t **ret_admins, json_t **ret_files, struct err *err);
