#include "sources/action.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/journal_stream.h"
#include "core/text.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ID_BYTES 16

static void draw(char id[2 * ID_BYTES + 1]) {
	unsigned char drawn[ID_BYTES];
	if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
		abort(); /* of at most 256 bytes it cannot fail */
	for (size_t i = 0; i < sizeof drawn; i++)
		snprintf(id + 2 * i, 3, "%02x", drawn[i]);
}

/* One datagram, without waiting for a journal that is busy. */
static bool send_fields(const char *fields) {
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && sendto(fd, fields, strlen(fields), MSG_NOSIGNAL | MSG_DONTWAIT,
				 (const struct sockaddr *)&address, sizeof address) == (ssize_t)strlen(fields);
}

char *action_send(const struct action *action, const struct err *err) {
	char id[2 * ID_BYTES + 1];
	CLEANUP(free_ptr) char *what = xstrdup(action->what);
	CLEANUP(free_ptr) char *by = xstrdup(action->by);
	const char *word = err ? err_code_name(err->code) : "done";
	draw(id);
	text_replace_controls(what);
	text_replace_controls(by);
	CLEANUP(free_ptr)
	char *line = xasprintf("action %s: %s: %s: %s%s%s", id, what, by, word, err ? ": " : "", err ? err->why : "");
	CLEANUP(free_ptr)
	char *fields = xasprintf("MESSAGE=%s\nPRIORITY=6\nSYSLOG_IDENTIFIER=%s\nVOUCH_ACTION_ID=%s\nVOUCH_ACTION=%s\n"
				 "VOUCH_ACTION_BY=%s\nVOUCH_ACTION_RESULT=%s\n",
				 line, action->program, id, what, by, word);
	if (send_fields(fields) && journal_stream_is_ours())
		return NULL;
	char *left = line;
	line = NULL;
	return left;
}

void action_record(const struct action *action, const struct err *err) {
	CLEANUP(free_ptr) char *line = action_send(action, err);
	if (line && journal_stream_is_ours())
		fprintf(stderr, "<6>%s\n", line);
	else if (line)
		fprintf(stderr, "%s: %s\n", action->program, line);
}
