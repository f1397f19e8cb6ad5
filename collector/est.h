/* Enrolment over Secure Transport, RFC 7030: the CA's certificate, and a client certificate for a one-time token. */
#pragma once

#include "collector/route.h"

void est_cacerts(struct visit *visit);
void est_enroll(struct visit *visit);
