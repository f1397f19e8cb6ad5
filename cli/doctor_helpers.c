/* vouch doctor: whether the helpers can be reached and see, and whether the sealer signs for this chain. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/chain.h"
#include "agent/sealer_wire.h"
#include "broker/paths.h"
#include "cli/doctor.h"
#include "cli/named.h"

/* Which helper, and one thing that it alone is there to look at; NULL: it is only reached. */
static const struct helper_row {
	const char *socket, *unit, *sample;
} helpers[] = {
	{"broker-fs.sock", "vouch-broker-fs.socket", "file:/etc/machine-id"},
	{"broker-net.sock", "vouch-broker-net.socket", "sockets:listen"},
	{"broker-audit.sock", "vouch-broker-audit.socket", "audit:status"},
	{"broker-audit-notices.sock", "vouch-broker-audit-notices.socket", NULL},
	{"broker-ptrace.sock", "vouch-broker-ptrace.socket", "netns:"},
	{"prober.sock", "vouch-prober.socket", NULL},
};

void doctor_paths(struct doctor *doctor) {
	CLEANUP(paths_file_done) struct paths_file file = {.path = PATHS_FILE};
	struct err err;
	if (!paths_file_refresh(&file, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM, "vouch paths >" PATHS_FILE, &err);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, PATHS_FILE " says what the helpers may look at");
}

static bool reach(const char *path, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) ||
	       err_errno(err, errno, ERR_IO, path, "connect");
}

/* Who has not been reached says so with the socket's path (sources/reach.h). */
static bool has_no_answer(const struct source *source, const char *socket) {
	return !source || source->err.code == ERR_TIMEOUT ||
	       (source->err.code == ERR_UNPROVED && strstr(source->err.why, socket));
}

/* What the host does not have, or does not let be seen, is not the helper's fault; no answer is. */
static void look_through(struct doctor *doctor, const struct helper_row *row) {
	CLEANUP(json_decref_p) json_t *names = json_pack("[s]", row->sample);
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(free_ptr) char *command = xasprintf("journalctl -u '%.*s*'", (int)strcspn(row->unit, "."), row->unit);
	const struct host host = {.helpers = doctor->helpers};
	struct err err;
	if (!named_read(&host, names, set, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
		return;
	}
	const struct source *source = sources_count(set) ? sources_at(set, 0) : NULL;
	if (has_no_answer(source, row->socket))
		doctor_say(doctor, DOCTOR_PROBLEM, command, "a look at %s through %s got no answer%s%s", row->sample,
			   row->socket, source ? ": " : "", source ? source->err.why : "");
	else if (source->err.code)
		doctor_say(doctor, DOCTOR_WARNING, NULL, "%s answers, but a look at %s is %s: %s", row->socket,
			   row->sample, err_code_name(source->err.code), source->err.why);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s answers a look at %s", row->socket, row->sample);
}

void doctor_helpers(struct doctor *doctor) {
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		CLEANUP(free_ptr) char *path = file_join(doctor->helpers, helpers[i].socket);
		CLEANUP(free_ptr) char *command = xasprintf("systemctl start %s", helpers[i].unit);
		struct err err;
		if (!reach(path, &err))
			doctor_say_err(doctor, DOCTOR_PROBLEM, command, &err);
		else if (helpers[i].sample)
			look_through(doctor, &helpers[i]);
		else
			doctor_say(doctor, DOCTOR_OK, NULL, "%s can be reached", helpers[i].socket);
	}
}

/* --- the sealer --------------------------------------------------------------------------------------------------- */

/* Something that is no statement: it is refused, by one who is there, and nothing is signed. The sealer's journal has a
 * line of it. */
