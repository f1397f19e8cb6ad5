/* vouch doctor: what is wrong with this host's vouch, and the next command. Each question is a row of a table and one
 * function, in cli/doctor_*.c; it says any number of findings, never fails as a whole, changes nothing and prints no
 * secret. */
#pragma once

#include "agent/home.h"
#include "agent/settings.h"
#include "agent/stack.h"
#include "core/check.h"
#include "core/json.h"

/* Worst last. */
enum doctor_level {
	DOCTOR_OK,
	DOCTOR_UNSEEN, /* this user, or this place, cannot see it */
	DOCTOR_WARNING,
	DOCTOR_PROBLEM,
};

struct doctor {
	const char *helpers; /* folder of the helpers' sockets */
	const char *keep;    /* the sealer's folder; NULL: nobody else signs for this state folder */
	const char *settings_path, *data;
	bool has_settings;           /* settings_path was asked for: it has to be there */
	bool is_service;             /* the state folder is the one of the units */
	struct home *home;           /* owned, as all below */
	struct enrolment *enrolment; /* NULL: not enrolled */
	struct settings *settings;   /* NULL until they were read, or where they are wrong */
	json_t *findings;            /* [{"check","level","text","next"?}] */
	bool is_out_of_reach;        /* the collector did not answer */
	enum doctor_level worst;
	const char *check; /* the one that runs */
};

/* next: a command or what else is to be done; NULL: nothing. */
void doctor_say(struct doctor *doctor, enum doctor_level level, const char *next, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Of what was wanted; denied is DOCTOR_UNSEEN, whatever the level. */
void doctor_say_err(struct doctor *doctor, enum doctor_level level, const char *next, const struct err *err);
/* A JSON object of our own state. ERR_ABSENT, ERR_DENIED, ... as file_read(). New reference. */
MUST_CHECK bool doctor_read_json(const char *path, json_t **ret_object, struct err *err);
/* "3 minutes", for a time that has passed; returns text. */
char *doctor_span(int64_t seconds, char text[32]);

/* The questions, in the files that they stand in. */
void doctor_enrolled(struct doctor *doctor);
void doctor_identity(struct doctor *doctor);
void doctor_certificate(struct doctor *doctor);

void doctor_policy(struct doctor *doctor);
void doctor_waivers(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_spool(struct doctor *doctor);
void doctor_locks(struct doctor *doctor);

void doctor_paths(struct doctor *doctor);
void doctor_helpers(struct doctor *doctor);
void doctor_sealer(struct doctor *doctor);
void doctor_chain(struct doctor *doctor);

void doctor_collector(struct doctor *doctor);
void doctor_log(struct doctor *doctor);

void doctor_units(struct doctor *doctor);
void doctor_dropins(struct doctor *doctor);
