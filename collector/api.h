/* The readers' JSON (docs/PROTOCOL.md, "Readers"). */
#pragma once

#include "collector/route.h"

void api_hosts(struct visit *visit);
void api_controls(struct visit *visit);
void api_results(struct visit *visit);
void api_statements(struct visit *visit);
/* One statement: DIGEST, DIGEST/body, DIGEST/bundle. */
void api_statement(struct visit *visit);
void api_trust(struct visit *visit);
/* Statements with their bodies, oldest first. */
void api_evidence(struct visit *visit);
void api_attestations(struct visit *visit);
/* Checkpoints that others signed. */
void api_anchors(struct visit *visit);
void api_findings(struct visit *visit);
/* The envelope of a statement that was refused: DIGEST. */
void api_refused(struct visit *visit);