void doctor_sealer(struct doctor *doctor) {
	CLEANUP(free_ptr) char *path = file_join(doctor->helpers, SEALER_SOCKET);
	struct sealer_reply reply;
	struct err err;
	if (!sealer_ask(path, "{}", 2, &reply, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM,
			       "systemctl start vouch-sealer.socket; journalctl -u vouch-sealer", &err);
	else if (reply.outcome == SEALER_FAILED)
		doctor_say(doctor, DOCTOR_PROBLEM, "journalctl -u vouch-sealer", "the sealer cannot sign: %s",
			   reply.why);
	else if (reply.outcome == SEALER_SIGNED)
		doctor_say(doctor, DOCTOR_PROBLEM, "reinstall vouch-sealer", "the sealer signs what is no statement");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the sealer answers, and refuses what is no statement");
}

struct place {
	int64_t sequence;
	const char *digest; /* borrowed */
};

/* True and is_there false: nothing was sealed yet. */
static bool read_place(const char *path, const char *digest, json_t **ret_object, struct place *ret_place,
		       struct err *err) {
	struct err why;
	if (!doctor_read_json(path, ret_object, &why)) {
		*err = why;
		return why.code == ERR_ABSENT;
	}
	return json_get_int(*ret_object, "sequence", path, &ret_place->sequence, err) &&
	       json_get_string(*ret_object, digest, path, &ret_place->digest, err);
}

static bool is_together(const struct place *chain, const struct place *sealer) {
	return chain->sequence == sealer->sequence && !strcmp(chain->digest, sealer->digest);
}

static bool is_key(struct doctor *doctor, const json_t *position) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	char hex[HASH_HEX];
	struct err ignored;
	const char *enrolled = json_string_value(json_object_get(position, "enrolled"));
	if (!enrolled || !home_public_key(doctor->home->evidence_public, &key, &ignored))
		return true; /* said elsewhere */
	const struct hash id = key_id(key);
	return !strcmp(enrolled, hash_hex(&id, hex));
}

static void say_apart(struct doctor *doctor, const struct place *chain, const struct place *sealer) {
	CLEANUP(free_ptr) char *unsigned_line = file_join(doctor->home->incoming, SPOOL_UNSIGNED);
	if (sealer->sequence == chain->sequence + 1 && access(unsigned_line, F_OK) == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "number %lld is signed and not in the chain yet: vouchd finishes it",
			   (long long)sealer->sequence);
	else
		doctor_say(doctor, DOCTOR_PROBLEM,
			   "vouch enrol URL --force --token-file FILE --ca-fingerprint FINGERPRINT",
			   "the chain is at number %lld and the sealer at %lld: one of the two was set back, and "
			   "nothing more is signed",
			   (long long)chain->sequence, (long long)sealer->sequence);
}

/* False: what was read is said. */
static bool read_places(struct doctor *doctor, json_t **ret_chain, struct place *chain, json_t **ret_sealer,
			struct place *sealer) {
	struct err err;
	CLEANUP(free_ptr) char *position = doctor->keep ? file_join(doctor->keep, "position") : NULL;
	if (read_place(doctor->home->chain, "previous", ret_chain, chain, &err) &&
	    (!position || read_place(position, "digest", ret_sealer, sealer, &err)))
		return true;
	doctor_say_err(doctor, DOCTOR_PROBLEM, "restore it, or enrol anew", &err);
	return false;
}

static void say_places(struct doctor *doctor, const json_t *object, const struct place *chain, const json_t *position,
		       const struct place *sealer) {
	if (json_is_true(json_object_get(object, "full")))
		doctor_say(doctor, DOCTOR_PROBLEM, "bring the collector back, or raise spool_limit",
			   "the last statement says that the spool is full");
	if (!object && !position)
		doctor_say(doctor, DOCTOR_WARNING, "systemctl enable --now vouchd", "nothing was sealed yet");
	else if (position && !is_key(doctor, position))
		doctor_say(doctor, DOCTOR_PROBLEM, "systemctl restart vouch-sealer",
			   "the sealer holds the key of another enrolment");
	else if (doctor->keep && !is_together(chain, sealer))
		say_apart(doctor, chain, sealer);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the chain is at number %lld%s", (long long)chain->sequence,
			   doctor->keep ? ", and so is the sealer" : "");
}

/* Under vouchd's hands the two move: what differs is read again. */
void doctor_chain(struct doctor *doctor) {
	for (int tries = 0;; tries++) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		CLEANUP(json_decref_p) json_t *position = NULL;
		struct place chain = {.digest = ""}, sealer = {.digest = ""};
		if (!read_places(doctor, &object, &chain, &position, &sealer))
			return;
		if (doctor->keep && !is_together(&chain, &sealer) && tries < 5) {
			usleep(200000);
			continue;
		}
		say_places(doctor, object, &chain, position, &sealer);
		return;
	}
}
