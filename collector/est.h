/* Enrolment over Secure Transport, RFC 7030: the CA's certificate, a client certificate for a one-time token, and
 * another one for a host that has one. */
#pragma once

#include "collector/route.h"

#define EST_CERTIFICATES_MOST 64 /* of one key at a time: more are not issued before some have ended */

void est_cacerts(struct visit *visit);
void est_enroll(struct visit *visit);
/* For the peer's own host and key, as long as its line goes on. */
void est_reenroll(struct visit *visit);
