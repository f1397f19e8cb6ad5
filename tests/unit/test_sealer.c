/* The sealer, and vouchd with it: whoever is killed at whatever instant, no number is used twice and none is left out,
 * and the collector takes the whole line. The program is the real one, started as systemd would. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/sealer_keeper.h"
#include "tests/unit/agent_home.h"
#include "tests/unit/collector_kit.h"

static struct agent_home agent;
static char *run, *keep, *socket_path; /* the helpers' folder, the sealer's own, its socket */
static int listening, notified, kept;  /* sockets; what systemd's descriptor store would hold, or -1 */
static bool has_store;
static pid_t sealer_pid;
static int64_t span;          /* of the keepers that are opened */
static const char *epoch_for; /* of the program */

static void listen_at(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listening, 64), 0);
}

static void notify_at(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(notified, (struct sockaddr *)&address, sizeof address), 0);
}

/* A message to the service manager, and what it would do with it; false when there is none. */
static bool heed(void) {
	char text[256] = "", control[256];
	struct iovec part = {text, sizeof text - 1};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (recvmsg(notified, &message, MSG_CMSG_CLOEXEC) < 0)
		return false;
	if (strstr(text, "FDSTOREREMOVE=1")) {
		close_fd(&kept);
		kept = -1;
	}
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
		if (at->cmsg_type != SCM_RIGHTS)
			continue;
		assert_int_equal(kept, -1); /* FileDescriptorStoreMax=1 */
		assert_non_null(strstr(text, "FDNAME=epoch"));
		memcpy(&kept, CMSG_DATA(at), sizeof kept);
	}
	return true;
}

static void exec_sealer(void) {
	char pid[16];
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", kept >= 0 ? "2" : "1", 1);
	setenv("LISTEN_FDNAMES", kept >= 0 ? "vouch-sealer.socket:epoch" : "vouch-sealer.socket", 1);
	if (has_store) {
		CLEANUP(free_ptr) char *path = file_join(run, "notify");
		setenv("NOTIFY_SOCKET", path, 1);
	}
	/* Copies from 10 on, so that none is in the other's place nor stays close-on-exec. */
	int copy = fcntl(listening, F_DUPFD, 10), copy_kept = kept >= 0 ? fcntl(kept, F_DUPFD, 10) : -1;
	dup2(copy, 3);
	if (copy_kept >= 0)
		dup2(copy_kept, 4);
	execl(BINARY_DIR "/vouch-sealer", "vouch-sealer", "--client", "root", "--state", agent.folder, "--keep", keep,
	      "--epoch", epoch_for, (char *)NULL);
	_exit(127);
}

/* A child that ends with this process, also when a test failed and left it. */
static pid_t fork_bound(void) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(126);
	return pid;
}

static void start_sealer(void) {
	while (heed())
		;
	sealer_pid = fork_bound();
	if (sealer_pid == 0)
		exec_sealer();
}

static void kill_and_wait(pid_t pid) {
	int status;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it had not ended by itself */
}

static int make(void **state) {
	agent_home_new(&agent);
	run = scratch_new();
	keep = scratch_new();
	socket_path = file_join(run, SEALER_SOCKET);
	listen_at(socket_path);
	CLEANUP(free_ptr) char *notify_path = file_join(run, "notify");
	notify_at(notify_path);
	kept = -1;
	has_store = true;
	span = KEEPER_SPAN;
	epoch_for = "24h";
	return 0;
}

static int make_running(void **state) {
	make(state);
	start_sealer();
	return 0;
}

static int drop(void **state) {
	if (sealer_pid > 0)
		kill_and_wait(sealer_pid);
	sealer_pid = 0;
	close(listening);
	close(notified);
	close_fd(&kept);
	free(socket_path);
	scratch_free(&run);
	scratch_free(&keep);
	agent_home_done(&agent);
	return 0;
}

static struct sealer *sealer_apart(void) {
	struct sealer *sealer = NULL;
	struct err err = {0};
	must(sealer_open(agent.home, agent.enrolment, run, "test", SPOOL_LIMIT_DEFAULT, &sealer, &err));
	return sealer;
}

static bool seal_round(struct sealer *sealer, struct err *err) {
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, NULL);
	enum sealed sealed;
	return seal(sealer, agent.stack->policies, round, "manual", &sealed, err);
}

