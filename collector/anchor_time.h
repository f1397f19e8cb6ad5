/* The part of anchors that has them time-stamped (RFC 3161; docs/FORMAT.md 3.1): the newest anchor, when the last one
 * is long enough ago; full rounds that the collector wants stamped (collector/stamps.h); and all over again, a few in
 * each pass, anchors whose authority's certificate is about to end.
 *
 * A response is verified before it is kept, and kept with the chain of its signer: the .pem first, then the .tsr, so
 * that a .tsr is never alone. An authority that is away is asked again after a minute, two, and so on up to an hour;
 * what is wanted stays wanted. */
#pragma once

#include "collector/anchor.h"

void anchor_time(struct anchor *anchor, const struct anchor_point *point);

struct anchor_time;
void anchor_time_free(struct anchor_time *time);
