/* manifest.json of an audit package (docs/FORMAT.md 5.1): what was asked for, and every file with size and digest.
 * Nobody signs it: it finds accidents, and says what the package claims to be. */
#pragma once

#include "core/package.h"
#include "verify/found.h"

#define MANIFEST_FORMAT "vouch-package/1"

struct manifest {
	json_t *object;
	/* Of the query, borrowed from object: arrays of strings, empty for all. */
	json_t *hosts, *controls;
	int64_t from, to; /* the period [from, to) */
	const char *origin;
	json_t *files;
	int64_t statements; /* rows that it says there are */
	int64_t host_count;
};
/* False: not the manifest of a package that we know, ERR_MALFORMED. */
MUST_CHECK bool manifest_read(const struct package *package, struct manifest *ret_manifest, struct err *err);
void manifest_done(struct manifest *manifest);
/* Every file that it lists is there, of that size and digest; there is no other; the total is theirs. */
void manifest_check(const struct manifest *manifest, const struct package *package, struct found *found);
/* Whether the query asks for a rule with these controls: it names none, or one of them. */
bool manifest_wants(const struct manifest *manifest, char *const *controls, size_t count);