/* The collector takes every line of the queue; their number. */
static size_t collector_takes_all(void) {
	struct kit kit;
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	CLEANUP(key_free_p) EVP_PKEY *transport = NULL;
	struct kit_host host = {.id = agent.enrolment->host_id};
	struct err err = {0};
	kit_make(&kit);
	must(home_public_key(agent.home->transport_public, &transport, &err));
	struct hash id = key_id(transport);
	snprintf(host.peer.host, sizeof host.peer.host, "%s", host.id);
	hash_hex(&id, host.peer.transport);
	host.peer.transport_key = kit_spki(transport);
	must(spool_list(agent.home->queue, &queue, &err));
	for (size_t i = 0; i < queue.count; i++) {
		CLEANUP(free_ptr) char *text = scratch_text(agent.home->queue, queue.names[i]);
		struct buf line = {0};
		buf_adds(&line, text);
		CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &line);
		buf_done(&line);
		assert_int_equal(strtol(queue.names[i], NULL, 10), i + 1);
		if (strcmp(kit_answer(answers, 0, "outcome"), "logged") != 0)
			fail_msg("%s: %s", queue.names[i], kit_answer(answers, 0, "reason"));
	}
	peer_done(&host.peer);
	kit_done(&kit);
	return queue.count;
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

struct line { /* what a hostile vouchd has: it can write any statement */
	int64_t sequence;
	char previous[HASH_HEX];
	const char *type, *host, *marker, *reason, *boot, *last_boot;
	char *epoch; /* what the last reply named */
	struct buf payload;
};

static void line_done(struct line *line) {
	free(line->epoch);
	buf_done(&line->payload);
}

static EVP_PKEY *evidence(void) {
	EVP_PKEY *key = NULL;
	struct err err = {0};
	must(key_load(agent.home->evidence_key, &key, &err));
	return key;
}

static void write_payload(struct line *line) {
	struct err err = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = evidence();
	CLEANUP(free_ptr) char *spki = kit_spki(key);
	struct statement statement = {
		.type = (char *)line->type,
		.host_id = (char *)(line->host ? line->host : agent.enrolment->host_id),
		.host_name = (char *)"db1",
		.host_os = (char *)"debian 12",
		.environment = (char *)(line->marker ? line->marker : ""),
		.framework = (char *)"iso27001:2022",
		.sequence = line->sequence,
		.previous = line->previous,
		.boot_id = (char *)(line->boot ? line->boot : "boot"),
		.trigger = (char *)"manual",
		.policies = json_array(),
		.evidence_key = spki,
		.transport_key = spki,
		.body_name = (char *)"b",
	};
	if (!strcmp(line->type, "epoch")) {
		statement.epoch_key = line->epoch;
		statement.reason = (char *)line->reason;
		statement.last_boot_id = (char *)(line->last_boot ? line->last_boot : "boot");
	}
	buf_done(&line->payload);
	must(statement_write(&statement, &line->payload, &err));
	json_decref(statement.policies);
}

/* With what the store holds, which then holds the new one. */
static struct keeper *open_keeper(void) {
	struct keeper *keeper = NULL;
	struct err err = {0};
	must(keeper_open(keep, host_key_of(evidence()), agent.enrolment->host_id, span, kept, &keeper, &err));
	if (keeper_epoch(keeper) >= 0) {
		close_fd(&kept);
		kept = dup(keeper_epoch(keeper));
	}
	return keeper;
}

static struct sealer_reply ask(struct keeper *keeper, struct line *line) {
	struct sealer_reply reply;
	write_payload(line);
	keeper_sign(keeper, line->payload.data, line->payload.len, &reply);
	if (reply.outcome == SEALER_EPOCH) {
		free(line->epoch);
		line->epoch = base64_encode(reply.key, reply.key_len);
	}
	return reply;
}

/* What was just signed becomes what came before. */
static void step_on(struct line *line) {
	struct hash digest = hash_of(line->payload.data, line->payload.len);
	hash_hex(&digest, line->previous);
	line->sequence++;
	line->type = "round";
}

static void refuses(struct keeper *keeper, struct line line, const char *why) {
	line.payload = (struct buf){0};
	struct sealer_reply reply = ask(keeper, &line);
	buf_done(&line.payload);
	assert_int_equal(reply.outcome, SEALER_REFUSED);
	assert_int_equal(reply.signature_len, 0);
	if (!strstr(reply.why, why))
		fail_msg("\"%s\" does not say \"%s\"", reply.why, why);
}

/* Enrolment and epoch; the next is number 3. */
static void begin_line(struct keeper *keeper, struct line *line) {
	line->sequence = 1;
	line->previous[0] = '\0';
	line->type = "enrolment";
	assert_int_equal(ask(keeper, line).outcome, SEALER_SIGNED);
	step_on(line);
	assert_int_equal(ask(keeper, line).outcome, SEALER_EPOCH);
	line->type = "epoch";
	line->reason = "enrolment";
	assert_int_equal(ask(keeper, line).outcome, SEALER_SIGNED);
	step_on(line);
}

