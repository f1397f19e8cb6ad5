/* Configuration of dnf and yum (dnf.conf(5), yum.conf(5)): sections of "key = value", lines that begin with a blank go
 * on with the value before. And what keeps it from updating a package. */
#pragma once

#include "core/check.h"

#define DNF_CONF "file:/etc/dnf/dnf.conf"

struct dnf_setting {
	const char *section, *key,
		*value; /* "" before the first section; the value without its continuation's newline */
	unsigned line;  /* where it begins */
};

/* Calls use(context, setting) for each; a section without settings has one with the key "". use returns false, with
 * *err set, to end it. A line that is none of these is malformed. */
MUST_CHECK bool dnf_conf_read(const struct source *conf,
			      bool (*use)(void *context, const struct dnf_setting *setting, struct err *err),
			      void *context, struct err *err);
/* 1, yes, true, on, enabled in any case: true; 0, no, false, off, disabled: false. False where it is neither. */
bool dnf_bool(const char *value, bool *ret_value);

/* What holds packages back: the lists of the versionlock plugin (of dnf 4 and 5), and exclude and excludepkgs in the
 * main section. Adds patterns as dnf has them; a version that is only shut out ("!") holds nothing. */
void dnf_locks_ask(struct names *names);
MUST_CHECK bool dnf_locks_read(const struct sources *fetched, struct names *patterns, struct err *err);
/* Whether one of the patterns fits this package of `rpmdb:`, in one of the ways in which dnf writes one:
 * name, name.arch, name-[epoch:]version-release[.arch]. */
bool is_dnf_locked(const struct names *patterns, const json_t *package);
