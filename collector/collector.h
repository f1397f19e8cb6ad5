/* The running collector: what the listeners' handlers share. */
#pragma once

#include "collector/ca.h"
#include "collector/config.h"
#include "collector/outside.h"
#include "collector/own_line.h"
#include "collector/receive.h"
#include "collector/session.h"
#include "core/catalogue.h"

#define COLLECTOR_BUCKETS 8

/* How long requests with statements took. */
struct histogram {
	uint64_t buckets[COLLECTOR_BUCKETS]; /* not cumulative; what is over the last bound is in count alone */
	uint64_t count;
	double sum; /* seconds */
};
extern const double collector_bounds[COLLECTOR_BUCKETS]; /* upper bounds, seconds */

struct collector {
	char *folder;
	char *anchors; /* folder that the anchor process writes */
	struct config *config;
	struct store *store;
	struct log *log;
	EVP_PKEY *log_key;
	struct ca *ca;
	struct outside *outside; /* NULL: no other CA is trusted */
	struct own_line *own;
	struct catalogue *catalogue;
	struct sessions *sessions;
	struct receive_tally tally;
	struct histogram ingest;
	void (*say)(const char *line); /* one event, without newline */
	int lock;
	int64_t stamped; /* index up to which stamps_want() has looked; -1: not yet */
};

/* A second process is refused; the caller close_fd()s. */
MUST_CHECK bool collector_lock(const char *folder, int *ret_lock, struct err *err);
/* The store of a collector that is there, found sound. index: as store_open_with(); NULL: the one that is there. */
MUST_CHECK bool collector_store(const char *folder, const char *index, struct store **ret_store, struct err *err);
/* Opens everything in DIR, under the lock. data: NULL, or in place of the configured one. Entries of the log that the
 * store does not know are adopted, and what the index lacks is derived. */
MUST_CHECK bool collector_open(const char *folder, const char *data, void (*say)(const char *line),
			       struct collector **ret_collector, struct err *err);
void collector_free(struct collector *collector);
DEFINE_CLEANUP(struct collector, collector_free)

/* Control characters are replaced. */
void collector_say(const struct collector *collector, const char *format, ...) __attribute__((format(printf, 2, 3)));
void collector_took(struct collector *collector, double seconds);
