#include "sources/hand.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "sources/wire.h"

/* The process ends when so much time has passed; 0: it does not any more. */
static void end_within(unsigned ms) {
	struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A tenth of the deadline is left for the answer of a look that watches its time by itself. */
static bool look(const struct kind *kind, struct ask *ask, struct answer *ret_answer, struct err *err) {
	ask->deadline_us = time_us() + (uint64_t)kind->deadline_ms * 900;
	end_within(kind->deadline_ms);
	bool is_seen = kind->look(ask, ret_answer, err);
	end_within(0);
	return is_seen;
}

/* Whether this may be looked at at all; *ret_error is the errno of the refusal. */
static bool may_look(const struct hand *hand, const struct wire_request *request, const struct kind *kind,
		     const struct place **ret_place, int *ret_error, struct err *err) {
	*ret_error = EOPNOTSUPP;
	if (!kind)
		return err_set(err, ERR_UNPROVED, request->name, "not a name that is looked at here");
	*ret_error = EINVAL;
	if (kind->takes_descriptor != (request->sent >= 0))
		return err_set(err, ERR_DENIED, request->name, "%s",
			       kind->takes_descriptor ? "asked for without a descriptor"
						      : "asked for with a descriptor");
	*ret_error = EPERM;
	return !hand->permit || hand->permit(hand->context, request->name, ret_place, ret_error, err);
}

static void refuse(int socket, const struct hand *hand, uint32_t number, const char *name, int error,
		   const struct err *err) {
	if (hand->refused)
		hand->refused(hand->context, name, error, err);
	if (number != 0 || *name) /* what is no request may have none */
		wire_reply(socket, number, NULL, err, error);
}

/* False when nobody is there any more to answer to. */
static bool serve(int socket, const struct hand *hand, const struct wire_request *request) {
	static const struct place live = {0};
	const struct place *place = &live;
	const struct kind *kind = kind_find(hand->kinds, request->name);
	CLEANUP(answer_done) struct answer answer = {0};
	struct err err = {0};
	int error = 0;
	if (!may_look(hand, request, kind, &place, &error, &err)) {
		refuse(socket, hand, request->number, request->name, error, &err);
		return true;
	}
	struct ask ask = {.name = request->name,
			  .rest = request->name + strlen(kind->prefix),
			  .place = place,
			  .sent = request->sent};
	errno = 0;
	bool is_seen = look(kind, &ask, &answer, &err);
	error = errno;
	if (hand->looked)
		hand->looked(hand->context, request->name, is_seen ? NULL : &err);
	/* A descriptor that is not what it should be is only found out by looking at it. */
	if (!is_seen && kind->takes_descriptor && err.code == ERR_DENIED && hand->refused)
		hand->refused(hand->context, request->name, error, &err);
	return wire_reply(socket, request->number, &answer, is_seen ? NULL : &err, error);
}

void hand_serve(int socket, const struct hand *hand) {
	sigset_t timer;
	sigemptyset(&timer);
	sigaddset(&timer, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &timer, NULL);
	for (;;) {
		struct wire_request request = {.sent = -1};
		int error = 0;
		struct err err;
		enum wire_got got = wire_receive(socket, &request, &error);
		if (got == WIRE_BAD) {
			err_set(&err, ERR_DENIED, "", "not a request: %s (%s)", strerrorname_np(error),
				strerrordesc_np(error));
			refuse(socket, hand, request.number, "", error, &err);
		}
		if (got != WIRE_GOT)
			return;
		bool is_heard = serve(socket, hand, &request);
		close_fd(&request.sent);
		if (!is_heard || hand->is_single)
			return;
	}
}
