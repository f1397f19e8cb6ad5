/* A program that does to a helper's socket what it should not. Speaks raw bytes, shares no code with what it talks to,
 * and prints a line for each thing it did: what, a tab, and what came of it: the errno's name of a refusal, "given"
 * with a descriptor, "closed" or "nothing".
 *
 *   hostile SOCKET ask NAME...         each over one connection
 *   hostile SOCKET raw                 messages that are no request
 *   hostile SOCKET send NAME           descriptors that nobody asked for, with a request for NAME
 *   hostile SOCKET flood COUNT NAME    so many connections at once; who is kept, and whether NAME is served there
 *   hostile SOCKET leave COUNT NAME    so many connections that ask and close before the answer
 *   hostile SOCKET hoard COUNT NAME    asks so often and takes no answer, then closes
 *   hostile SOCKET race COUNT NAME TEXT  asks so often; how often something else than TEXT was given
 *   hostile PATH flip PATH             exchanges two paths until it is killed */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LONGEST 4100 /* bytes of a request, its number included */
#define PATIENCE_MS 20000
#define SENT_MOST 250

static const char *path; /* of the socket */

static int connect_to(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		printf("connect\t%s\n", strerrorname_np(errno));
		exit(1);
	}
	return fd;
}

/* With count times the descriptor fd. */
static void put(int to, const void *data, size_t len, int fd, size_t count) {
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SENT_MOST * sizeof(int))];
	} control = {0};
	int fds[SENT_MOST];
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	for (size_t i = 0; i < count; i++)
		fds[i] = fd;
	if (count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *one = CMSG_FIRSTHDR(&message);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(one), fds, count * sizeof(int));
	}
	if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
		printf("send\t%s\n", strerrorname_np(errno));
}

static void ask(int to, const char *name, int fd, size_t count) {
	char request[LONGEST] = "1234";
	size_t len = strlen(name) < sizeof request - 4 ? strlen(name) : sizeof request - 4;
	memcpy(request + 4, name, len);
	put(to, request, 4 + len, fd, count);
}

/* What came back, in a word; *ret_fd is the descriptor that came along, -1 without one. */
static const char *answer(int from, int *ret_fd) {
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	uint32_t head[4];
	char why[512];
	struct iovec parts[] = {{head, sizeof head}, {why, sizeof why}};
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = 2,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	struct pollfd wait = {.fd = from, .events = POLLIN};
	*ret_fd = -1;
	if (poll(&wait, 1, PATIENCE_MS) != 1)
		return "nothing";
	ssize_t len = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	if (len <= 0)
		return "closed";
	if (len < (ssize_t)sizeof head)
		return "no reply";
	struct cmsghdr *one = CMSG_FIRSTHDR(&message);
	if (one)
		memcpy(ret_fd, CMSG_DATA(one), sizeof *ret_fd);
	if (head[1] == 0)
		return *ret_fd >= 0 && (fcntl(*ret_fd, F_GETFL) & O_ACCMODE) != O_RDONLY && head[3] ? "writable"
												    : "given";
	const char *name = head[2] ? strerrorname_np((int)head[2]) : NULL;
	return name ? name : "failed";
}

static void say(const char *what, const char *came) {
	for (size_t i = 0; what[i] && i < 80; i++)
		putchar((unsigned char)what[i] < ' ' ? '?' : what[i]);
	printf("\t%s\n", came);
}

static void ask_all(char **names) {
	int to = connect_to(), fd;
	for (; *names; names++) {
		ask(to, *names, -1, 0);
		const char *came = answer(to, &fd);
		say(*names, came);
		if (fd >= 0)
			close(fd);
	}
	close(to);
}

/* The answer, and what the next request on this connection gets. */
static void put_raw(const char *what, const void *data, size_t len) {
	int to = connect_to(), fd;
	put(to, data, len, -1, 0);
	say(what, answer(to, &fd));
	close(to);
}

static void raw(void) {
	static char data[1U << 16];
	memset(data, 'a', sizeof data);
	memcpy(data, "1234file:/etc/", 14);
	put_raw("one byte too long", data, LONGEST + 1);
	put_raw("64 KiB", data, sizeof data);
	put_raw("three bytes", data, 3);
	put_raw("a number alone", data, 4);
	put_raw("a NUL", "1234file:/etc/hostname\0.d", 25);
	put_raw("a newline", "1234file:/etc/host\nname", 23);
	put_raw("not UTF-8", "1234file:/etc/\xff\xfe", 16);
	put_raw("number zero", "\0\0\0\0file:/etc/shadow", 20);
}

