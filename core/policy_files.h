/* The files that a policy is made of, each as a tree. What core/policy.c loads with; of nobody else's concern. */
#pragma once

#include "core/policy.h"
#include "core/yaml.h"

struct policy_file {
	char *path;
	struct yaml *root; /* of the first: a mapping with the head; of the others: a list of rules */
};

struct policy_files {
	struct policy_file *items;
	size_t count;
	struct buf bytes; /* all of it as one file */
};

/* The caller policy_files_done()s, also what failed. */
MUST_CHECK bool policy_files_read(const char *path, struct policy_files *ret_files, struct err *err);
/* The same of one file's bytes. */
MUST_CHECK bool policy_files_of(const char *path, const char *data, size_t len, struct policy_files *ret_files,
				struct err *err);
void policy_files_done(struct policy_files *files);