static void signature_is_by_the_enrolled_key_over_the_payload(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	CLEANUP(key_free_p) EVP_PKEY *key = evidence();
	CLEANUP(buf_done) struct buf pae = {0};
	struct line line = {.sequence = 1, .type = "enrolment"};
	struct sealer_reply reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_SIGNED);
	dsse_pae(DSSE_INTOTO, line.payload.data, line.payload.len, &pae);
	assert_true(key_is_signed(key, pae.data, pae.len, reply.signature, reply.signature_len));
	buf_done(&line.payload);
}

static void payload_signed_last_gets_its_signature_again(void **state) {
	struct keeper *keeper = open_keeper();
	struct line line = {.sequence = 1, .type = "enrolment"};
	struct sealer_reply first = ask(keeper, &line), again = ask(keeper, &line);
	assert_memory_equal(&first, &again, sizeof first);
	keeper_free(keeper);
	keeper = open_keeper();
	again = ask(keeper, &line);
	assert_memory_equal(&first, &again, sizeof first);
	keeper_free(keeper);
	buf_done(&line.payload);
}

static void another_payload_for_a_used_number_is_a_fork_for_ever(void **state) {
	struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	begin_line(keeper, &line);
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	struct line other = line;
	other.marker = "other";
	refuses(keeper, other, "a fork: another statement was signed as number 3");
	keeper_free(keeper);
	keeper = open_keeper();
	refuses(keeper, other, "a fork: another statement was signed as number 3");
	other.sequence = 1;
	other.previous[0] = '\0';
	other.type = "enrolment";
	refuses(keeper, other, "a fork: another statement was signed as number 1");
	keeper_free(keeper);
}

static void gap_and_another_past_are_refused(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	begin_line(keeper, &line);
	struct line gap = line, past = line;
	gap.sequence = 4;
	refuses(keeper, gap, "a gap: 4 came and 3 is next");
	past.previous[0] = past.previous[0] == '0' ? '1' : '0';
	refuses(keeper, past, "a fork: not the digest");
	past.previous[0] = '\0';
	refuses(keeper, past, "a fork: not the digest");
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
}

static void number_one_is_the_enrolment_of_this_host_and_key_and_nothing_else_is(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	struct line line = {.sequence = 1, .type = "round"};
	struct sealer_reply reply;
	refuses(keeper, line, "number 1 is the enrolment");
	line.type = "enrolment";
	line.host = "99999999-0817-4175-b6d7-defef2e5bc19";
	refuses(keeper, line, "not the host that was enrolled");
	line.host = NULL;
	write_payload(&line);
	char *key = strstr(line.payload.data, "\"evidenceKey\":\"") + strlen("\"evidenceKey\":\"") + 30;
	*key = *key == 'A' ? 'B' : 'A';
	keeper_sign(keeper, line.payload.data, line.payload.len, &reply);
	assert_int_equal(reply.outcome, SEALER_REFUSED);
	assert_non_null(strstr(reply.why, "not the key that signs"));
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	step_on(&line);
	line.type = "enrolment";
	buf_done(&line.payload);
	refuses(keeper, line, "number 1 is the enrolment");
	line.type = "erasure";
	refuses(keeper, line, "not signed");
	line.type = "round";
	line.boot = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	refuses(keeper, line, "longer than any kernel's");
}

static void epoch_is_opened_once_with_its_own_key_and_the_true_reason(void **state) {
	struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	begin_line(keeper, &line);
	line.type = "epoch";
	line.reason = "rotation";
	refuses(keeper, line, "the epoch goes on");
	keeper_free(keeper);
	close_fd(&kept);
	kept = -1;
	keeper = open_keeper();
	refuses(keeper, line, "not the key that signs"); /* the last epoch's */
	line.type = "round";
	assert_int_equal(ask(keeper, &line).outcome, SEALER_EPOCH);
	line.type = "epoch";
	static const char *const wrong[] = {"enrolment", "boot", "rotation"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		line.reason = wrong[i];
		refuses(keeper, line, "it is \"reset\"");
	}
	line.reason = "boot";
	line.last_boot = line.boot = "another";
	refuses(keeper, line, "not the boot of the statement signed last");
	line.last_boot = NULL;
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
}

static void enrolled_key_is_dropped_and_the_epochs_signs(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	CLEANUP(buf_done) struct buf pae = {0};
	CLEANUP(key_free_p) EVP_PKEY *enrolled = evidence();
	CLEANUP(key_free_p) EVP_PKEY *epoch = NULL;
	struct err err = {0};
	begin_line(keeper, &line);
	struct sealer_reply reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_SIGNED);
	must(key_from_public_der(reply.key, reply.key_len, "reply", &epoch, &err));
	CLEANUP(free_ptr) char *named = base64_encode(reply.key, reply.key_len);
	assert_string_equal(named, line.epoch);
	dsse_pae(DSSE_INTOTO, line.payload.data, line.payload.len, &pae);
	assert_true(key_is_signed(epoch, pae.data, pae.len, reply.signature, reply.signature_len));
	assert_false(key_is_signed(enrolled, pae.data, pae.len, reply.signature, reply.signature_len));
}

