/* The ways of vouch enrol that need no token on the command line. Each speaks, and returns the exit code. */
#pragma once

#include "agent/enrol_files.h"

#define ENROL_CREDENTIAL_URL "vouch.enrol.url"
#define ENROL_CREDENTIAL_TOKEN "vouch.enrol.token"
#define ENROL_CREDENTIAL_FINGERPRINT "vouch.enrol.ca-fingerprint"

/* The host is enrolled: says as whom, and what is next. */
void enrol_say(const struct enrolment *enrolment, const struct enrol_options *options);

int enrol_way_request(const struct home *home, const struct enrol_options *options, const char *path);
int enrol_way_files(const struct home *home, const struct enrol_options *options, const struct enrol_files *files);
int enrol_way_renew(const struct home *home, const char *certificate);
/* With $CREDENTIALS_DIRECTORY of a unit: tries until the collector answers. What collector, token and fingerprint of
 * the options are is read from there. */
int enrol_way_credentials(const struct home *home, const struct enrol_options *options);
