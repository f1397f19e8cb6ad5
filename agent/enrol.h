/* enrol: a host joins a collector, and its chain begins with the statement that says so. Keys are made here and never
 * leave; the collector's CA is trusted only after its fingerprint was compared; everything appears in the state folder
 * at once or not at all. Where a sealer signs, the first statement is left to vouchd: the sealer signs a line from its
 * beginning or not at all, and takes the new key when it starts. */
#pragma once

#include "agent/home.h"
#include "agent/look.h"
#include "core/hash.h"

struct enrol_options {
	const char *collector;      /* "https://host:port" */
	const char *token;          /* one-time */
	const char *ca_fingerprint; /* SHA-256 of the CA certificate's DER: 64 hexadecimal digits, colons allowed */
	const char *root;           /* NULL: the live host; else the folder that is looked at instead */
	const char *key;            /* NULL, or what host_key_make() is asked for */
	const char *helpers;        /* NULL, or the folder of the socket of a sealer that signs for this state folder */
	bool attester;              /* an identity that attests and looks at nothing: its host id is drawn */
	const char *name;           /* of an attester; NULL: the host's name */
	bool force;                 /* set an existing enrolment and what hangs on it aside, under old-<time>/ */
};
MUST_CHECK bool enrol(const struct home *home, const struct enrol_options *options, struct enrolment **ret_enrolment,
		      struct err *err);

/* Whether trying again could not help: the collector refused, or something here is wrong. Otherwise it was not reached,
 * or there is no telling who it is yet: a clock that is not set calls every certificate too young. */
bool enrol_is_final(const struct err *err);

/* The header of a round in which nothing was looked at but who the host is. root: NULL, or the folder instead. */
MUST_CHECK bool enrol_header(const char *root, struct round *header, struct err *err);
/* Digits of a fingerprint, lower case, colons and a leading "sha256:" dropped. False unless 64 are left. */
bool enrol_fingerprint(const char *text, char ret_hex[HASH_HEX]);