static void damaged_or_another_key_in_the_store_is_not_used(void **state) {
	struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	begin_line(keeper, &line);
	keeper_free(keeper);
	int good = kept;
	uint8_t seed[32] = {1};
	for (size_t len = 31; len <= 65; len++) {
		kept = memfd_create("test", MFD_CLOEXEC);
		uint8_t longer[65] = {0};
		bool is_length = len == 32 || len == 64;
		assert_int_equal(pread(good, longer, 64, 0), 64);
		if (is_length)
			memcpy(longer, seed, sizeof seed);
		assert_int_equal(write(kept, longer, len), len);
		keeper = open_keeper();
		assert_true(keeper_epoch(keeper) >= 0);
		keeper_free(keeper);
		close_fd(&kept);
	}
	kept = good;
	keeper = open_keeper();
	assert_int_equal(keeper_epoch(keeper), -1);
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
}

/* A store of an earlier version: one seed, which cannot be overwritten. */
static void key_kept_by_an_earlier_version_goes_on(void **state) {
	struct keeper *keeper = open_keeper();
	CLEANUP(line_done) struct line line = {0};
	uint8_t seed[32];
	begin_line(keeper, &line);
	keeper_free(keeper);
	assert_int_equal(pread(kept, seed, 32, 0), 32);
	close_fd(&kept);
	kept = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(kept, seed, 32), 32);
	assert_int_equal(fcntl(kept, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	keeper = open_keeper();
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
	keeper = open_keeper(); /* with what the store holds now */
	assert_int_equal(keeper_epoch(keeper), -1);
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
}

/* --- a key in the place of one that has signed for its span ------------------------------------------------------ */

static void read_seeds(uint8_t seeds[64]) { assert_int_equal(pread(kept, seeds, 64, 0), 64); }

static bool holds_seed(const uint8_t *seed) {
	uint8_t seeds[64];
	read_seeds(seeds);
	return !memcmp(seeds, seed, 32) || !memcmp(seeds + 32, seed, 32);
}

/* Two rounds of a line, and the span is over. */
static struct keeper *open_when_due(struct line *line) {
	struct keeper *keeper = open_keeper();
	begin_line(keeper, line);
	assert_int_equal(ask(keeper, line).outcome, SEALER_SIGNED);
	step_on(line);
	keeper_free(keeper);
	span = 0;
	keeper = open_keeper();
	span = KEEPER_SPAN;
	return keeper;
}

/* The statement that the last reply asks for. */
static void name_next(struct line *line) {
	line->type = "epoch";
	line->reason = "rotation";
}

static void next_key_is_named_by_the_one_before_it_which_is_then_gone(void **state) {
	CLEANUP(line_done) struct line line = {0};
	CLEANUP(keeper_free_p) struct keeper *keeper = open_when_due(&line);
	CLEANUP(free_ptr) char *before = xstrdup(line.epoch);
	uint8_t seeds[64];
	struct sealer_reply reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_EPOCH);
	assert_true(reply.is_rotation);
	assert_string_not_equal(before, line.epoch);
	read_seeds(seeds);
	name_next(&line);
	reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_SIGNED);
	CLEANUP(free_ptr) char *signer = base64_encode(reply.key, reply.key_len);
	assert_string_equal(signer, before);
	assert_false(holds_seed(seeds));
	assert_true(holds_seed(seeds + 32));
	struct sealer_reply again = ask(keeper, &line);
	assert_memory_equal(&again, &reply, sizeof reply);
}

static void epoch_s_key_changes_with_the_true_reason_and_the_named_key_alone(void **state) {
	CLEANUP(line_done) struct line line = {0};
	CLEANUP(keeper_free_p) struct keeper *keeper = open_when_due(&line);
	CLEANUP(free_ptr) char *before = xstrdup(line.epoch);
	assert_int_equal(ask(keeper, &line).outcome, SEALER_EPOCH);
	name_next(&line);
	static const char *const wrong[] = {"enrolment", "boot", "reset"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct line other = line;
		other.reason = wrong[i];
		refuses(keeper, other, "it is \"rotation\"");
	}
	struct line other = line;
	other.epoch = before;
	refuses(keeper, other, "not the key that signs");
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
}

/* Killed when the next key was kept and no statement names it. */
static void key_that_no_statement_names_yet_is_forgotten_with_a_crash(void **state) {
	CLEANUP(line_done) struct line line = {0};
	struct keeper *keeper = open_when_due(&line);
	uint8_t seeds[64];
	struct line round = line;
	round.epoch = NULL;
	round.payload = (struct buf){0};
	assert_int_equal(ask(keeper, &line).outcome, SEALER_EPOCH);
	read_seeds(seeds);
	keeper_free(keeper);
	keeper = open_keeper();
	assert_true(holds_seed(seeds));
	assert_false(holds_seed(seeds + 32));
	name_next(&line);
	refuses(keeper, line, "the epoch goes on");
	assert_int_equal(ask(keeper, &round).outcome, SEALER_SIGNED);
	line_done(&round);
	keeper_free(keeper);
}

