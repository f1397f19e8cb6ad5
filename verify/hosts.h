/* The hosts of a package and their lines: what is known of each while its statements go by, in the log's order. */
#pragma once

#include "core/key.h"
#include "verify/rulesets.h"
#include "verify/timeline.h"

#define HOSTS_MOST 100000
#define HOSTS_LINES_MOST 1000  /* of one host */
#define HOSTS_BOOTS_MOST 20000 /* of one line */
#define HOSTS_KEPT_MOST 1000   /* gaps, events and stacks of policies that are listed; more are only counted */

/* What one rule came to on a host. */
struct host_rule {
	char *id;
	struct timeline timeline;
	int64_t valid; /* seconds that a look stood, at most */
	bool has_last;
	enum timeline_state last; /* of the last result that was shown */
	int64_t last_at;
};

/* Statements of a line that are not there. */
struct line_gap {
	int64_t first, last; /* their numbers */
	int64_t from, to;    /* the neighbours' finishedAt and startedAt */
};
struct line_event {
	int64_t at, sequence;
	const char *what; /* "boot", "reset", "rotation", "spool-full", "enrolment", "full clock"; static */
};

/* The current result of a rule in a line. */
struct slot {
	bool has_leaf; /* it was shown, or its leaf was */
	struct hash leaf;
	bool stands; /* state and time are known */
	enum timeline_state state;
	int64_t collected, valid, waived_until;
	struct host_rule *rule; /* borrowed from the host; NULL: it was not asked for */
};
struct current {
	const struct ruleset *ruleset; /* borrowed; NULL: none yet */
	struct slot *slots;            /* one for each of its rules */
	bool is_complete;              /* since a full round, without a gap behind it */
	struct hash root;              /* of the last round, when complete */
};

struct line {
	struct host *host; /* borrowed */
	char enrolment[HASH_HEX];
	uint64_t index; /* of the enrolment in the log */
	char *purpose;  /* "" of a host's */
	EVP_PKEY *enrolled, *epoch;
	struct hash *epochs; /* ids of the epochs' keys, so far */
	size_t epoch_count;
	struct hash key_id; /* of enrolled */
	bool is_vouched;    /* by the trust file; else the log alone says whose key it is */
	bool is_broken;     /* something of it contradicts */
	/* The chain, as of its last statement. */
	int64_t sequence, started, finished, received;
	int64_t lower; /* what comes is no older than this, by the checkpoints that were named; INT64_MIN: nothing says
			  so */
	char last[HASH_HEX], *boot;
	char **boots; /* that were, sorted by nothing */
	size_t boot_count;
	bool is_in_context; /* from here on nothing may be missing */
	bool has_entered;   /* a statement of the period, or from behind it, came */
	size_t back_count;  /* statements that were finished before the one before them */
	int64_t back_most;  /* seconds */
	size_t late_count;  /* rounds and attestations of the period that were received long after they were made */
	int64_t late_most;  /* seconds */
	size_t statements, rounds, resets, rotations, spool_fulls, gap_count, event_count;
	struct line_gap *gaps;
	struct line_event *events;
	struct current current;
};

/* What a host's rounds were judged by. */
struct host_judged {
	int64_t at;       /* of the first such round, by its clock */
	json_t *policies; /* of its statement */
};

struct host {
	char *id, *name;
	struct host_judged *judged; /* each other than the one before it */
	size_t judged_count;        /* those beyond the cap are only counted */
	struct line **lines;        /* in the order of their enrolment */
	size_t line_count;
	struct host_rule **rules; /* sorted by id */
	size_t rule_count;
	size_t rounds; /* in the period */
};

struct hosts {
	struct host **items; /* sorted by id */
	size_t count;
};
void hosts_done(struct hosts *hosts);
struct host *hosts_find(const struct hosts *hosts, const char *id); /* or NULL */
struct host *hosts_add(struct hosts *hosts, const char *id, const char *name);
/* A line behind the others of the host. */
struct line *host_begin(struct host *host);
struct host_rule *host_rule(struct host *host, const char *rule, int64_t from, int64_t to); /* made when new */
void host_judged(struct host *host, int64_t at, json_t *policies);
void line_event(struct line *line, const char *what, int64_t at);
void line_gap(struct line *line, const struct line_gap *gap);
/* Nothing of the line's results is known from `at` on. */
void line_forget(struct line *line, int64_t at);
