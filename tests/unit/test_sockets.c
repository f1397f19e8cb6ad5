/* What listens, and whose it is: on this machine, and in network namespaces of the test's own. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sources/cgroup.h"
#include "sources/netfile.h"
#include "sources/records.h"
#include "sources/sockets.h"
#include "tests/unit/fetching.h"

/* A bound socket, listening where it is TCP, and its port. */
static int listener(int family, int type, int *ret_port) {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {0};
	socklen_t len = family == AF_INET ? sizeof address.v4 : sizeof address.v6;
	address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &address.any, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, &address.any, &len), 0);
	*ret_port = ntohs(family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
	return fd;
}

/* The one socket of this protocol and port, NULL when there is none. */
static const json_t *find(const json_t *list, const char *proto, int port) {
	size_t index;
	json_t *socket;
	json_array_foreach(list, index, socket) {
		if (!strcmp(json_string_value(json_object_get(socket, "proto")), proto) &&
		    json_integer_value(json_object_get(socket, "port")) == port)
			return socket;
	}
	return NULL;
}

static const char *text_of(const json_t *socket, const char *key) {
	return json_string_value(json_object_get(socket, key));
}

static void listeners_are_shown_with_their_owner_and_connections_are_not(void **state) {
	int tcp_port, udp_port, v6_port, connected_port;
	CLEANUP(close_fd) int tcp = listener(AF_INET, SOCK_STREAM, &tcp_port);
	CLEANUP(close_fd) int udp = listener(AF_INET, SOCK_DGRAM, &udp_port);
	CLEANUP(close_fd) int v6 = listener(AF_INET6, SOCK_STREAM, &v6_port);
	CLEANUP(close_fd) int connected = listener(AF_INET, SOCK_DGRAM, &connected_port);
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)udp_port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(connected, (const struct sockaddr *)&to, sizeof to), 0);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "sockets:listen");
	struct stat status;
	struct err err;
	json_t *list;
	assert_true(source_json(only(set), &list, &err));
	const json_t *found = find(list, "tcp", tcp_port), *found_v6 = find(list, "tcp", v6_port);
	assert_non_null(found);
	assert_string_equal(text_of(found, "addr"), "127.0.0.1");
	assert_int_equal(fstat(tcp, &status), 0);
	assert_int_equal(json_integer_value(json_object_get(found, "inode")), status.st_ino);
	assert_int_equal(json_integer_value(json_object_get(found, "uid")), getuid());
	assert_null(json_object_get(found, "v6only"));
	assert_non_null(found_v6);
	assert_string_equal(text_of(found_v6, "addr"), "::");
	assert_true(json_is_false(json_object_get(found_v6, "v6only")));
	assert_non_null(find(list, "udp", udp_port));
	assert_null(find(list, "udp", connected_port));
	assert_null(find(list, "udp", tcp_port));
}

/* The control group of version 2 that this process is in, as the kernel has it: a socket carries it. */
static void socket_has_the_control_group_that_it_was_made_in(void **state) {
	struct err err;
	int port;
	CLEANUP(buf_done) struct buf own = {0};
	CLEANUP(close_fd) int tcp = listener(AF_INET, SOCK_STREAM, &port);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "sockets:listen");
	json_t *list;
	assert_true(file_read("/proc/self/cgroup", 65536, &own, &err));
	const char *line = strstr(buf_str(&own), "0::");
	assert_non_null(line);
	CLEANUP(free_ptr) char *path = xstrndup(line + 3, strcspn(line + 3, "\n"));
	assert_true(source_json(only(set), &list, &err));
	assert_string_equal(text_of(find(list, "tcp", port), "cgroup"), path);
}

/* In a child with a network namespace of its own, in which it listens: calls then() there. */
static int in_private_network(int (*then)(void)) {
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWNET) != 0 ? 101 : then());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int code_of_listen(void) {
	struct sources *set = fetch_one(NULL, "sockets:listen");
	int code = (int)only(set)->err.code;
	sources_free(set);
	return code;
}

static void private_network_is_unproved_and_never_an_empty_list(void **state) {
	assert_int_equal(in_private_network(code_of_listen), ERR_UNPROVED);
}

static void netfile_shows_the_sockets_of_another_namespace(void **state) {
	int go[2], status = 0, port;
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNET) != 0)
			_exit(101);
		int fd = listener(AF_INET6, SOCK_STREAM, &port);
		if (fd < 0 || write(go[1], &port, sizeof port) != (ssize_t)sizeof port)
			_exit(102);
		pause();
	}
	assert_int_equal(read(go[0], &port, sizeof port), sizeof port);
	CLEANUP(free_ptr) char *theirs = xasprintf("netfile:%d/tcp6", (int)child);
	CLEANUP(free_ptr) char *own = xasprintf("netfile:%d/tcp6", (int)getpid());
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, (const char *const[]){theirs, own, NULL});
	json_t *list, *own_list;
	struct err err;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(go[0]);
	close(go[1]);
	assert_true(source_json(sources_at(set, 0), &list, &err));
	assert_true(source_json(sources_at(set, 1), &own_list, &err));
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(text_of(find(list, "tcp", port), "addr"), "::");
	assert_null(find(own_list, "tcp", port));
}

