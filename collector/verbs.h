/* The verbs of vouch-collector; the main file finds them in a table, prints what they leave in `out`, and speaks. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

struct verb_call {
	int argc; /* behind the verb's words; argv[0] is the verb's last word */
	char **argv;
	void (*say)(const char *line); /* one event, now */
	struct buf *out;               /* for standard output */
};

struct verb {
	const char *name, *arguments, *about;
	const char *options;                                        /* lines for --help; "" when it has none */
	bool (*run)(const struct verb_call *call, struct err *err); /* ERR_USAGE: called wrongly */
};

extern const struct verb collector_init, collector_token_add, collector_token_list, collector_token_remove,
	collector_log_key, collector_reader_add, collector_reader_list, collector_reader_remove, collector_approver_add,
	collector_approver_list, collector_approver_remove, collector_fingerprint, collector_rebuild, collector_fsck,
	collector_erase, collector_revoke, collector_run, collector_anchor, collector_import;

/* Options as getopt_long has them; the value of a long option's `val` goes to take(). False: ERR_USAGE.
 * Leaves exactly `count` operands in ret_operands, the collector's folder first; root becomes the user whose folder
 * that is, so that what is made there is his. */
struct option;
MUST_CHECK bool collector_options(const struct verb_call *call, const struct option *options,
				  bool (*take)(int option, const char *value, void *context, struct err *err),
				  void *context, size_t count, const char **ret_operands, struct err *err);

/* The store of a collector that is there: tokens, readers and certificates. Nothing is made by asking. */
struct store;
MUST_CHECK bool collector_access(const char *folder, struct store **ret_store, struct err *err);
