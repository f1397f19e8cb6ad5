/* vouch doctor: who this host is, and with which keys. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enrol.h"
#include "agent/look.h"
#include "agent/renew.h"
#include "cli/doctor.h"
#include "core/times.h"

#define ENROL "vouch enrol URL --token-file FILE --ca-fingerprint FINGERPRINT"

static void say_request(struct doctor *doctor) {
	CLEANUP(free_ptr) char *request = file_join(doctor->home->folder, HOME_REQUEST);
	if (access(request, F_OK) == 0)
		doctor_say(doctor, DOCTOR_WARNING, "vouch enrol URL --certificate FILE --ca FILE --log-key KEY",
			   "keys wait in %s for the certificate that was asked for", request);
}

void doctor_enrolled(struct doctor *doctor) {
	char at[TIMES_TEXT];
	struct err err;
	say_request(doctor);
	if (!enrolment_read(doctor->home, &doctor->enrolment, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, ENROL, &err);
		return;
	}
	const struct enrolment *enrolment = doctor->enrolment;
	doctor_say(doctor, DOCTOR_OK, NULL, "%s (%s) is enrolled with %s since %s", enrolment->host_name,
		   enrolment->host_id, enrolment->collector, times_format(enrolment->enrolled_at, at));
}

/* vouchd refuses a round on a host whose id is not the enrolled one. */
static void say_host(struct doctor *doctor) {
	CLEANUP(round_free_p) struct round *header = xcalloc(1, sizeof *header);
	struct err err;
	if (doctor->enrolment->is_drawn)
		doctor_say(doctor, DOCTOR_OK, NULL, "its id was drawn at enrolment: there is no machine id to compare");
	else if (!enrol_header(NULL, header, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
	else if (!*header->host_id)
		doctor_say(doctor, DOCTOR_PROBLEM, "systemd-machine-id-setup",
			   "this host has no machine id any more, by which it was enrolled");
	else if (strcmp(header->host_id, doctor->enrolment->host_id) != 0)
		doctor_say(
			doctor, DOCTOR_PROBLEM, "vouch reset --image --force, then enrol anew",
			"this host is %s, but %s was enrolled: the machine id changed, or the state folder was copied",
			header->host_id, doctor->enrolment->host_id);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the machine id is the one that was enrolled");
}

static void say_key(struct doctor *doctor, const char *path) {
	struct stat status;
	CLEANUP(free_ptr) char *command = xasprintf("chmod 600 %s", path);
	struct err err;
	if (stat(path, &status) != 0) {
		err_errno(&err, errno, ERR_IO, path, "look at");
		doctor_say_err(doctor, DOCTOR_PROBLEM, "restore it from a backup, or " ENROL " --force", &err);
	} else if (status.st_mode & 077) {
		doctor_say(doctor, DOCTOR_PROBLEM, command, "%s can be read by others than its owner", path);
	}
}

void doctor_identity(struct doctor *doctor) {
	say_host(doctor);
	say_key(doctor, doctor->home->evidence_key);
	say_key(doctor, doctor->home->transport_key);
}

/* --- the certificate ---------------------------------------------------------------------------------------------- */

static const char *who_renews(const struct doctor *doctor) {
	return doctor->enrolment->is_outside ? "vouch enrol --renew --certificate FILE, with its CA's next one"
					     : "journalctl -u vouch-ship";
}

static void say_ends(struct doctor *doctor, const struct renewal *renewal) {
	char at[TIMES_TEXT], span[32];
	const int64_t now = times_now(), ends = renewal_ends(renewal), due = renewal_due(renewal);
	times_format(ends, at);
	if (ends <= now)
		doctor_say(doctor, DOCTOR_PROBLEM,
			   doctor->enrolment->is_outside ? who_renews(doctor) : ENROL " --force", "%s ended at %s",
			   renewal_certificate(renewal), at);
	else if (due < now && (now - due) * 2 > ends - due)
		doctor_say(doctor, DOCTOR_WARNING, who_renews(doctor),
			   "the certificate ends at %s, in %s, and ought to have been renewed", at,
			   doctor_span(ends - now, span));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the certificate ends at %s, in %s", at,
			   doctor_span(ends - now, span));
}

void doctor_certificate(struct doctor *doctor) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(renewal_free_p) struct renewal *renewal = NULL;
	struct err err;
	if (!home_public_key(doctor->home->transport_public, &key, &err) ||
	    !renewal_open(doctor->home, doctor->enrolment, key, &renewal, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
	else
		say_ends(doctor, renewal);
}