/* Killed when the statement was on the disk and the key before still in the store. */
static void key_that_was_replaced_is_gone_after_a_crash_too(void **state) {
	CLEANUP(line_done) struct line line = {0};
	struct keeper *keeper = open_when_due(&line);
	uint8_t seeds[64];
	assert_int_equal(ask(keeper, &line).outcome, SEALER_EPOCH);
	read_seeds(seeds);
	name_next(&line);
	struct sealer_reply reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_SIGNED);
	keeper_free(keeper);
	assert_int_equal(pwrite(kept, seeds, 64, 0), 64);
	keeper = open_keeper();
	assert_false(holds_seed(seeds));
	struct sealer_reply again = ask(keeper, &line);
	assert_memory_equal(&again, &reply, sizeof reply);
	step_on(&line);
	reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_SIGNED);
	CLEANUP(free_ptr) char *signer = base64_encode(reply.key, reply.key_len);
	assert_string_equal(signer, line.epoch);
	keeper_free(keeper);
}

static void what_is_no_statement_is_refused(void **state) {
	static const char *const wrong[] = {"", "{}", "x", "{\"_type\":\"https://in-toto.io/Statement/v1\"}", "[]"};
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	struct sealer_reply reply;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		keeper_sign(keeper, wrong[i], strlen(wrong[i]), &reply);
		assert_int_equal(reply.outcome, SEALER_REFUSED);
	}
}

static void position_that_cannot_be_written_gives_no_signature(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	struct line line = {.sequence = 1, .type = "enrolment"};
	CLEANUP(free_ptr) char *elsewhere = xasprintf("%s-away", keep);
	assert_int_equal(rename(keep, elsewhere), 0);
	struct sealer_reply reply = ask(keeper, &line);
	assert_int_equal(reply.outcome, SEALER_FAILED);
	assert_int_equal(reply.signature_len, 0);
	assert_int_equal(rename(elsewhere, keep), 0);
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	buf_done(&line.payload);
}

static void damaged_position_is_not_begun_anew(void **state) {
	CLEANUP(key_free_p) EVP_PKEY *key = evidence();
	struct hash id = key_id(key);
	char hex[HASH_HEX];
	CLEANUP(free_ptr) char *wrong = xasprintf("{\"enrolled\":\"%s\",\"sequence\":0}", hash_hex(&id, hex));
	const char *const damaged[] = {"", "{}", "[]", wrong};
	CLEANUP(host_key_free_p) struct host_key *apart = host_key_of(evidence());
	struct keeper *keeper = NULL;
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		scratch_put(keep, "position", damaged[i]);
		assert_false(keeper_open(keep, apart, agent.enrolment->host_id, span, -1, &keeper, &err));
	}
}

static void host_enrolled_anew_begins_a_new_line(void **state) {
	struct keeper *keeper = open_keeper();
	struct line line = {.sequence = 1, .type = "enrolment"};
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	struct err err = {0};
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
	assert_int_equal(unlink(agent.home->evidence_key), 0);
	must(key_make_ed25519(&other, &err) && key_save(agent.home->evidence_key, other, &err));
	keeper = open_keeper();
	assert_true(keeper_epoch(keeper) >= 0); /* and not in the old line's epoch */
	assert_int_equal(ask(keeper, &line).outcome, SEALER_SIGNED);
	keeper_free(keeper);
	buf_done(&line.payload);
}

