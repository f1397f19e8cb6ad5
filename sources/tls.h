/* The probe tls:HOST:PORT[?sni=NAME], core/source.h. */
#pragma once

#include "sources/probe.h"

/* cas: a file of CA certificates (PEM) to verify against; NULL: the system's. The environment names none. */
MUST_CHECK bool tls_look(const struct ask *ask, const char *cas, struct answer *ret_answer, struct err *err);
