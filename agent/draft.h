/* An enrolment under way: put together in a folder of its own, laid out as home is, and moved into its place as a
 * whole. What the ways to enrol share (agent/enrol.h, agent/enrol_files.h). */
#pragma once

#include <openssl/x509.h>

#include "agent/enrol.h"
#include "core/host_key.h"

struct draft {
	struct home *home; /* of which only enrolment/ is used */
	struct host_key *evidence;
	EVP_PKEY *transport;
	X509 *ca, *certificate;
	struct round *header;
	struct enrolment *enrolment;
};

/* name: of its folder in the state folder. Nothing is made. */
void draft_start(struct draft *draft, const struct home *home, const char *name);
void draft_done(struct draft *draft);

/* Who the host is: header and enrolment, but for what the collector says. */
MUST_CHECK bool draft_know(const struct home *home, const struct enrol_options *options, struct draft *draft,
			   struct err *err);
/* The folder with both keys. transport: NULL, or one that is there already; then the draft's own, taken over. */
MUST_CHECK bool draft_make_keys(const struct enrol_options *options, EVP_PKEY *transport, struct draft *draft,
				struct err *err);
/* enrolment.json, and the folder is open to all. */
MUST_CHECK bool draft_write(struct draft *draft, struct err *err);
/* Its files and its folders, ours or a crashed one's. */
void draft_throw_away(const struct home *draft);

/* Whether home may be enrolled: it is not, or `force`. */
MUST_CHECK bool draft_may_enrol(const struct home *home, bool force, struct err *err);
/* Both locks of home: who ships holds the keys of the old line. The caller close_fd()s both. */
MUST_CHECK bool draft_lock(const struct home *home, int *ret_seal, int *ret_ship, struct err *err);
/* In its place; what was there is set aside, under old-<time>/. */
MUST_CHECK bool draft_install(const struct home *home, const struct draft *draft, struct err *err);
/* The first statement of the line. Should this fail, or be left to a sealer or to another user, vouchd seals it before
 * its first round. */
MUST_CHECK bool draft_seal(const struct home *home, const struct draft *draft, struct err *err);
