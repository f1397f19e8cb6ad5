/* Opening a fixture root, and reading what lies in its .vouch. Apart from sources/fixture.h, so that a program that
 * looks at the live host alone holds none of it. */
#pragma once

#include "sources/fixture.h"

/* Never NULL. */
struct fixture *fixture_open(const char *folder);
void fixture_free(struct fixture *fixture);
DEFINE_CLEANUP(struct fixture, fixture_free)
/* Whether a source lies in .vouch: any that is not of a kind read below the root, and in a captured folder all but
 * files. */
bool fixture_keeps(const struct fixture *fixture, const char *name, bool is_below_root);
/* Whether a source of this name lies there. */
bool fixture_has(const struct fixture *fixture, const char *name);
/* Where: "/.vouch/<percent-encoded name>", or below .vouch the SHA-256 of a name that is longer than a file's can be.
 * The caller frees. */
char *fixture_path(const char *name);
/* A source that lies there, made canonical. */
MUST_CHECK bool fixture_look(const struct ask *ask, struct answer *ret_answer, struct err *err);
