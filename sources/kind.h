/* A kind of source: how names that begin with its prefix become bytes. One file and one `const struct kind` each; the
 * table is in fetch.c. A kind either looks (it has its answer before it returns: files, system calls) or starts (it
 * ends later, from the event loop: commands, the bus). Whichever, it ends in one of two ways: bytes that prove that it
 * could see, or one of the six errors. It never ends in empty bytes because sight failed. */
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
};

struct answer {
	struct buf bytes;
	struct source_meta meta;
};

struct job; /* an ask under way; fetch.c */

struct kind {
	const char *prefix; /* with its colon */
	bool is_whole;      /* the prefix is the one name of the kind */
	unsigned deadline_ms;
	bool below_root; /* read below a fixture root too; the others come from .vouch there */
	/* One of the two. */
	bool (*look)(const struct ask *ask, struct answer *ret_answer, struct err *err);
	void (*start)(struct job *job);
};

extern const struct kind kind_file, kind_folder, kind_stat, kind_tree, kind_link, kind_statvfs, kind_shadow,
	kind_mounts, kind_adjtimex, kind_now, kind_journal, kind_unit, kind_sshd, kind_nft;

/* False, with ERR_TIMEOUT, once the ask's deadline has passed. */
MUST_CHECK bool ask_in_time(const struct ask *ask, struct err *err);
/* The canonical bytes of a value, under the cap of every source. */
MUST_CHECK bool answer_json(const struct ask *ask, const json_t *value, struct answer *ret_answer, struct err *err);

/* For kinds that start. */
const struct ask *job_ask(const struct job *job);
sd_event *job_event(const struct job *job);
/* The fetch's one connection to the system bus, made on first demand; borrowed. */
MUST_CHECK bool job_bus(struct job *job, sd_bus **ret_bus, struct err *err);
/* What the job is busy with; end(work) is called when it is over, answered or not. At most one. */
void job_hold(struct job *job, void *work, void (*end)(void *work));
/* The two ways to end. The job is gone afterwards, and its work with it: return at once. */
void job_answer(struct job *job, const json_t *value);
void job_fail(struct job *job, const struct err *err);
