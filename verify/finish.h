/* What is left when all statements have gone by. */
#pragma once

#include "verify/audit.h"

/* Entries and nodes give the root of log/checkpoint, of every anchor, and of the checkpoints that hosts had verified,
 * as far as the nodes reach. */
void finish_log(struct audit *audit);
/* Timelines to their end, gaps of chains, what was disclosed and belongs to nothing. */
void finish_hosts(struct audit *audit);
/* What could not be established, beyond what the steps told. */
void finish_open(struct audit *audit);
/* doubts.c: of times, witnesses and controls. */
void finish_doubts(struct audit *audit);
