/* A kind of source: how names that begin with its prefix become bytes. One file and one `const struct kind` each; the
 * table is in fetch.c, and in broker/ for those that a helper answers.
 *
 * Most kinds look and shape. The look does what may need a capability or may hang: it opens, lists, asks the kernel,
 * runs a compiled-in command; it blocks, and is made in a hand (sources/hand.h) - a process that can be dropped, behind
 * a helper's socket or forked by this one. It parses as little as it can. The shape, made by who asked, turns what came
 * back into the source's bytes. A few kinds start instead (what is this process' own: the bus, the journal): they end
 * later, from the event loop. Whichever, a kind ends in one of two ways: bytes that prove that it could see, or one of
 * the seven errors. It never ends in empty bytes because sight failed. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/source.h"
#include "sources/place.h"

/* What is asked for. Everything is borrowed and lives until the answer. */
struct ask {
	const char *name; /* "file:/etc/passwd": where errors are */
	const char *rest; /* "/etc/passwd" */
	const struct place *place;
	uint64_t deadline_us; /* CLOCK_MONOTONIC: a look that may take long stops there with ERR_TIMEOUT */
	int sent;             /* the descriptor that came with the request, -1: none; only for kinds that take one */
};

/* What a look found: bytes, or the open file itself (is_file), for the shape to read. */
struct answer {
	struct buf bytes;
	struct source_meta meta;
	bool is_file;
	int file; /* owned where is_file */
};
void answer_done(struct answer *answer);

struct job; /* an ask under way; fetch.c */

/* Whose unit answers: docs/DESIGN.md, "Processes and trust". */
enum helper {
	HELPER_NONE, /* whoever asks */
	HELPER_FS,
	HELPER_NET,
	HELPER_AUDIT,
	HELPER_AUDIT_NOTICES,
	HELPER_PTRACE,
	HELPER_PROBER,
	HELPER_PLUGIN, /* one for each plugin */
	HELPER_COUNT
};

struct kind {
	const char *prefix; /* with its colon */
	bool is_whole;      /* the prefix is the one name of the kind */
	unsigned deadline_ms;
	bool below_root;  /* read below a fixture root too; the others come from .vouch there */
	bool may_be_kept; /* what .vouch of a fixture root has of it stands for what is below the root */
	enum helper helper;
	/* Where there is a helper for each plugin: the plugin's name, after what stands behind the prefix; NULL: it is
	 * none; the caller frees. Such a helper answers once a connection. */
	char *(*instance)(const char *rest);
	bool is_slow;          /* may take long by its nature: a hand gets nothing else to do beside it */
	bool is_awaited;       /* it waits for others: another machine, a plugin */
	bool takes_descriptor; /* a request for it brings one */
	bool is_volatile;      /* what it says moves by itself: two looks at a quiet host differ */
	/* Patterns (fnmatch) of names that do so where the kind as a whole does not; NULL, or NULL ends. */
	const char *const *volatile_names;
	/* look, with shape or not (NULL: what the look gave is the source's bytes); or start. In a fixture root's
	 * .vouch lies what shape would give. */
	bool (*look)(const struct ask *ask, struct answer *ret_answer, struct err *err);
	bool (*shape)(const struct ask *ask, struct answer *answer, struct err *err); /* changes *answer in place */
	void (*start)(struct job *job);
	/* Patterns of the names that start asks helpers for in its course; NULL, or NULL ends. */
	const char *const *needs;
};

extern const struct kind kind_adjtimex;
extern const struct kind kind_timesync;
extern const struct kind kind_canary;
extern const struct kind kind_chronyc;
extern const struct kind kind_audit_rules;
extern const struct kind kind_audit_status;
extern const struct kind kind_containers;
extern const struct kind kind_file;
extern const struct kind kind_folder;
extern const struct kind kind_head;
extern const struct kind kind_inodes;
extern const struct kind kind_journal;
extern const struct kind kind_journal_events;
extern const struct kind kind_journal_unit;
extern const struct kind kind_keyfile;
extern const struct kind kind_link;
extern const struct kind kind_luks;
extern const struct kind kind_mounts;
extern const struct kind kind_netfile;
extern const struct kind kind_netns;
extern const struct kind kind_nft;
extern const struct kind kind_notify_audit;
extern const struct kind kind_notify_nft;
extern const struct kind kind_now;
extern const struct kind kind_plugin;
extern const struct kind kind_previous;
extern const struct kind kind_processes;
extern const struct kind kind_rpmdb, kind_dpkg_verify;
extern const struct kind kind_shadow;
extern const struct kind kind_sockets;
extern const struct kind kind_sshd;
extern const struct kind kind_stat;
extern const struct kind kind_statvfs;
extern const struct kind kind_sudoers;
extern const struct kind kind_tail;
extern const struct kind kind_tree;
extern const struct kind kind_unit;
extern const struct kind kind_units;
extern const struct kind kind_watch;
extern const struct kind kind_service;
/* Active probes: sources/probe.h. */
extern const struct kind kind_tls;
extern const struct kind kind_dns;
extern const struct kind kind_http;
extern const struct kind kind_ssh;
extern const struct kind kind_ntp;
extern const struct kind kind_greeting;
extern const struct kind kind_suites;

/* The kind in a table (NULL ends) that a name belongs to, NULL for none. */
const struct kind *kind_find(const struct kind *const *kinds, const char *name);
/* CLOCK_MONOTONIC, microseconds. */
uint64_t time_us(void);
/* False, with ERR_TIMEOUT, once the ask's deadline has passed. */
MUST_CHECK bool ask_in_time(const struct ask *ask, struct err *err);
/* The canonical bytes of a value, under the cap of every source. */
MUST_CHECK bool answer_json(const struct ask *ask, const json_t *value, struct answer *ret_answer, struct err *err);
/* How a shape ends: the same in the place of what the look gave. */
MUST_CHECK bool answer_shaped(const struct ask *ask, const json_t *value, struct answer *answer, struct err *err);
/* What is in the open file that a look gave, under the cap of every source. */
MUST_CHECK bool answer_read(const struct ask *ask, const struct answer *answer, struct buf *ret_bytes, struct err *err);
/* file_read_fd() with the word that sources have for more than a cap: ERR_UNREADABLE. */
MUST_CHECK bool kind_read_fd(int fd, const char *where, size_t cap, struct buf *ret_bytes, struct err *err);

/* For kinds that start. */
const struct ask *job_ask(const struct job *job);
/* The loop that the job runs on; borrowed. */
sd_event *job_event(const struct job *job);
/* The fetch's one connection to the system bus, made on first demand; borrowed. */
MUST_CHECK bool job_bus(struct job *job, sd_bus **ret_bus, struct err *err);
/* What the host's asker remembers (struct host); NULL: nothing. Borrowed. */
const json_t *job_previous(const struct job *job);
/* What the job is busy with; end(work) is called when it is over, answered or not. At most one. */
void job_hold(struct job *job, void *work, void (*end)(void *work));
void *job_work(const struct job *job);
/* For kinds that start: ask a helper in the course of a job, for one of the names in its needs. done as in
 * sources/reach.h, with the job as context; the answer is not shaped (files stay open files). */
void job_reach(struct job *job, const struct kind *kind, const char *name,
	       void (*done)(void *job, struct answer *answer, const struct err *err));
/* The two ways to end. The job is gone afterwards, and its work with it: return at once. */
void job_answer(struct job *job, const json_t *value);
void job_fail(struct job *job, const struct err *err);
