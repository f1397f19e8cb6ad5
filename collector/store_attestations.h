/* Attestations in the index (docs/FORMAT.md 2.3), and the identities that make them. */
#pragma once

#include "collector/store.h"

struct store_attestation {
	int64_t index;         /* of its statement, in the log */
	const char *statement; /* its digest */
	const char *host, *host_name;
	int64_t line;         /* that it is of */
	const char *controls; /* joined by commas */
	const char *author, *note;
	const char *file_name; /* "": it has no file, and the next five say nothing */
	const char *file_sha256, *media_type;
	int64_t file_size;
	bool has_content; /* the file came along */
	int64_t collected, expires, received;
	/* Set for visitors. */
	int64_t until;   /* as long as it stands: no longer after it came than it was to stand after it was said */
	bool is_ended;   /* the line that it is of: another enrolment took its place, or it was revoked */
	bool is_revoked; /* the line was, from an instant on that lies before this came: not to be believed */
};
MUST_CHECK bool store_attestation_put(struct store *store, const struct store_attestation *attestation,
				      struct err *err);
/* That of a statement whose body was erased; harmless where there is none. */
MUST_CHECK bool store_attestation_forget(struct store *store, const char *statement, struct err *err);
typedef void (*store_visit_attestation)(void *context, const struct store_attestation *attestation);
/* Newest first, below index `after` (0: from the newest), for one control or all (NULL). */
MUST_CHECK bool store_attestations(struct store *store, const char *control, int64_t after, int64_t limit,
				   store_visit_attestation visit, void *context, struct err *err);
/* Those of a control that stand at this instant, then those that do not, or are not to be believed, the newest of each
 * first. */
MUST_CHECK bool store_attestations_of(struct store *store, const char *control, int64_t now, int64_t limit,
				      store_visit_attestation visit, void *context, struct err *err);
/* For each control that has any: how many stand, how many did; without those that are not to be believed. */
MUST_CHECK bool store_attestation_counts(struct store *store, int64_t now,
					 void (*visit)(void *context, const char *control, int64_t valid,
						       int64_t expired),
					 void *context, struct err *err);
