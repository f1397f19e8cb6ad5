/* What tls: says of one server, as fields of a row. */
#pragma once

#include "core/check.h"

/* What served_read() may put into a row: versions, the handshake and the first certificate. */
#define SERVED_FIELDS SERVED_VERSIONS, SERVED_HANDSHAKE, SERVED_CERTIFICATE

#define SERVED_VERSIONS                                                                                                \
	{.name = "offered",                                                                                            \
	 .type = VALUE_STRINGS,                                                                                        \
	 .about = "Versions that it answered with a hello of its own, of SSLv3 TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3. It "   \
		  "says nothing of the others: what must not be served is expected in refused."},                      \
		{.name = "refused",                                                                                    \
		 .type = VALUE_STRINGS,                                                                                \
		 .about = "Versions that it refused, by an alert or a lower version."},                                \
	{                                                                                                              \
		.name = "unclear", .type = VALUE_STRINGS,                                                              \
		.about = "Versions that it did neither with: it closed the connection, or said nothing."               \
	}

#define SERVED_HANDSHAKE                                                                                               \
	{.name = "handshake", .type = VALUE_BOOL, .about = "Whether a handshake could be carried through."},           \
		{.name = "cipher",                                                                                     \
		 .type = VALUE_STRING,                                                                                 \
		 .about = "The cipher suite of that handshake, by OpenSSL's name."},                                   \
		{.name = "group",                                                                                      \
		 .type = VALUE_STRING,                                                                                 \
		 .about = "The group of its key exchange; not there without one."},                                    \
		{.name = "verify",                                                                                     \
		 .type = VALUE_STRING,                                                                                 \
		 .about = "ok, or why the certificate does not verify for the name and the system's CAs; not there "   \
			  "without a "                                                                                 \
			  "certificate or CAs."},                                                                      \
	{                                                                                                              \
		.name = "certificates", .type = VALUE_INT,                                                             \
		.about = "How many certificates it showed; not there where it did not come so far."                    \
	}

#define SERVED_CERTIFICATE                                                                                             \
	{.name = "subject",                                                                                            \
	 .type = VALUE_STRING,                                                                                         \
	 .about = "Whose certificate it is; this and the rest of the first one."},                                     \
		{.name = "issuer", .type = VALUE_STRING, .about = "Who issued it."},                                   \
		{.name = "names",                                                                                      \
		 .type = VALUE_STRINGS,                                                                                \
		 .about = "The names that it is for: DNS:www.example.org, IP:192.0.2.1."},                             \
		{.name = "serial", .type = VALUE_STRING, .about = "Its number, hexadecimal."},                         \
		{.name = "sha256", .type = VALUE_STRING, .about = "Its fingerprint."},                                 \
		{.name = "not_before", .type = VALUE_TIME, .about = "From when it is valid."},                         \
		{.name = "not_after", .type = VALUE_TIME, .about = "Until when it is valid."},                         \
		{.name = "left",                                                                                       \
		 .type = VALUE_DURATION,                                                                               \
		 .unit = "s",                                                                                          \
		 .is_volatile = true,                                                                                  \
		 .about = "How long it is still valid; negative once it has expired."},                                \
		{.name = "key_type", .type = VALUE_STRING, .about = "The kind of its key: RSA, EC, ED25519."},         \
		{.name = "key_bits", .type = VALUE_INT, .unit = "bits", .about = "The size of its key."}, {            \
		.name = "signature", .type = VALUE_STRING, .about = "The algorithm that it is signed with."            \
	}

/* value: of a tls: source, whose name is where. now: SERVED_CERTIFICATE's left counts from it. */
MUST_CHECK bool served_read(const json_t *value, int64_t now, const char *where, json_t *row, struct err *err);
/* One of its certificates alone. */
MUST_CHECK bool served_read_certificate(const json_t *certificate, int64_t now, const char *where, json_t *row,
					struct err *err);