static void second_sealer_is_refused(void **state) {
	CLEANUP(keeper_free_p) struct keeper *keeper = open_keeper();
	CLEANUP(host_key_free_p) struct host_key *key = host_key_of(evidence());
	struct keeper *second = NULL;
	struct err err;
	assert_false(keeper_open(keep, key, agent.enrolment->host_id, span, -1, &second, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static void rounds_through_the_program_are_taken_by_the_collector(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	must(seal_round(sealer, &err));
	must(seal_round(sealer, &err));
	assert_int_equal(collector_takes_all(), 5);
	assert_false(scratch_has(agent.home->incoming, SPOOL_UNSIGNED));
}

static void vouchd_needs_no_private_key(void **state) {
	struct err err = {0};
	CLEANUP(sealer_close_p) struct sealer *first = sealer_apart();
	must(seal_round(first, &err)); /* the program has read it */
	assert_int_equal(unlink(agent.home->evidence_key), 0);
	must(seal_round(first, &err));
	assert_int_equal(collector_takes_all(), 5);
}

static int connect_to_sealer(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* Bytes of the answer, 0 when the sealer hangs up. */
static ssize_t answer_to(const void *data, size_t len) {
	CLEANUP(close_fd) int fd = connect_to_sealer();
	struct sealer_reply reply;
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
	return recv(fd, &reply, sizeof reply, 0);
}

static void request_over_the_cap_gets_no_answer_and_the_next_one_does(void **state) {
	CLEANUP(free_ptr) char *long_one = xcalloc(1, DSSE_PAYLOAD_LARGEST + 1);
	assert_true(answer_to(long_one, DSSE_PAYLOAD_LARGEST + 1) <= 0);
	assert_int_equal(answer_to(long_one, DSSE_PAYLOAD_LARGEST), sizeof(struct sealer_reply));
	close(connect_to_sealer());
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	must(seal_round(sealer, &err));
}

static void stranger_gets_no_answer(void **state) {
	int status;
	if (geteuid() != 0)
		fail_msg("this test needs root, to become somebody else");
	assert_int_equal(chmod(run, 0755) | chmod(socket_path, 0666), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(3);
		struct sealer_reply reply;
		CLEANUP(close_fd) int fd = connect_to_sealer();
		(void)!send(fd, "{}", 2, MSG_NOSIGNAL);
		_exit(recv(fd, &reply, sizeof reply, 0) <= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(answer_to("{}", 2), sizeof(struct sealer_reply));
}

static void key_is_in_locked_pages_and_no_core_is_written(void **state) {
	assert_int_equal(answer_to("{}", 2), sizeof(struct sealer_reply)); /* it is up */
	CLEANUP(free_ptr) char *folder = xasprintf("/proc/%d", (int)sealer_pid);
	CLEANUP(free_ptr) char *status = scratch_text(folder, "status");
	CLEANUP(free_ptr) char *limits = scratch_text(folder, "limits");
	assert_non_null(strstr(status, "VmLck:\t      64 kB"));
	assert_non_null(strstr(limits, "Max core file size        0                    0"));
}

static void no_sealer_means_no_statement_and_one_later(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	assert_int_equal(unlink(socket_path), 0);
	close(listening);
	assert_false(seal_round(sealer, &err));
	assert_int_equal(sealer->chain->sequence, 0);
	assert_int_equal(scratch_count(agent.home->queue), 0);
	listen_at(socket_path);
	start_sealer();
	must(seal_round(sealer, &err));
	assert_int_equal(collector_takes_all(), 4);
}

static void round_of_a_line_begun_without_the_sealer_is_refused_with_the_reason(void **state) {
	struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	struct err err;
	agent_round(&agent, sealer);
	sealer_close(sealer);
	sealer = sealer_apart();
	assert_false(seal_round(sealer, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "has not signed the host's enrolment"));
	assert_int_equal(sealer->chain->sequence, 3);
	assert_false(scratch_has(agent.home->incoming, SPOOL_UNSIGNED));
	sealer_close(sealer);
}

/* --- what a crash of vouchd can leave ------------------------------------------------------------------------------
 */

/* Five statements, and what was on the disk before the last of them. */
struct crash {
	char *chain, *position, *line; /* chain.json and position before, the line */
	char name[SPOOL_NAME_LONGEST];
};

static void crash_done(struct crash *crash) {
	free(crash->chain);
	free(crash->position);
	free(crash->line);
}

/* A second round, sealed, and taken apart again: only unsigned.json is there of it. */
static void leave_unsigned(struct crash *crash) {
	struct err err = {0};
	struct sealer *sealer = sealer_apart();
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(buf_done) struct buf line = {0};
	must(seal_round(sealer, &err));
	*crash = (struct crash){.chain = scratch_text(agent.home->spool, "chain.json"),
				.position = scratch_text(keep, "position")};
	must(seal_round(sealer, &err));
	snprintf(crash->name, sizeof crash->name, "%s", sealer->chain->entry);
	sealer_close(sealer);
	crash->line = scratch_text(agent.home->queue, crash->name);
	must(statement_wire_read(crash->line, strlen(crash->line), "line", &envelope, &body, &err));
	free(envelope->signatures[0].keyid);
	buf_done(&envelope->signatures[0].bytes);
	envelope->signature_count = 0;
	statement_wire_write(envelope, body.data, body.len, &line);
	scratch_put(agent.home->incoming, SPOOL_UNSIGNED, buf_str(&line));
	must(spool_remove(agent.home, crash->name, &err));
	scratch_put(agent.home->spool, "chain.json", crash->chain);
}

static void goes_on_with_the_same_line(const struct crash *crash) {
	struct err err = {0};
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	must(seal_round(sealer, &err));
	CLEANUP(free_ptr) char *again = scratch_text(agent.home->queue, crash->name);
	assert_string_equal(again, crash->line);
	assert_int_equal(collector_takes_all(), 6);
	assert_int_equal(scratch_count(agent.home->incoming), 0);
}

static void what_was_not_asked_for_is_signed_after_the_start(void **state) {
	CLEANUP(crash_done) struct crash crash;
	leave_unsigned(&crash);
	kill_and_wait(sealer_pid);
	scratch_put(keep, "position", crash.position);
	start_sealer();
	goes_on_with_the_same_line(&crash);
}

static void what_was_signed_and_not_heard_of_gets_the_same_signature(void **state) {
	CLEANUP(crash_done) struct crash crash;
	leave_unsigned(&crash);
	goes_on_with_the_same_line(&crash);
}

static void what_was_signed_and_not_in_the_chain_joins_it(void **state) {
	CLEANUP(crash_done) struct crash crash;
	leave_unsigned(&crash);
	scratch_put(agent.home->incoming, crash.name, crash.line);
	goes_on_with_the_same_line(&crash);
}

static void what_is_in_the_chain_is_not_signed_twice(void **state) {
	CLEANUP(crash_done) struct crash crash;
	struct err err = {0};
	leave_unsigned(&crash);
	CLEANUP(free_ptr) char *left = scratch_text(agent.home->incoming, SPOOL_UNSIGNED);
	struct sealer *sealer = sealer_apart();
	must(chain_ready(agent.home, sealer->chain, sealer->signer, &err));
	sealer_close(sealer);
	scratch_put(agent.home->incoming, SPOOL_UNSIGNED, left);
	goes_on_with_the_same_line(&crash);
}

/* An unsigned.json that vouchd wrote anew after the sealer signed another: what a hostile vouchd, or a restored
 * backup, would do. */
static void set_back_state_folder_cannot_go_on(void **state) {
	CLEANUP(crash_done) struct crash crash;
	struct err err;
	leave_unsigned(&crash);
	CLEANUP(free_ptr) char *path = file_join(agent.home->incoming, SPOOL_UNSIGNED);
	assert_int_equal(unlink(path), 0);
	scratch_put(agent.root, "etc/b", "another past\n");
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	assert_false(seal_round(sealer, &err));
	assert_non_null(strstr(err.why, "a fork"));
	assert_int_equal(collector_takes_all(), 4);
}

/* Statements of type epoch in the queue. */
static size_t count_epochs(const char *reason) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	struct err err = {0};
	size_t count = 0;
	must(spool_list(agent.home->queue, &queue, &err));
	for (size_t i = 0; i < queue.count; i++) {
		CLEANUP(free_ptr) char *text = scratch_text(agent.home->queue, queue.names[i]);
		CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
		CLEANUP(buf_done) struct buf body = {0};
		CLEANUP(statement_free_p) struct statement *statement = NULL;
		must(statement_wire_read(text, strlen(text), "line", &envelope, &body, &err) &&
		     statement_read(envelope->payload.data, envelope->payload.len, "payload", &statement, &err));
		count += !strcmp(statement->type, "epoch") && !strcmp(statement->reason, reason);
	}
	return count;
}

static void restart_sealer(void) {
	assert_true(answer_to("{}", 2) > 0); /* it is up, and has told the store */
	kill_and_wait(sealer_pid);
	start_sealer();
}

static void key_in_the_descriptor_store_goes_on_over_a_kill(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	must(seal_round(sealer, &err));
	restart_sealer();
	must(seal_round(sealer, &err));
	assert_int_equal(collector_takes_all(), 5);
	assert_int_equal(count_epochs("enrolment"), 1);
}

static void key_lost_within_a_boot_shows_as_reset_and_after_one_as_boot(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	has_store = false;
	must(seal_round(sealer, &err));
	while (heed())
		;
	close_fd(&kept);
	kept = -1;
	restart_sealer();
	must(seal_round(sealer, &err));
	scratch_put(agent.root, "proc/sys/kernel/random/boot_id", "6f1c7f4e-0000-4000-8000-00000000abcd\n");
	close_fd(&kept);
	kept = -1;
	restart_sealer();
	must(seal_round(sealer, &err));
	assert_int_equal(collector_takes_all(), 8);
	assert_int_equal(count_epochs("enrolment"), 1);
	assert_int_equal(count_epochs("reset"), 1);
	assert_int_equal(count_epochs("boot"), 1);
}

static void change_of_keys_is_taken_by_the_collector(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	struct err err = {0};
	must(seal_round(sealer, &err));
	/* An epoch of a time that is not yet is over: the clock is another boot's, or the file is. */
	CLEANUP(free_ptr) char *position = scratch_text(keep, "position");
	char *at = strstr(position, "\"epochAt\":");
	assert_non_null(at);
	CLEANUP(free_ptr)
	char *later = xasprintf("%.*s\"epochAt\":9999999999%s", (int)(at - position), position, strchr(at, ','));
	scratch_put(keep, "position", later);
	restart_sealer();
	must(seal_round(sealer, &err));
	must(seal_round(sealer, &err));
	assert_int_equal(count_epochs("rotation"), 1);
	assert_int_equal(count_epochs("enrolment"), 1);
	assert_int_equal(collector_takes_all(), sealer->chain->sequence);
}

/* Rounds without end, whatever happens to the sealer. */
static pid_t start_rounds(void) {
	pid_t pid = fork_bound();
	if (pid != 0)
		return pid;
	struct sealer *sealer = sealer_apart();
	struct err ignored;
	for (;;)
		(void)!seal_round(sealer, &ignored);
}

/* Until there is more in the queue; whoever was killed is up again then. */
static void wait_for_more(size_t than) {
	for (int i = 0; i < 20000 && scratch_count(agent.home->queue) <= than; i++)
		usleep(1000);
	assert_true(scratch_count(agent.home->queue) > than);
}

static void fifty_kills_at_random_instants_leave_no_gap_and_no_number_twice(void **state) {
	struct err err = {0};
	unsigned seed = (unsigned)getpid();
	epoch_for = "1s";
	kill_and_wait(sealer_pid);
	start_sealer();
	must(home_make(agent.home, &err)); /* there is a queue to look at */
	pid_t rounds = start_rounds();
	for (int i = 0; i < 50; i++) {
		wait_for_more(scratch_count(agent.home->queue));
		usleep((useconds_t)(rand_r(&seed) % 20000));
		if (i % 3 != 1) {
			kill_and_wait(rounds);
			rounds = start_rounds();
		}
		if (i % 3 != 0) {
			kill_and_wait(sealer_pid);
			start_sealer();
		}
	}
	kill_and_wait(rounds);
	CLEANUP(sealer_close_p) struct sealer *sealer = sealer_apart();
	while (!seal_round(sealer, &err)) /* when the span ended between an epoch's statement and the round's */
		assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(collector_takes_all(), sealer->chain->sequence);
	assert_int_equal(count_epochs("enrolment") + count_epochs("reset"), 1);
	print_message("%d statements, %zu changes of keys, seed %u\n", (int)sealer->chain->sequence,
		      count_epochs("rotation"), (unsigned)getpid());
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)
#define RUNNING(name) cmocka_unit_test_setup_teardown(name, make_running, drop)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(signature_is_by_the_enrolled_key_over_the_payload),
		CASE(payload_signed_last_gets_its_signature_again),
		CASE(another_payload_for_a_used_number_is_a_fork_for_ever),
		CASE(gap_and_another_past_are_refused),
		CASE(number_one_is_the_enrolment_of_this_host_and_key_and_nothing_else_is),
		CASE(what_is_no_statement_is_refused),
		CASE(position_that_cannot_be_written_gives_no_signature),
		CASE(damaged_position_is_not_begun_anew),
		CASE(host_enrolled_anew_begins_a_new_line),
		CASE(second_sealer_is_refused),
		RUNNING(rounds_through_the_program_are_taken_by_the_collector),
		RUNNING(vouchd_needs_no_private_key),
		RUNNING(request_over_the_cap_gets_no_answer_and_the_next_one_does),
		RUNNING(stranger_gets_no_answer),
		RUNNING(key_is_in_locked_pages_and_no_core_is_written),
		CASE(no_sealer_means_no_statement_and_one_later),
		RUNNING(round_of_a_line_begun_without_the_sealer_is_refused_with_the_reason),
		RUNNING(what_was_not_asked_for_is_signed_after_the_start),
		RUNNING(what_was_signed_and_not_heard_of_gets_the_same_signature),
		RUNNING(what_was_signed_and_not_in_the_chain_joins_it),
		RUNNING(what_is_in_the_chain_is_not_signed_twice),
		RUNNING(set_back_state_folder_cannot_go_on),
		CASE(epoch_is_opened_once_with_its_own_key_and_the_true_reason),
		CASE(enrolled_key_is_dropped_and_the_epochs_signs),
		CASE(damaged_or_another_key_in_the_store_is_not_used),
		CASE(key_kept_by_an_earlier_version_goes_on),
		CASE(next_key_is_named_by_the_one_before_it_which_is_then_gone),
		CASE(epoch_s_key_changes_with_the_true_reason_and_the_named_key_alone),
		CASE(key_that_no_statement_names_yet_is_forgotten_with_a_crash),
		CASE(key_that_was_replaced_is_gone_after_a_crash_too),
		RUNNING(change_of_keys_is_taken_by_the_collector),
		RUNNING(key_in_the_descriptor_store_goes_on_over_a_kill),
		RUNNING(key_lost_within_a_boot_shows_as_reset_and_after_one_as_boot),
		RUNNING(fifty_kills_at_random_instants_leave_no_gap_and_no_number_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
