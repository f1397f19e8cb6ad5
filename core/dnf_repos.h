/* The repositories of dnf and yum, as their files configure them. */
#pragma once

#include "core/dnf.h"

/* What the main section says for all. {0}: what dnf itself takes where nothing is said. */
struct dnf_main {
	bool gpgcheck, repo_gpgcheck, localpkg_gpgcheck;
	bool is_elsewhere; /* reposdir is set */
};
MUST_CHECK bool dnf_main_read(const struct source *conf, struct dnf_main *ret_main, struct err *err);
/* Appends each enabled repository of a file:
 * {"file": the source's name, "line", "id", "uris": [baseurl, metalink, mirrorlist], "keys": [gpgkey], "gpgcheck":
 * bool, "repo_gpgcheck": bool} */
MUST_CHECK bool dnf_repos_read(const struct source *file, const struct dnf_main *main, json_t *list, struct err *err);
