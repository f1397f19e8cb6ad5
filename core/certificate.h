/* X.509 certificates (RFC 5280) as peers present them, as JSON. Nothing here trusts them. */
#pragma once

#include <openssl/x509.h>

#include "core/json.h"

#define CERTIFICATES_MOST 16       /* of one peer; the rest is left out */
#define CERTIFICATE_NAMES_MOST 256 /* alternative names of one */

/* {"subject","issuer","notBefore","notAfter","serial","sha256","key_type","key_bits","signature","names":["DNS:a",
 * "IP:192.0.2.1"...]} of a certificate. Times are RFC 3339, serial and sha256 hexadecimal, names in the certificate's
 * order. What cannot be read of it is null. New reference. */
json_t *certificate_json(X509 *certificate);
/* A list of those of a chain in the order in which it was sent, each with its bytes in base64 ("der"); chain may be
 * NULL. New reference. */
json_t *certificates_json(STACK_OF(X509) * chain);
#define CERTIFICATE_FILE_LARGEST (1U << 20)
/* Those of a file as PEM (RFC 7468) up to the first that is broken; what stands there beside them is passed over. New
 * reference. */
json_t *certificates_of_pem(const void *data, size_t len);