/* Both look at the same sockets here, one over netlink and one through a file. */
static void netfile_of_the_own_namespace_agrees_with_the_list_of_listeners(void **state) {
	static const struct {
		int family, type;
		const char *file, *proto;
	} cases[] = {{AF_INET, SOCK_STREAM, "tcp", "tcp"},
		     {AF_INET6, SOCK_STREAM, "tcp6", "tcp"},
		     {AF_INET, SOCK_DGRAM, "udp", "udp"},
		     {AF_INET6, SOCK_DGRAM, "udp6", "udp"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int port;
		CLEANUP(close_fd) int fd = listener(cases[i].family, cases[i].type, &port);
		CLEANUP(free_ptr) char *name = xasprintf("netfile:%d/%s", (int)getpid(), cases[i].file);
		CLEANUP(sources_free_p)
		struct sources *set = fetch_all(NULL, (const char *const[]){name, "sockets:listen", NULL});
		json_t *file, *list;
		struct err err;
		assert_true(source_json(sources_at(set, 0), &file, &err));
		assert_true(source_json(sources_at(set, 1), &list, &err));
		const json_t *in_file = find(file, cases[i].proto, port), *in_list = find(list, cases[i].proto, port);
		assert_non_null(in_file);
		const char *key;
		json_t *value;
		json_object_foreach((json_t *)in_file, key, value)
			assert_true(json_equal(value, json_object_get(in_list, key)));
	}
}

static void netfile_without_its_head_is_unproved_and_a_strange_line_malformed(void **state) {
#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define LINE "   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000    5        0 77 1 x 100\n"
	static const struct {
		const char *text;
		enum err_code code;
	} cases[] = {{"", ERR_UNPROVED},
		     {LINE, ERR_UNPROVED},
		     {HEAD "x\n", ERR_MALFORMED},
		     {HEAD "   0: 0100007F0277 0:0 0A 0:0 0:0 0    5        0 77\n", ERR_MALFORMED},
		     {HEAD "   0: 0100007F:0277 0:0 0A 0:0 0:0 0    -5        0 77\n", ERR_MALFORMED},
		     {HEAD "   0: 0100007F:02777 0:0 0A 0:0 0:0 0    5        0 77\n", ERR_MALFORMED}};
	struct err err = {0};
	json_t *list = NULL;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(netfile_parse(cases[i].text, strlen(cases[i].text), false, false, "n", &list, &err));
		assert_int_equal(err.code, cases[i].code);
	}
	CLEANUP(buf_done) struct buf bytes = {0};
	assert_true(netfile_parse(HEAD LINE, strlen(HEAD LINE), false, false, "n", &list, &err));
	assert_true(json_canonical(list, &bytes, &err));
	json_decref(list);
	assert_string_equal(buf_str(&bytes),
			    "[{\"addr\":\"127.0.0.1\",\"inode\":77,\"port\":631,\"proto\":\"tcp\",\"uid\":5}]");
}

static void netfile_takes_a_process_and_one_of_four_files_and_nothing_else(void **state) {
	const char *const names[] = {"netfile:",
				     "netfile:1",
				     "netfile:self/tcp",
				     "netfile:1/dev",
				     "netfile:1/../stat",
				     "netfile:01/tcp",
				     "netfile:0/tcp",
				     "netfile:1/tcp/",
				     "netfile:/tcp",
				     "netfile:1/",
				     NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	for (size_t i = 0; i < sources_count(set); i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNREADABLE);
	CLEANUP(sources_free_p) struct sources *gone = fetch_one(NULL, "netfile:4194304/tcp");
	assert_int_equal(only(gone)->err.code, ERR_ABSENT);
}

static void unit_is_the_first_name_behind_the_slices(void **state) {
	static const struct {
		const char *path, *unit;
	} cases[] = {{"/system.slice/ssh.service", "ssh.service"},
		     {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"},
		     {"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "user@1000.service"},
		     {"/machine.slice/machine-a.scope/payload/system.slice/b.service", "machine-a.scope"},
		     {"/init.scope", "init.scope"},
		     {"/system.slice/_x.service", "x.service"},
		     {"/system.slice", NULL},
		     {"/", NULL},
		     {"", NULL},
		     {"/docker/0123", NULL},
		     {"/../..", NULL}, /* outside of the own namespace of control groups */
		     {"/system.slice/a.b", NULL},
		     {"/docker/0123/ssh.service", NULL}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *unit = cgroup_unit(cases[i].path);
		assert_int_equal(unit == NULL, cases[i].unit == NULL);
		if (unit)
			assert_string_equal(unit, cases[i].unit);
	}
}

static void answer_of_the_kernel_that_is_cut_is_malformed(void **state) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err = {0};
	json_t *list = NULL;
	records_add(&bytes, SOCKETS_TCP, "short", 5);
	assert_false(sockets_parse(bytes.data, bytes.len, "sockets:listen", &list, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_false(sockets_parse(bytes.data, bytes.len - 1, "sockets:listen", &list, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_string_equal(err.why, "cut short");
	assert_null(list);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_are_shown_with_their_owner_and_connections_are_not),
		cmocka_unit_test(socket_has_the_control_group_that_it_was_made_in),
		cmocka_unit_test(private_network_is_unproved_and_never_an_empty_list),
		cmocka_unit_test(netfile_shows_the_sockets_of_another_namespace),
		cmocka_unit_test(netfile_of_the_own_namespace_agrees_with_the_list_of_listeners),
		cmocka_unit_test(netfile_without_its_head_is_unproved_and_a_strange_line_malformed),
		cmocka_unit_test(netfile_takes_a_process_and_one_of_four_files_and_nothing_else),
		cmocka_unit_test(unit_is_the_first_name_behind_the_slices),
		cmocka_unit_test(answer_of_the_kernel_that_is_cut_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
