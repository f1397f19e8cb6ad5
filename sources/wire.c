#include "sources/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

#define DESCRIPTORS 4 /* that there is room for: all but the first are closed */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The fixed part of a reply. */
struct head {
	uint32_t number, code, error, is_file;
};

/* How many bytes the character takes that begins here; 0: it is none (RFC 3629). */
static size_t utf8_len(const unsigned char *at, size_t left) {
	static const struct {
		unsigned char first, last, second_from, second_to, len;
	} forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		     {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		     {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (at[0] < forms[i].first || at[0] > forms[i].last)
			continue;
		bool is_whole = forms[i].len <= left;
		if (is_whole && forms[i].len > 1)
			is_whole = at[1] >= forms[i].second_from && at[1] <= forms[i].second_to;
		for (size_t k = 2; is_whole && k < forms[i].len; k++)
			is_whole = (at[k] & 0xc0) == 0x80;
		return is_whole ? forms[i].len : 0;
	}
	return 0;
}

static bool is_utf8(const char *text, size_t len) {
	for (size_t at = 0, step; at < len; at += step) {
		step = utf8_len((const unsigned char *)text + at, len - at);
		if (step == 0)
			return false;
	}
	return true;
}

bool wire_is_name(const char *name, size_t len) {
	char plain[SOURCE_NAME_LONGEST + 1];
	if (len == 0 || len > SOURCE_NAME_LONGEST || memchr(name, '\0', len) || !is_utf8(name, len))
		return false;
	memcpy(plain, name, len);
	plain[len] = '\0';
	text_replace_controls(plain);
	return !memcmp(plain, name, len);
}

bool wire_request_read(const void *data, size_t len, struct wire_request *ret_request, int *ret_error) {
	const char *name = (const char *)data + sizeof ret_request->number;
	size_t name_len = len > sizeof ret_request->number ? len - sizeof ret_request->number : 0;
	ret_request->number = 0;
	if (len >= sizeof ret_request->number)
		memcpy(&ret_request->number, data, sizeof ret_request->number);
	*ret_error = name_len > SOURCE_NAME_LONGEST ? EMSGSIZE : EINVAL;
	if (!wire_is_name(name, name_len))
		return false;
	memcpy(ret_request->name, name, name_len);
	ret_request->name[name_len] = '\0';
	ret_request->sent = -1;
	return true;
}

/* One message with what came along: the first descriptor in *ret_fd (-1: none), all others closed. The message's
 * length, or -1 and errno; *ret_flags as recvmsg(2) has them, MSG_CTRUNC also where there were more descriptors than
 * one. */
static ssize_t receive(int socket, void *data, size_t room, int flags, int *ret_fd, int *ret_flags) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	struct iovec part = {.iov_base = data, .iov_len = room};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t len;
	do {
		len = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	*ret_fd = -1;
	if (len < 0)
		return -1;
	*ret_flags = message.msg_flags;
	for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
		if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (one->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
			if (*ret_fd < 0) {
				*ret_fd = fd;
			} else {
				close(fd);
				*ret_flags |= MSG_CTRUNC;
			}
		}
	}
	return len;
}

