/* The file that an attestation is about. */
#pragma once

#include "core/attestation.h"

/* Name without folders, size, digest and media type; with_content: also its bytes, under their cap. media_type: NULL:
 * by the name's extension, else application/octet-stream. *ret_file is untouched where it fails. */
MUST_CHECK bool attest_file(const char *path, const char *media_type, bool with_content,
			    struct attestation_file *ret_file, struct err *err);
