/* Anchors: checkpoints of the log that others have signed (docs/FORMAT.md 3.1). A process of its own makes them, beside
 * the collector and with none of its keys: it reads the log as files, and writes
 *
 *   DIR/anchors/<size, 20 digits>/checkpoint   the log's note; cosignatures of witnesses come behind its signature
 *   DIR/anchors/<size>/timestamp-<n>.tsr, .pem
 *   DIR/timestamps/                            responses over single statements (collector/stamps.h)
 *   DIR/anchors/findings/<kind>-<name>.json    {"at","kind","text"}: what it found out about the log, for good
 *   DIR/anchors/witnesses/                     what each witness signed last
 *
 * A pass makes the anchor of the log's checkpoint when that is new, and hands the newest anchor to the parts, which
 * add what they have not got yet. What goes wrong is an event; the next pass tries again. */
#pragma once

#include <signal.h>

#include "collector/config.h"
#include "core/note.h"

#define ANCHOR_NAME_LEN 20 /* digits of the size */

struct anchor {
	char *folder;  /* DIR */
	char *anchors; /* DIR/anchors */
	char *log;     /* DIR/log */
	struct config *config;
	struct note_verifier *verifier; /* of the log; the public key alone */
	void (*say)(const char *line);
	struct anchor_time *time; /* of anchor_time() alone */
	sigset_t ends;            /* blocked; a pending one ends the process: hand it to post() */
	unsigned troubles;        /* events in this pass */
	struct anchor_event *events;
	size_t event_count;
	bool has_passed; /* a pass of this process was made: all witnesses were asked
			    once */
	int lock;
};

/* The anchor that the parts work on: its folder is there, and whole. */
struct anchor_point {
	const char *folder; /* DIR/anchors/<size> */
	uint64_t size;      /* above 0 */
	struct hash root;
	const char *text; /* the note text: all before the empty line, with its last newline */
	size_t text_len;
};

/* Opens DIR under a lock: one anchor process at a time. say: one line, without newline. */
MUST_CHECK bool anchor_open(const char *folder, void (*say)(const char *line), struct anchor **ret_anchor,
			    struct err *err);
void anchor_free(struct anchor *anchor);
DEFINE_CLEANUP(struct anchor, anchor_free)

/* One pass. False: nothing could be anchored, *err says why. anchor->troubles counts what a part did not get. */
MUST_CHECK bool anchor_pass(struct anchor *anchor, struct err *err);

/* The parts. Each is called in every pass with the newest anchor, does what is still to be done (a file that is there
 * is not made again), writes files whole (file_write) and leaves them to stay. A failure is anchor_trouble(), never the
 * end. One that waits for the network hands anchor->ends to post(). A part may look at older anchors too:
 * anchor_sizes(). */
typedef void (*anchor_part)(struct anchor *anchor, const struct anchor_point *point);

void anchor_witness(struct anchor *anchor, const struct anchor_point *point);

/* An event about something ("witness w1", an address) that will be tried again: counted in troubles, and said unless
 * it is what was said about it last. Control characters are replaced. */
void anchor_trouble(struct anchor *anchor, const char *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* It works (again); says so when it had not. */
void anchor_well(struct anchor *anchor, const char *about);
/* An event that is no failure. */
void anchor_say(const struct anchor *anchor, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something that must not be: said at error priority in every pass, counted, and kept in findings/, where the first of
 * its name stays. kind: of PROTOCOL.md's findings; name: letters, digits, '-'. */
void anchor_finding(struct anchor *anchor, const char *kind, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The path of a configured file: relative to DIR; NULL when it is "". The caller frees. */
char *anchor_file(const struct anchor *anchor, const char *configured);
/* "DIR/anchors/<size>"; the caller frees. */
char *anchor_path(const char *anchors, uint64_t size);
/* The sizes of the anchors in a folder, ascending; none when it is not there. The caller frees. */
MUST_CHECK bool anchor_sizes(const char *anchors, uint64_t **ret_sizes, size_t *ret_count, struct err *err);

/* What the collector leaves for this process: DIR/log.vkey, the public half of the log's key in note form, and the
 * folders DIR/anchors and DIR/timestamps; unless they are there and right. */
MUST_CHECK bool anchor_prepare(const char *folder, const char *vkey, struct err *err);
