/* The list of a dnf repository's metadata, repomd.xml: as much of it as says how old it is and what it holds. */
#pragma once

#include "core/err.h"

struct repomd {
	long long made;      /* seconds: the revision where it is an instant, else the newest timestamp; -1: neither */
	bool has_updateinfo; /* it tells which updates mend security */
};

/* The text, NUL-terminated. Malformed where it is no repomd. */
MUST_CHECK bool repomd_read(const char *where, const char *text, struct repomd *ret_repomd, struct err *err);
