/* The rpm database as the source `rpmdb:` holds it, and rpm's order of versions (rpm-version(7)). */
#pragma once

#include "core/source.h"

#define RPMDB "rpmdb:"

/* Below, at or above 0: a is earlier than, equal to or later than b. One part of a version: runs of digits compare as
 * numbers, runs of letters by their bytes, a run of digits is later than one of letters; "~" sorts before the end of
 * the text, "^" after it and before everything else. */
int rpm_part_compare(const char *a, const char *b);
/* The same of two packages: their epochs, versions and releases. */
int rpm_package_compare(const json_t *a, const json_t *b);
/* "EPOCH:VERSION-RELEASE", or "VERSION-RELEASE" where there is no epoch. The caller frees. */
char *rpm_package_version(const json_t *package);
