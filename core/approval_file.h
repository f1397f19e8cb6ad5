/* The approvals beside a policy: FILE.approval, for a policy folder FOLDER.approval. JSON Lines, each an approval
 * (core/approval.h) of whichever version of the policy. */
#pragma once

#include "core/approval.h"

struct approval_line {
	char *text;                /* without newline */
	struct approval *approval; /* what it says; nothing is verified */
};
struct approval_file {
	struct approval_line lines[APPROVAL_LINES_MOST];
	size_t count;
};
void approval_file_done(struct approval_file *file);
/* A file that is not there has none. A line that is no approval is an error at its number, and so is a last one without
 * its newline; more than the cap ERR_TOO_BIG. *ret_file is empty before. */
MUST_CHECK bool approval_file_read(const char *path, struct approval_file *ret_file, struct err *err);
/* Puts a line into the file, whole or not at all. Others of the same digest stay, except of the same approver; those of
 * another digest go, *ret_dropped of them. */
MUST_CHECK bool approval_file_put(const char *path, const char *line, size_t *ret_dropped, struct err *err);
