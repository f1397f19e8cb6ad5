/* Who an agent's certificate says it is. */
#pragma once

#include <openssl/x509.h>

#include "collector/verify.h"

/* True with an empty host when the certificate is not one that we issued, or admitted (collector/outside.h). The caller
 * peer_done()s. */
MUST_CHECK bool peer_of_certificate(struct store *store, X509 *certificate, struct peer *ret_peer, struct err *err);
