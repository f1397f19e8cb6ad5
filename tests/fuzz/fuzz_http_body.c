/* What an enrolled host may send. The first byte says how the rest is taken:
 *   '0'  the body of POST /v1/statements, as it came: nothing in it is signed, so nothing may be logged
 *   '1'  a payload, sealed by the host's own key: a host that lies
 *   '2'  the body of a round, in a statement that is right otherwise */
#include <unistd.h>

#include "collector/receive.h"
#include "core/base64.h"
#include "core/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST "11111111-2222-3333-4444-555555555555"

static struct {
	struct store *store;
	struct log *log;
	EVP_PKEY *key;
	struct peer peer;
	struct store_line line; /* enrolled, one statement in it */
} world;

static char folder[] = "/tmp/vouch-fuzz-XXXXXX";

static void remove_folder(void) {
	CLEANUP(free_ptr) char *log = file_join(folder, "log");
	CLEANUP(free_ptr) char *checkpoint = file_join(log, "checkpoint");
	unlink(checkpoint);
	rmdir(log);
	rmdir(folder);
}

static void make_world(void) {
	static const uint8_t seed[32] = {1};
	struct err err;
	if (!mkdtemp(folder) || !key_from_seed(seed, &world.key, &err))
		abort();
	atexit(remove_folder);
	CLEANUP(free_ptr) char *log = file_join(folder, "log");
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(world.key, &der);
	snprintf(world.peer.host, sizeof world.peer.host, "%s", HOST);
	struct hash id = hash_of(der.data, der.len);
	hash_hex(&id, world.peer.transport);
	world.peer.transport_key = base64_encode(der.data, der.len);
	world.line = (struct store_line){.id = 1, .sequence = 1, .evidence = der};
	memset(world.line.last, 'a', HASH_HEX - 1);
	der = (struct buf){0};
	if (!log_create(log, "fuzz.example/log", world.key, &err) ||
	    !log_open(log, "fuzz.example/log", world.key, &world.log, &err) ||
	    !store_open(":memory:", &world.store, &err))
		abort();
}

static void send_lines(const char *lines, size_t len) {
	struct err err;
	struct receive_tally tally = {0};
	CLEANUP(buf_done) struct buf answers = {0};
	bool is_answered = receive(world.store, world.log, &world.peer, lines, len, 1795291200, &tally, &answers, &err);
	if (log_size(world.log) != 0 || tally.logged + tally.known + tally.retry != 0)
		abort();
	if (is_answered && (answers.len == 0 || answers.data[answers.len - 1] != '\n'))
		abort();
}

static void verify_sealed(const void *payload, size_t len, const void *body, size_t body_len) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf line = {0};
	CLEANUP(received_done) struct received received = {0};
	if (len > DSSE_PAYLOAD_LARGEST || !dsse_seal(DSSE_INTOTO, payload, len, world.key, "", &envelope, &err))
		return;
	statement_wire_write(envelope, body, body_len, &line);
	if (!verify_decode(line.data, line.len, &received, &err))
		return;
	CLEANUP(state_free_p) struct state *none = state_new();
	const struct verify_at at = {&world.peer, &world.line, STORE_NO_ROUND, none};
	if (verify(&at, &received, &err)) {
		if (received.entry.len == 0)
			abort();
		return;
	}
	free(verify_reason(&received, &err));
}

/* A payload beside a body that fits it can only come from the corpus; most lies are found before. */
static void send_payload(const char *payload, size_t len) { verify_sealed(payload, len, "{}", 2); }

static void send_round(const char *body, size_t len) {
	struct err err;
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(json_decref_p) json_t *document = NULL, *state = NULL, *policies = json_array();
	if (json_read(body, len, STATEMENT_BODY_LARGEST, "body", &document, &err) &&
	    !statement_state(json_object_get(document, "results"), &state, &err))
		state = NULL;
	if (!state)
		state = json_pack("{s:i, s:s}", "size", 1, "root", world.line.last);
	const struct statement statement = {
		.type = (char *)"round",
		.host_id = (char *)HOST,
		.host_name = (char *)"h",
		.host_os = (char *)"o",
		.environment = (char *)"",
		.framework = (char *)"iso27001:2022",
		.sequence = 2,
		.previous = world.line.last,
		.boot_id = (char *)"b",
		.trigger = (char *)"manual",
		.policies = policies,
		.state = state,
		.body_name = (char *)"results",
		.body_sha256 = hash_of(body, len),
	};
	if (!statement_write(&statement, &payload, &err))
		abort();
	verify_sealed(payload.data, payload.len, body, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const ways[])(const char *text, size_t len) = {send_lines, send_payload, send_round};
	if (!world.store)
		make_world();
	if (size > 0 && data[0] >= '0' && data[0] < '0' + (int)ARRAY_LEN(ways))
		ways[data[0] - '0']((const char *)data + 1, size - 1);
	return 0;
}
