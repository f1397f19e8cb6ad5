#include "sources/netfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/proc.h"
#include "sources/sockets.h"

#define PID_MOST 4194304 /* the kernel's own PID_MAX_LIMIT */

/* "PID/FILE", nothing else. */
static bool split(const struct ask *ask, char pid[16], const char **ret_file, struct err *err) {
	static const char *const files[] = {"tcp", "tcp6", "udp", "udp6"};
	const char *slash = strchr(ask->rest, '/');
	unsigned long long number;
	size_t len = slash ? (size_t)(slash - ask->rest) : 0;
	if (len > 0 && len < 16)
		snprintf(pid, 16, "%.*s", (int)len, ask->rest);
	if (len == 0 || len >= 16 || !text_to_u64(pid, PID_MOST, &number) || number == 0 ||
	    !text_is_one_of(slash + 1, files, ARRAY_LEN(files)))
		return err_set(err, ERR_UNREADABLE, ask->name, "not PID/tcp, PID/tcp6, PID/udp or PID/udp6");
	*ret_file = slash + 1;
	return true;
}

static bool look_netfile(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	char pid[16];
	const char *file;
	if (!split(ask, pid, &file, err))
		return false;
	CLEANUP(free_ptr) char *path = xasprintf("/proc/%s/net/%s", pid, file);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = errno;
	/* A process that is hidden is not absent. */
	if (fd < 0 && !proc_is_seen(ask, err))
		return false;
	if (fd < 0)
		return err_errno(err, error, ERR_UNREADABLE, ask->name, "open");
	*ret_answer = (struct answer){.is_file = true, .file = fd};
	fd = -1;
	return true;
}

/* Hexadecimal digits alone, as many as are wanted. */
static bool read_hex(const char *text, size_t digits, unsigned long *ret_value) {
	char copy[9] = "";
	if (strspn(text, "0123456789ABCDEFabcdef") != digits || digits >= sizeof copy)
		return false;
	memcpy(copy, text, digits);
	*ret_value = strtoul(copy, NULL, 16);
	return true;
}

/* "0100007F:0277": words of 32 bits in the host's byte order, which in memory are the address. */
static bool read_place(const char *text, bool is_v6, char address[INET6_ADDRSTRLEN], unsigned long *ret_port) {
	uint32_t words[4];
	size_t count = is_v6 ? 4 : 1;
	if (strcspn(text, ":") != count * 8)
		return false;
	for (size_t i = 0; i < count; i++) {
		char word[9] = "";
		unsigned long value;
		memcpy(word, text + i * 8, 8);
		if (!read_hex(word, 8, &value))
			return false;
		words[i] = (uint32_t)value;
	}
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, words, address, INET6_ADDRSTRLEN);
	return read_hex(text + count * 8 + 1, 4, ret_port);
}

enum column { NUMBER, LOCAL, REMOTE, STATE, QUEUES, TIMER, RETRANSMITS, UID, TIMEOUT, INODE, COLUMNS };

/* One line; adds to the list what listens. False when it is no such line. */
static bool read_line(char *line, bool is_udp, bool is_v6, json_t *list) {
	char *words[COLUMNS], address[INET6_ADDRSTRLEN];
	unsigned long port, state;
	unsigned long long uid, inode;
	for (size_t i = 0; i < COLUMNS; i++)
		if (!(words[i] = text_word(&line)))
			return false;
	if (!read_place(words[LOCAL], is_v6, address, &port) || !read_hex(words[STATE], 2, &state) ||
	    !text_to_u64(words[UID], UINT32_MAX, &uid) || !text_to_u64(words[INODE], INT64_MAX, &inode))
		return false;
	if (state == (is_udp ? TCP_CLOSE : TCP_LISTEN))
		json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:I}", "proto", is_udp ? "udp" : "tcp", "addr",
						      address, "port", (json_int_t)port, "uid", (json_int_t)uid,
						      "inode", (json_int_t)inode));
	return true;
}

bool netfile_parse(const char *text, size_t len, bool is_udp, bool is_v6, const char *where, json_t **ret_list,
		   struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	const char *head = lines_next(&lines);
	if (!head || !strstr(head, "local_address"))
		return err_set(err, ERR_UNPROVED, where, "no line that names its columns");
	for (char *line; (line = lines_next(&lines));)
		if (!read_line(line, is_udp, is_v6, list))
			return err_set_at(err, ERR_MALFORMED, where, lines.number, 0, "not a line of a socket");
	if (!lines_ok(&lines, err))
		return false;
	*ret_list = sockets_sorted(list);
	return true;
}

static bool shape_netfile(const struct ask *ask, struct answer *answer, struct err *err) {
	const char *file = strchrnul(ask->rest, '/');
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	return answer_read(ask, answer, &bytes, err) &&
	       netfile_parse(bytes.data, bytes.len, text_starts(file, "/udp"), text_ends(file, "6"), ask->name, &list,
			     err) &&
	       answer_shaped(ask, list, answer, err);
}

const struct kind kind_netfile = {.prefix = "netfile:",
				  .is_volatile = true,
				  .helper = HELPER_NET,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .look = look_netfile,
				  .shape = shape_netfile};
