/* dpkg's database and its order of versions (Debian Policy 5.6.12, deb-version(7), dpkg(1)). */
#pragma once

#include "core/source.h"

#define DPKG_STATUS "file:/var/lib/dpkg/status"
#define DPKG_PACKAGES_MOST 100000

/* Below, at or above 0: a is earlier than, equal to or later than b. Epochs, upstream versions and revisions compare
 * as dpkg does it: "~" before everything, the end of the text included; letters before other characters; a missing
 * revision is "0". */
int dpkg_version_compare(const char *a, const char *b);

/* A paragraph of the status file. Texts lie in the source's bytes and are not terminated. */
struct dpkg_text {
	const char *at; /* NULL: the field is not there */
	size_t len;
};

struct dpkg_package {
	struct dpkg_text name, version, architecture, source; /* source without the version in brackets */
	struct dpkg_text want, flag, state;                   /* "hold", "ok", "installed" */
};

/* Calls use(context, package) for each paragraph. A paragraph without Package or Status is malformed, and so is a file
 * without any: a database that is there knows at least one. use returns false, with *err set, to end it. */
MUST_CHECK bool dpkg_status_read(const struct source *status,
				 bool (*use)(void *context, const struct dpkg_package *package, struct err *err),
				 void *context, struct err *err);
bool is_dpkg_text(struct dpkg_text text, const char *other);
/* Unpacked on disk in some state: everything but not-installed and config-files. */
bool is_dpkg_present(const struct dpkg_package *package);
char *dpkg_text_dup(struct dpkg_text text); /* NULL when it is not there; the caller frees */
