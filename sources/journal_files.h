/* The files of the system's journal of one machine: which names to ask for, one after the other, to have them all open,
 * and what is made of each answer. Asks nobody itself.
 *
 * One file that may not be opened is the end of it; one that has gone since its folder was listed (they are archived
 * and removed while we look) lets all begin anew, a few times. */
#pragma once

#include "sources/kind.h"

struct journal_file {
	int fd; /* owned */
	bool is_persistent;
	uint64_t bytes; /* its room on disk */
};

struct journal_files {
	struct journal_file *all;
	size_t count, broken; /* broken: of the system's by their names, and no journals */
	bool has_folder;      /* one of the two is there */
	/* Set after journal_files_init() where wanted: those of users too ("user-1000.journal": what they run through
	 * sudo is there), and none whose last entry is older, realtime microseconds. */
	bool with_users;
	uint64_t since;
	size_t passed;   /* passed over as older */
	uint64_t newest; /* the last entry of those */

	/* Of the way to them. */
	const char *where;       /* of errors; borrowed */
	char *folders[2];        /* persistent, runtime; owned */
	size_t folder;           /* asked now */
	struct names *names;     /* files in it that are asked for; NULL: it has not been listed */
	size_t name;             /* asked now */
	char *asked;             /* owned */
	const struct kind *kind; /* of what is asked */
	bool is_gone;            /* one that was listed */
	unsigned tries;          /* begun */
};

/* parents: "/var/log/journal", "/run/log/journal". machine: 32 hexadecimal digits. */
void journal_files_init(struct journal_files *files, const char *persistent, const char *runtime, const char *machine,
			const char *where);
void journal_files_done(struct journal_files *files);
/* The next name to ask for, of *ret_kind, valid until the call after the next; NULL: that was all. */
const char *journal_files_next(struct journal_files *files, const struct kind **ret_kind);
/* What came of it: *answer is taken over, or failed says why there is none. */
MUST_CHECK bool journal_files_take(struct journal_files *files, struct answer *answer, const struct err *failed,
				   struct err *err);
/* Close one file and forget it. */
void journal_files_drop(struct journal_files *files, size_t index);