/* 0, or -1 and errno. */
static int send_message(int socket, struct iovec *parts, size_t count, int fd, int flags) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	if (fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *one = CMSG_FIRSTHDR(&message);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(one), &fd, sizeof fd);
	}
	ssize_t sent;
	do {
		sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

enum wire_got wire_receive(int socket, struct wire_request *ret_request, int *ret_error) {
	char data[WIRE_REQUEST_LARGEST];
	CLEANUP(close_fd) int fd = -1;
	int flags = 0;
	ssize_t len = receive(socket, data, sizeof data, 0, &fd, &flags);
	if (len <= 0)
		return WIRE_CLOSED;
	bool is_whole = wire_request_read(data, (size_t)len, ret_request, ret_error);
	if (flags & (MSG_TRUNC | MSG_CTRUNC)) {
		*ret_error = flags & MSG_TRUNC ? EMSGSIZE : EINVAL;
		return WIRE_BAD;
	}
	if (!is_whole)
		return WIRE_BAD;
	ret_request->sent = fd;
	fd = -1;
	return WIRE_GOT;
}

int wire_ask(int socket, uint32_t number, const char *name, int send_fd) {
	struct iovec parts[] = {{.iov_base = &number, .iov_len = sizeof number},
				{.iov_base = (char *)name, .iov_len = strlen(name)}};
	return send_message(socket, parts, ARRAY_LEN(parts), send_fd, MSG_DONTWAIT);
}

/* Bytes that nobody can change any more, to be read from their beginning; -1 and errno. */
static int seal(const struct buf *bytes) {
	CLEANUP(close_fd) int fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	for (size_t at = 0; at < bytes->len;) {
		ssize_t put = pwrite(fd, bytes->data + at, bytes->len - at, (off_t)at);
		if (put < 0 && errno != EINTR)
			return -1;
		at += put > 0 ? (size_t)put : 0;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return -1;
	int sealed = fd;
	fd = -1;
	return sealed;
}

static bool send_reply(int socket, struct head head, const void *behind, size_t len, int fd) {
	struct iovec parts[] = {{.iov_base = &head, .iov_len = sizeof head},
				{.iov_base = (void *)behind, .iov_len = len}};
	return send_message(socket, parts, ARRAY_LEN(parts), fd, 0) == 0;
}

bool wire_reply(int socket, uint32_t number, const struct answer *answer, const struct err *err, int error) {
	struct head head = {.number = number};
	struct err failed;
	CLEANUP(close_fd) int sealed = -1;
	if (!err && !answer->is_file) {
		sealed = seal(&answer->bytes);
		if (sealed < 0) {
			error = errno;
			err_set(&failed, ERR_UNREADABLE, "", "keep what was found: %s (%s)", strerrorname_np(error),
				strerrordesc_np(error));
			err = &failed;
		}
	}
	if (err) {
		head.code = err_is_of_look(err->code) ? err->code : ERR_UNREADABLE;
		head.error = (uint32_t)error;
		return send_reply(socket, head, err->why, strnlen(err->why, WIRE_WHY), -1);
	}
	head.is_file = answer->is_file;
	return answer->is_file ? send_reply(socket, head, &answer->meta, sizeof answer->meta, answer->file)
			       : send_reply(socket, head, NULL, 0, sealed);
}

/* The whole of a sealed memfd. */
static bool read_sealed(int fd, struct buf *ret_bytes) {
	struct stat status;
	struct buf bytes = {0};
	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &status) != 0 || status.st_size > WIRE_LARGEST)
		return false;
	while (bytes.len < (size_t)status.st_size) {
		size_t left = (size_t)status.st_size - bytes.len;
		ssize_t got = pread(fd, buf_room(&bytes, left), left, (off_t)bytes.len);
		if (got == 0 || (got < 0 && errno != EINTR)) {
			buf_done(&bytes);
			return false;
		}
		bytes.len += got > 0 ? (size_t)got : 0;
	}
	buf_room(&bytes, 0);
	*ret_bytes = bytes;
	return true;
}

static bool read_meta(const char *data, size_t len, struct source_meta *ret_meta) {
	if (len != sizeof *ret_meta || (unsigned char)data[offsetof(struct source_meta, known)] > 1)
		return false;
	memcpy(ret_meta, data, sizeof *ret_meta);
	return true;
}

/* What a look found; takes the descriptor over where it is the file. */
static bool read_found(const struct head *head, const char *behind, size_t len, int *fd, struct answer *ret_answer) {
	if (*fd < 0 || head->is_file > 1 || (!head->is_file && len > 0))
		return false;
	if (!head->is_file)
		return read_sealed(*fd, &ret_answer->bytes);
	if (!read_meta(behind, len, &ret_answer->meta))
		return false;
	ret_answer->is_file = true;
	ret_answer->file = *fd;
	*fd = -1;
	return true;
}

/* What a whole reply says. */
static bool read_reply(const struct head *head, const char *behind, size_t len, int *fd,
		       struct wire_answer *ret_answer) {
	struct wire_answer got = {.number = head->number};
	if (head->code == ERR_NONE && !read_found(head, behind, len, fd, &got.answer))
		return false;
	if (head->code != ERR_NONE) {
		if (!err_is_of_look((enum err_code)head->code) || *fd >= 0 || memchr(behind, '\0', len))
			return false;
		err_set(&got.err, head->code, "", "%.*s", (int)len, behind);
	}
	*ret_answer = got;
	return true;
}

enum wire_got wire_take(int socket, struct wire_answer *ret_answer) {
	struct {
		struct head head;
		char why[WIRE_WHY];
	} data;
	CLEANUP(close_fd) int fd = -1;
	int flags = 0;
	ssize_t len = receive(socket, &data, sizeof data, MSG_DONTWAIT, &fd, &flags);
	if (len < 0 && errno == EAGAIN)
		return WIRE_BAD;
	if (len <= 0)
		return WIRE_CLOSED;
	if (!(flags & (MSG_TRUNC | MSG_CTRUNC)) && (size_t)len >= sizeof data.head &&
	    read_reply(&data.head, data.why, (size_t)len - sizeof data.head, &fd, ret_answer))
		return WIRE_GOT;
	errno = EPROTO;
	return WIRE_BAD;
}
