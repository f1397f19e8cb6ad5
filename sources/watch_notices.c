#include "sources/watch_notices.h"

#include <errno.h>
#include <sys/socket.h>

#define MESSAGES_MOST 64 /* in one turn of the loop */

/* Which name is told of by what, and how that says it. */
static const struct teller {
	const char *name; /* of the source that is watched */
	const struct kind *kind;
	const char *ask; /* for the descriptor */
	uint32_t events; /* of epoll */
} tellers[] = {
	{WATCH_MOUNTS, &kind_mounts, "mounts:", EPOLLPRI}, /* the open table itself */
	{"nft:ruleset", &kind_notify_nft, "watch:nft:ruleset", EPOLLIN},
	{"audit:status", &kind_notify_audit, "watch:audit:status", EPOLLIN},
	{"audit:rules", &kind_notify_audit, "watch:audit:rules", EPOLLIN},
};
#define COUNT ARRAY_LEN(tellers)

struct notice {
	struct watch_notices *notices;
	const struct teller *teller;
	bool is_wanted, is_asked;
	int fd; /* -1: none */
	sd_event_source *io;
};

struct watch_notices {
	const struct watch_ears *ears;
	sd_event *event;
	struct notice all[COUNT];
};

static void stop(struct notice *notice) {
	notice->io = sd_event_source_disable_unref(notice->io);
	close_fd(&notice->fd);
	notice->fd = -1;
}

/* What is said is not read but thrown away. False when the socket is of no use any more. */
static bool drain(int fd) {
	char byte;
	for (unsigned i = 0; i < MESSAGES_MOST; i++)
		if (recv(fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != ENOBUFS && errno != EINTR)
			return errno == EAGAIN;
	return true;
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct notice *notice = context;
	const struct watch_ears *ears = notice->notices->ears;
	if (notice->teller->events == EPOLLIN && !drain(fd))
		stop(notice);
	ears->doubted(ears->context, notice->teller->name);
	return 0;
}

static void begin(struct notice *notice, int fd) {
	const struct watch_ears *ears = notice->notices->ears;
	notice->fd = fd;
	int error = sd_event_add_io(notice->notices->event, &notice->io, fd, notice->teller->events, on_ready, notice);
	if (error >= 0) {
		ears->doubted(ears->context, notice->teller->name);
		return;
	}
	stop(notice);
	ears->unwatched(ears->context, notice->teller->name, strerrordesc_np(-error));
}

static void on_answer(void *context, struct answer *answer, const struct err *err) {
	struct notice *notice = context;
	const struct watch_ears *ears = notice->notices->ears;
	bool is_good = !err && answer->is_file;
	int fd = is_good ? answer->file : -1;
	if (is_good)
		answer->is_file = false; /* taken over */
	else if (!err)
		answer_done(answer);
	notice->is_asked = false;
	if (fd >= 0 && notice->is_wanted)
		begin(notice, fd);
	else if (fd >= 0)
		close_fd(&fd);
	else
		ears->unwatched(ears->context, notice->teller->name, err ? err->why : "no descriptor came");
}

static void ask(struct notice *notice) {
	const struct watch_ears *ears = notice->notices->ears;
	notice->is_asked = true;
	ears->ask(ears->context, notice->teller->kind, notice->teller->ask, -1, on_answer, notice);
}

static struct notice *find(struct watch_notices *notices, const char *name) {
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(tellers[i].name, name))
			return &notices->all[i];
	return NULL;
}

struct watch_notices *watch_notices_new(sd_event *event, const struct watch_ears *ears) {
	struct watch_notices *notices = xcalloc(1, sizeof *notices);
	notices->ears = ears;
	notices->event = sd_event_ref(event);
	for (size_t i = 0; i < COUNT; i++)
		notices->all[i] = (struct notice){.notices = notices, .teller = &tellers[i], .fd = -1};
	return notices;
}

void watch_notices_free(struct watch_notices *notices) {
	if (!notices)
		return;
	for (size_t i = 0; i < COUNT; i++)
		stop(&notices->all[i]);
	sd_event_unref(notices->event);
	free(notices);
}

bool watch_notices_takes(const char *name) {
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(tellers[i].name, name))
			return true;
	return false;
}

void watch_notices_add(struct watch_notices *notices, const char *name) {
	struct notice *notice = find(notices, name);
	notice->is_wanted = true;
	if (notice->fd < 0 && !notice->is_asked)
		ask(notice);
}

void watch_notices_drop(struct watch_notices *notices, const char *name) {
	struct notice *notice = find(notices, name);
	notice->is_wanted = false;
	stop(notice);
}

void watch_notices_retry(struct watch_notices *notices) {
	for (size_t i = 0; i < COUNT; i++)
		if (notices->all[i].is_wanted && notices->all[i].fd < 0 && !notices->all[i].is_asked)
			ask(&notices->all[i]);
}
