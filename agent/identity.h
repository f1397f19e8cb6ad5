/* Who a host is, from sources alone, so that a folder given as root answers for itself. */
#pragma once

#include "core/check.h"

#define IDENTITY_UUID 37 /* text and NUL */

/* Asks, beside the rules' checks, for the sources that identity needs. It has no run(): nobody judges it. */
extern const struct check identity_check;
/* The host id: HMAC-SHA256 under the machine id (16 bytes) of vouch's own application id, cut to 16 bytes and marked as
 * a random UUID (version 4, variant 1), exactly as sd_id128_get_machine_app_specific(3) computes it: the machine id
 * itself, which machine-id(5) wants kept confidential, never leaves the host. machine_id: 32 hexadecimal digits, a
 * newline may follow. False for anything else. */
bool identity_uuid(const char *machine_id, char ret_uuid[IDENTITY_UUID]);
/* A host id for where there is no machine id, as in most containers: a random UUID (version 4). New text. */
MUST_CHECK bool identity_draw(char **ret_uuid, struct err *err);
/* Each is new text, "" when it cannot be known. */
char *identity_host_id(const struct sources *fetched);
char *identity_host_name(const struct sources *fetched);
char *identity_os(const struct sources *fetched); /* "debian 12": ID VERSION_ID of os-release(5) */
char *identity_boot_id(const struct sources *fetched);
/* Seconds since /etc/machine-id was written; -1 when that cannot be known. */
int64_t identity_host_age(const struct sources *fetched, int64_t now);
