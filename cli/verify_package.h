/* vouch verify PACKAGE: an audit package against a trust file, told to people or as JSON. */
#pragma once

#include "verify/audit.h"

struct verify_package_options {
	const char *trust_file;
	bool is_strict; /* what could not be established is a failure */
	bool is_json;
};
/* A folder, a manifest.json (of the folder it lies in), or an archive by its name. */
bool verify_is_package(const char *path);
/* Verifies and prints; an exit code of cli/cli.h. */
int verify_package(const char *path, const struct verify_package_options *options);

/* The whole as JSON: new reference. */
json_t *verify_package_json(const struct audit *audit);