static void send_descriptors(const char *name) {
	static const struct {
		const char *what;
		size_t count;
	} tries[] = {{"one", 1}, {"two", 2}, {"two hundred and fifty", SENT_MOST}};
	int ends[2], fd;
	char byte;
	if (pipe2(ends, O_CLOEXEC) != 0)
		exit(1);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		int to = connect_to();
		ask(to, name, ends[1], tries[i].count);
		say(tries[i].what, answer(to, &fd));
		close(to);
	}
	close(ends[1]);
	struct pollfd wait = {.fd = ends[0], .events = POLLIN};
	if (poll(&wait, 1, PATIENCE_MS) != 1 || read(ends[0], &byte, 1) != 0)
		say("the other end of what was sent", "held");
	else
		say("the other end of what was sent", "closed");
}

static void flood(size_t count, const char *name) {
	int *all = calloc(count, sizeof *all), fd;
	size_t kept = 0, closed = 0, served = 0;
	for (size_t i = 0; all && i < count; i++)
		all[i] = connect_to();
	/* Whoever is asked either answers or has closed. */
	for (size_t i = 0; all && i < count; i++) {
		struct pollfd wait = {.fd = all[i], .events = POLLIN};
		char request[] = "1234x";
		if (send(all[i], request, 5, MSG_NOSIGNAL) < 0 || poll(&wait, 1, PATIENCE_MS) != 1 ||
		    recv(all[i], request, sizeof request, 0) <= 0) {
			closed++;
			continue;
		}
		kept++;
		ask(all[i], name, -1, 0);
		served += !strcmp(answer(all[i], &fd), "given");
		if (fd >= 0)
			close(fd);
	}
	printf("kept\t%zu\nclosed\t%zu\nserved\t%zu\n", kept, closed, served);
	free(all);
}

static void leave(size_t count, const char *name) {
	for (size_t i = 0; i < count; i++) {
		int to = connect_to();
		ask(to, name, -1, 0);
		close(to);
	}
	say("left", "done");
}

static void hoard(size_t count, const char *name) {
	int to = connect_to();
	char request[LONGEST] = "1234";
	size_t sent = 0;
	memcpy(request + 4, name, strlen(name));
	for (size_t i = 0; i < count; i++)
		sent += send(to, request, 4 + strlen(name), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
	printf("hoarded\t%s\n", sent > 0 ? "done" : "nothing");
	close(to);
}

static void race(size_t count, const char *name, const char *text) {
	size_t given = 0, refused = 0, wrong = 0;
	int to = connect_to(), fd;
	for (size_t i = 0; i < count; i++) {
		char bytes[256] = "";
		ask(to, name, -1, 0);
		const char *came = answer(to, &fd);
		if (fd >= 0 && (read(fd, bytes, sizeof bytes - 1) <= 0 || strcmp(bytes, text) != 0))
			wrong++;
		given += fd >= 0;
		refused += !strcmp(came, "EPERM");
		if (fd >= 0)
			close(fd);
	}
	printf("given\t%s\nrefused\t%s\nwrong\t%zu\n", given ? "some" : "none", refused ? "some" : "none", wrong);
}

static void flip(const char *one, const char *other) {
	for (;;)
		if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0) {
			perror("renameat2");
			exit(1);
		}
}

int main(int argc, char **argv) {
	const char *what = argc > 2 ? argv[2] : "", *third = argc > 3 ? argv[3] : "", *fourth = argc > 4 ? argv[4] : "";
	path = argc > 1 ? argv[1] : "";
	size_t count = strtoul(third, NULL, 10);
	if (!strcmp(what, "ask"))
		ask_all(argv + 3);
	else if (!strcmp(what, "raw"))
		raw();
	else if (!strcmp(what, "send"))
		send_descriptors(third);
	else if (!strcmp(what, "flood"))
		flood(count, fourth);
	else if (!strcmp(what, "leave"))
		leave(count, fourth);
	else if (!strcmp(what, "hoard"))
		hoard(count, fourth);
	else if (!strcmp(what, "race") && argc == 6)
		race(count, fourth, argv[5]);
	else if (!strcmp(what, "flip"))
		flip(path, third);
	else
		return 2;
	return 0;
}
