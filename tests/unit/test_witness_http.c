/* The witness over HTTP: methods, paths, media types, and the caps on bytes and connections. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/add_checkpoint.h"
#include "core/text.h"
#include "tests/unit/scratch.h"
#include "witness/witness_serve.h"

#define ORIGIN "log.example/a"

struct world {
	char *folder;
	EVP_PKEY *key;
	pid_t server;
	uint16_t port;
};

static int events = -1;

static void tell(const char *line) { dprintf(events, "%s\n", line); }

static int run_server(const struct world *world) {
	struct witness *witness = NULL;
	struct err err;
	CLEANUP(free_ptr) char *vkey = note_vkey(ORIGIN, world->key);
	const char *const logs[] = {vkey};
	const struct witness_settings settings = {world->folder, "witness.example", world->key, logs, 1};
	const bool ok = witness_open(&settings, &witness, &err) && witness_serve(witness, "127.0.0.1:0", tell, &err);
	witness_free(witness);
	return ok ? 0 : 1;
}

static void world_open(struct world *world) {
	int ends[2];
	char line[256] = "";
	unsigned long long port;
	struct err err;
	*world = (struct world){.folder = scratch_new()};
	assert_true(key_make_ed25519(&world->key, &err));
	assert_int_equal(pipe(ends), 0);
	world->server = fork();
	if (world->server == 0) {
		events = ends[1];
		_exit(run_server(world));
	}
	close(ends[1]);
	for (size_t len = 0; len + 1 < sizeof line && !strchr(line, '\n');) {
		const ssize_t got = read(ends[0], line + len, sizeof line - 1 - len);
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(ends[0]);
	char *number = strstr(line, "port ");
	assert_non_null(number);
	number[strcspn(number, "\n")] = '\0';
	assert_true(text_to_u64(number + strlen("port "), 65535, &port));
	world->port = (uint16_t)port;
}

static void world_done(struct world *world) {
	int status = -1;
	kill(world->server, SIGTERM);
	waitpid(world->server, &status, 0);
	EVP_PKEY_free(world->key);
	scratch_free(&world->folder);
}

static int dial(const struct world *world) {
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(world->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
	return fd;
}

/* The whole answer to one request; "" when the connection was closed instead. */
static void talk(const struct world *world, const char *request, size_t len, struct buf *answer) {
	CLEANUP(close_fd) int fd = dial(world);
	struct err err;
	(void)!send(fd, request, len, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	assert_true(file_read_fd(fd, "answer", 65536, answer, &err));
}

static int status_of(const struct world *world, const char *method, const char *path, const char *headers,
		     const char *body, struct buf *answer) {
	CLEANUP(free_ptr)
	char *request = xasprintf("%s %s HTTP/1.1\r\nHost: w\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
				  method, path, headers, strlen(body), body);
	unsigned long long status = 0;
	buf_done(answer);
	talk(world, request, strlen(request), answer);
	if (!text_starts(buf_str(answer), "HTTP/1.1 "))
		return 0;
	CLEANUP(free_ptr) char *number = xstrndup(answer->data + 9, 3);
	return text_to_u64(number, 999, &status) ? (int)status : 0;
}

static void only_what_the_standard_names_is_there(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(buf_done) struct buf answer = {0};
	const struct hash hash = hash_of(ORIGIN, strlen(ORIGIN));
	char hex[HASH_HEX];
	world_open(&world);
	CLEANUP(free_ptr) char *show = xasprintf("/%s/checkpoint", hash_hex(&hash, hex));
	assert_int_equal(status_of(&world, "GET", "/", "", "", &answer), 404);
	assert_int_equal(status_of(&world, "GET", "/lock", "", "", &answer), 404);
	assert_int_equal(status_of(&world, "GET", "/../../etc/passwd", "", "", &answer), 404);
	assert_int_equal(status_of(&world, "GET", "/add-checkpoint", "", "", &answer), 405);
	assert_int_equal(status_of(&world, "POST", show, "", "", &answer), 405);
	assert_int_equal(status_of(&world, "GET", show, "", "", &answer), 404);
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", "", &answer), 400);
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "Content-Length: 0\r\n", "x", &answer), 400);
	/* A checkpoint of nothing, as a log that is new sends it; then what was cosigned is shown. */
	const struct checkpoint checkpoint = {(char *)ORIGIN, 0, merkle_root(NULL, 0)};
	CLEANUP(buf_done) struct buf text = {0}, note = {0};
	struct err err;
	checkpoint_write(&checkpoint, &text);
	assert_true(note_sign(buf_str(&text), ORIGIN, world.key, &note, &err));
	CLEANUP(free_ptr) char *body = xasprintf("old 0\n\n%s", note.data);
	CLEANUP(free_ptr) char *wrong = xasprintf("old 1\n\n%s", note.data);
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", wrong, &answer), 400);
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", body, &answer), 200);
	assert_non_null(strstr(answer.data, "\r\n\r\n\xe2\x80\x94 witness.example "));
	assert_int_equal(status_of(&world, "GET", show, "", "", &answer), 200);
	assert_non_null(strstr(answer.data, "text/plain; charset=utf-8"));
	assert_non_null(strstr(answer.data, note.data));
}

static void a_conflict_has_the_media_type_of_the_standard(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(buf_done) struct buf answer = {0}, text = {0}, note = {0};
	const struct checkpoint checkpoint = {(char *)ORIGIN, 7, {{1}}};
	struct err err;
	world_open(&world);
	checkpoint_write(&checkpoint, &text);
	assert_true(note_sign(buf_str(&text), ORIGIN, world.key, &note, &err));
	CLEANUP(free_ptr) char *body = xasprintf("old 3\n\n%s", note.data);
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", body, &answer), 409);
	assert_non_null(strstr(answer.data, "Content-Type: text/x.tlog.size\r\n"));
	assert_non_null(strstr(answer.data, "\r\n\r\n0\n"));
}

static void a_body_over_the_cap_is_413(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(buf_done) struct buf answer = {0}, body = {0};
	world_open(&world);
	while (body.len < ADD_CHECKPOINT_LARGEST)
		buf_adds(&body, "x");
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", buf_str(&body), &answer), 400);
	buf_adds(&body, "x");
	assert_int_equal(status_of(&world, "POST", "/add-checkpoint", "", buf_str(&body), &answer), 413);
}

static void one_connection_too_many_is_closed(void **state) {
	CLEANUP(world_done) struct world world;
	int fds[WITNESS_CONNECTIONS_MOST];
	CLEANUP(buf_done) struct buf answer = {0};
	static const char request[] = "GET / HTTP/1.1\r\nHost: w\r\n\r\n";
	char byte;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial(&world);
	/* The last within the cap is served; all before it were accepted first. */
	assert_true(send(fds[ARRAY_LEN(fds) - 1], request, strlen(request), MSG_NOSIGNAL) > 0);
	assert_int_equal(recv(fds[ARRAY_LEN(fds) - 1], &byte, 1, 0), 1);
	CLEANUP(close_fd) int more = dial(&world);
	assert_true(recv(more, &byte, 1, 0) <= 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_standard_names_is_there),
		cmocka_unit_test(a_conflict_has_the_media_type_of_the_standard),
		cmocka_unit_test(a_body_over_the_cap_is_413),
		cmocka_unit_test(one_connection_too_many_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
