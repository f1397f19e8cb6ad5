/* The time-stamp authorities that the trust file names: those that the collector is configured with, and those that it
 * has responses of. */
#pragma once

#include "collector/config.h"
#include "core/bundle.h"

/* Fills trust->authorities (the file of timestamp_ca, then the roots and intermediates of each signer's chain that are
 * others) and trust->chains (collector/stamps.h). A file that cannot be read is an error: a trust file that lacks an
 * authority in silence would refuse good evidence. The caller authorities_done()s, whatever is returned. */
MUST_CHECK bool authorities_read(const char *folder, const struct config *config, struct trust *trust, struct err *err);
void authorities_done(struct trust *trust);
