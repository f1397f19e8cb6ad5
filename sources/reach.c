#include "sources/reach.h"

#include <errno.h>
#include <sys/epoll.h>

#include "core/file.h"
#include "sources/tie.h"
#include "sources/wire.h"

#define TRIES 3           /* a name is asked for so often before it is given up: once, and twice again */
#define TRIES_ONCE 1      /* of who answers once a connection: what he died of is not done again */
#define KNOCK_EVERY_MS 50 /* at a helper whose queue of connections is full */
#define KNOCK_FOR_MS 10000
#define ANSWERS_AHEAD 64 /* of one hand that does it all */
#define ANSWERS_US 20000 /* in which its answers come together, so that they wake us once and not each */

static const char *const socket_names[HELPER_COUNT] = {
	[HELPER_FS] = "broker-fs.sock",         [HELPER_NET] = "broker-net.sock",
	[HELPER_AUDIT] = "broker-audit.sock",   [HELPER_AUDIT_NOTICES] = "broker-audit-notices.sock",
	[HELPER_PTRACE] = "broker-ptrace.sock", [HELPER_PROBER] = "prober.sock"};

struct calls {
	struct reach_call *first, *last;
};

struct reach_call {
	struct reach *reach;
	const struct kind *kind;
	const char *name;
	int sent;
	void (*done)(void *context, struct answer *answer,
		     const struct err *err); /* NULL: cancelled while a reply is due */
	void *context;
	unsigned tries;
	bool is_sent;     /* a reply is due */
	uint32_t number;  /* of the request, once it is sent */
	struct err *err;  /* owned; what it ended with, where it waits to be told */
	struct calls *in; /* the list that it is in */
	struct reach_call *next, *previous;
};

/* What leads to one hand. */
struct arm {
	struct side *side;
	struct tie tie;
	struct calls asked; /* in the order in which they are answered */
	size_t count;
	bool is_full, is_alone; /* nothing more goes into its socket now; it is busy with what is asked alone */
	uint64_t since_us;      /* when its hand could begin with the first */
	uint64_t wakes_us;      /* when the timer is due; 0: it is off */
	sd_event_source *io, *timer, *together;
};

/* All hands of one helper's unit. */
struct side {
	struct reach *reach;
	enum helper helper;
	char *instance;    /* the plugin's name, where the helper is a plugin's; else NULL; owned */
	struct side *next; /* of those */
	struct arm *arms[REACH_HANDS];
	size_t count;
	struct calls waiting, alone; /* alone: nothing else is sent beside them */
	uint64_t knocks_since_us;    /* 0: no connection is refused for want of room */
	sd_event_source *knock;
};

struct reach {
	sd_event *event;
	const char *helpers;
	const struct kind *const *kinds;
	struct side sides[HELPER_COUNT], *instances;
	bool has_one_hand;        /* of each */
	struct calls here, ended; /* to be looked at in this process; to be told their error */
	sd_event_source *turn;    /* on while there are such */
	uint32_t number;
};

static void put(struct calls *calls, struct reach_call *call) {
	call->in = calls;
	call->next = NULL;
	call->previous = calls->last;
	*(calls->last ? &calls->last->next : &calls->first) = call;
	calls->last = call;
}

static void take(struct reach_call *call) {
	struct calls *calls = call->in;
	*(call->previous ? &call->previous->next : &calls->first) = call->next;
	*(call->next ? &call->next->previous : &calls->last) = call->previous;
	call->in = NULL;
}

static void call_free(struct reach_call *call) {
	take(call);
	free(call->err);
	free(call);
}

static void free_all(struct calls *calls) {
	for (struct reach_call *call = calls->first, *next; call; call = next) {
		next = call->next;
		call_free(call);
	}
}

/* The last thing that happens to a call; whoever is told may do what he likes. */
static void tell(struct reach_call *call, struct answer *answer, const struct err *err) {
	void (*done)(void *, struct answer *, const struct err *) = call->done;
	void *context = call->context;
	struct err kept = {0};
	if (err) {
		kept = *err;
		snprintf(kept.where, sizeof kept.where, "%s", call->name);
	}
	call_free(call);
	done(context, answer, err ? &kept : NULL);
}

/* From the loop. */
static void tell_later(struct reach_call *call, const struct err *err) {
	struct reach *reach = call->reach;
	call->is_sent = false;
	call->err = xmalloc(sizeof *call->err);
	*call->err = *err;
	take(call);
	put(&reach->ended, call);
	sd_event_source_set_enabled(reach->turn, SD_EVENT_ON);
}

static void fail(struct reach_call *call, const struct err *err) {
	if (call->done)
		tell_later(call, err);
	else
		call_free(call);
}

static void fail_all(struct calls *calls, const struct err *err) {
	for (struct reach_call *call = calls->first, *next; call; call = next) {
		next = call->next;
		fail(call, err);
	}
}

static void arm_free(struct arm *arm) {
	if (!arm)
		return;
	sd_event_source_disable_unref(arm->io);
	sd_event_source_disable_unref(arm->timer);
	sd_event_source_disable_unref(arm->together);
	tie_cut(&arm->tie, arm->side->reach->event);
	free_all(&arm->asked);
	free(arm);
}
DEFINE_CLEANUP(struct arm, arm_free)

static char *socket_path(const struct side *side) {
	return side->instance ? xasprintf("%s/plugin-%s.sock", side->reach->helpers, side->instance)
			      : file_join(side->reach->helpers, socket_names[side->helper]);
}

/* Nobody answered a call, though it was asked for often enough. */
static void give_up(const struct side *side, struct reach_call *call) {
	struct err err;
	CLEANUP(free_ptr) char *path = side->reach->helpers ? socket_path(side) : NULL;
	if (path)
		err_set(&err, ERR_UNPROVED, "", "%s: closed without an answer", path);
	else
		err_set(&err, ERR_UNREADABLE, "", "who looked for it ended without an answer");
	fail(call, &err);
}

static unsigned most_tries(const struct side *side) { return side->instance ? TRIES_ONCE : TRIES; }

/* What an arm that is gone was asked for is asked for again, alone: who hangs or dies of it does so by himself. */
static void ask_again(struct side *side, struct reach_call *call) {
	if (!call->done) {
		call_free(call);
	} else if (call->tries >= most_tries(side)) {
		give_up(side, call);
	} else {
		take(call);
		call->is_sent = false;
		put(&side->alone, call);
	}
}

static void drop(struct arm *arm) {
	struct side *side = arm->side;
	size_t at = 0;
	for (struct reach_call *call = arm->asked.first, *next; call; call = next) {
		next = call->next;
		ask_again(side, call);
	}
	while (side->arms[at] != arm)
		at++;
	side->arms[at] = side->arms[--side->count];
	arm_free(arm);
}

static uint64_t due(const struct arm *arm) {
	return arm->since_us + (uint64_t)arm->asked.first->kind->deadline_ms * 1000;
}

/* The timer is moved only to an earlier instant: one that goes off too early is set anew then. */
static void watch_time(struct arm *arm) {
	if (!arm->asked.first || (arm->wakes_us && arm->wakes_us <= due(arm)))
		return;
	arm->wakes_us = due(arm);
	sd_event_source_set_time(arm->timer, arm->wakes_us);
	sd_event_source_set_enabled(arm->timer, SD_EVENT_ONESHOT);
}

static void send_waiting(struct side *side);

static void time_out(struct arm *arm) {
	struct reach_call *call = arm->asked.first;
	struct err err;
	err_set(&err, ERR_TIMEOUT, "", "no answer within %u ms", call->kind->deadline_ms);
	fail(call, &err);
}

static int on_time(sd_event_source *source, uint64_t usec, void *context) {
	struct arm *arm = context;
	struct side *side = arm->side;
	arm->wakes_us = 0;
	if (!arm->asked.first || time_us() < due(arm)) {
		watch_time(arm);
		return 0;
	}
	time_out(arm);
	drop(arm);
	send_waiting(side);
	return 0;
}

static void on_closed(struct arm *arm) {
	struct side *side = arm->side;
	if (arm->asked.first && time_us() >= due(arm))
		time_out(arm); /* the hand's own alarm came first */
	drop(arm);
	send_waiting(side);
}

/* What is no reply to what was asked for: of such a helper nothing is believed. */
static void on_nonsense(struct arm *arm) {
	struct side *side = arm->side;
	if (arm->asked.first) {
		struct err err;
		err_set(&err, ERR_UNREADABLE, "", "the answer is not one to what was asked for");
		fail(arm->asked.first, &err);
	}
	drop(arm);
	send_waiting(side);
}

static int on_reply(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct arm *arm = context;
	struct side *side = arm->side;
	struct wire_answer got;
	struct reach_call *call = arm->asked.first;
	enum wire_got how = wire_take(arm->tie.socket, &got);
	if (how == WIRE_BAD && errno == EAGAIN)
		return 0;
	if (how == WIRE_CLOSED) {
		on_closed(arm);
		return 0;
	}
	if (how == WIRE_BAD || !call || got.number != call->number) {
		if (how == WIRE_GOT)
			answer_done(&got.answer);
		on_nonsense(arm);
		return 0;
	}
	take(call);
	call->is_sent = false;
	put(&call->reach->ended, call); /* its place until it is told, which is now */
	arm->count--;
	arm->is_full = arm->is_alone = false;
	arm->since_us = time_us();
	watch_time(arm);
	if (side->instance)
		drop(arm);
	send_waiting(side);
	if (call->done) {
		tell(call, &got.answer, got.err.code ? &got.err : NULL);
	} else {
		answer_done(&got.answer);
		call_free(call);
	}
	return 0;
}

/* 0 or an errno. */
static int add_arm(struct side *side) {
	sd_event *event = side->reach->event;
	CLEANUP(arm_free_p) struct arm *arm = xcalloc(1, sizeof *arm);
	CLEANUP(free_ptr) char *path = side->reach->helpers ? socket_path(side) : NULL;
	*arm = (struct arm){.side = side, .tie = TIE_NONE};
	int error = path ? tie_connect(path, &arm->tie) : tie_fork(side->reach->kinds, &arm->tie);
	if (error)
		return error;
	error = sd_event_add_io(event, &arm->io, arm->tie.socket, EPOLLIN, on_reply, arm);
	if (error >= 0)
		error = sd_event_add_time(event, &arm->timer, CLOCK_MONOTONIC, 0, 20000, on_time, arm);
	/* Served behind everything else that is ready: an answer that is there counts, however late we come to it. */
	if (error >= 0)
		error = sd_event_source_set_priority(arm->timer, SD_EVENT_PRIORITY_NORMAL + 10);
	if (error >= 0)
		error = sd_event_source_set_enabled(arm->timer, SD_EVENT_OFF);
	if (error < 0)
		return -error;
	side->arms[side->count++] = arm;
	arm = NULL;
	return 0;
}

/* Probes do little but wait, for whom never answers as well. Plugins are run one after the other: those of this process
 * share a user, and the processes that he may have. (Each of the helpers has a user of its own.) */
static size_t most(const struct side *side) {
	if (side->reach->has_one_hand)
		return 1;
	return side->helper == HELPER_FS || side->helper == HELPER_PROBER ? REACH_HANDS : 2;
}

/* The socket is what root lets be run. */
static void say_not_enabled(const struct side *side, const char *path, struct err *err) {
	err_set(err, ERR_UNAPPROVED, "",
		"not enabled here, there is no %s: systemctl enable --now vouch-plugin@%s.socket", path,
		side->instance);
}

/* No hand could be had: why nothing that waits here is looked at. */
static void fail_waiting(struct side *side, int error) {
	struct err err;
	CLEANUP(free_ptr) char *path = side->reach->helpers ? socket_path(side) : NULL;
	CLEANUP(free_ptr) char *what = path ? xasprintf("connect to %s", path) : xstrdup("fork");
	err_errno(&err, error, path ? ERR_UNPROVED : ERR_UNREADABLE, "", what);
	if (err.code == ERR_ABSENT && side->instance)
		say_not_enabled(side, path, &err);
	else if (err.code == ERR_ABSENT)
		err.code = ERR_UNPROVED; /* the helper is not there: nothing is known of what it would have seen */
	fail_all(&side->waiting, &err);
	fail_all(&side->alone, &err);
}

static int on_knock(sd_event_source *source, uint64_t usec, void *context) {
	struct side *side = context;
	side->knock = sd_event_source_disable_unref(side->knock);
	send_waiting(side);
	return 0;
}

/* The helper has no room for a connection now: it is tried again, for a while. */
static void knock_later(struct side *side) {
	uint64_t now = time_us();
	if (!side->knocks_since_us)
		side->knocks_since_us = now;
	if (now - side->knocks_since_us >= KNOCK_FOR_MS * 1000ULL) {
		side->knocks_since_us = 0;
		fail_waiting(side, ETIMEDOUT);
		return;
	}
	if (sd_event_add_time_relative(side->reach->event, &side->knock, CLOCK_MONOTONIC, KNOCK_EVERY_MS * 1000ULL, 0,
				       on_knock, side) < 0)
		fail_waiting(side, ENOMEM);
}

/* One that has nothing to do, made where there may be one more; NULL: none now. */
static struct arm *idle_arm(struct side *side) {
	for (size_t i = 0; i < side->count; i++)
		if (side->arms[i]->count == 0)
			return side->arms[i];
	if (side->count == most(side) || side->knock)
		return NULL;
	int error = add_arm(side);
	if (error && side->count == 0) {
		if (error == EAGAIN && side->reach->helpers)
			knock_later(side);
		else
			fail_waiting(side, error);
	}
	if (error)
		return NULL;
	side->knocks_since_us = 0;
	return side->arms[side->count - 1];
}

static int on_together(sd_event_source *source, uint64_t usec, void *context) {
	const struct arm *arm = context;
	return sd_event_source_set_enabled(arm->io, SD_EVENT_ON);
}

/* The one hand begins: its answers are listened to when there are some. */
static void let_gather(struct arm *arm) {
	arm->together = sd_event_source_disable_unref(arm->together);
	if (sd_event_add_time_relative(arm->side->reach->event, &arm->together, CLOCK_MONOTONIC, ANSWERS_US, 1000,
				       on_together, arm) >= 0)
		sd_event_source_set_enabled(arm->io, SD_EVENT_OFF);
}

static size_t most_ahead(const struct side *side) { return side->reach->has_one_hand ? ANSWERS_AHEAD : REACH_AHEAD; }

static struct arm *least_busy(struct side *side) {
	struct arm *least = NULL;
	for (size_t i = 0; i < side->count; i++) {
		struct arm *arm = side->arms[i];
		if (!arm->is_alone && !arm->is_full && arm->count < most_ahead(side) &&
		    (!least || arm->count < least->count))
			least = arm;
	}
	return least;
}

static size_t alone_count(const struct side *side) {
	size_t count = 0;
	for (size_t i = 0; i < side->count; i++)
		count += side->arms[i]->is_alone;
	return count;
}

/* The arm may be gone afterwards. */
static void send_by(struct arm *arm, struct reach_call *call, bool is_alone) {
	uint32_t number = ++arm->side->reach->number;
	number = number ? number : ++arm->side->reach->number;
	if (wire_ask(arm->tie.socket, number, call->name, call->sent) != 0) {
		if (errno == EAGAIN && arm->count > 0) {
			arm->is_full = true;
			return;
		}
		if (++call->tries >= most_tries(arm->side))
			give_up(arm->side, call);
		drop(arm);
		return;
	}
	call->number = number;
	call->is_sent = true;
	call->tries++;
	take(call);
	put(&arm->asked, call);
	if (arm->count++ == 0) {
		arm->since_us = time_us();
		if (arm->side->reach->has_one_hand)
			let_gather(arm);
	}
	arm->is_alone = is_alone;
	watch_time(arm);
}

/* As much as hands can be had for; of several one is always left for what is quick. */
static void send_waiting(struct side *side) {
	struct arm *arm;
	const size_t most_alone = most(side) > 1 ? most(side) - 1 : 1;
	while (side->alone.first && alone_count(side) < most_alone && (arm = idle_arm(side)))
		send_by(arm, side->alone.first, true);
	while (side->waiting.first && ((arm = idle_arm(side)) || (arm = least_busy(side))))
		send_by(arm, side->waiting.first, false);
}

static void look_here(struct reach_call *call) {
	static const struct place live = {0};
	CLEANUP(answer_done) struct answer answer = {0};
	struct err err;
	const struct kind *kind = call->kind;
	struct ask ask = {.name = call->name,
			  .rest = call->name + strlen(kind->prefix),
			  .place = &live,
			  .deadline_us = time_us() + (uint64_t)kind->deadline_ms * 1000,
			  .sent = call->sent};
	struct answer handed = {0};
	bool is_seen = kind->look(&ask, &answer, &err);
	if (is_seen) {
		handed = answer;
		answer = (struct answer){0};
	}
	tell(call, &handed, is_seen ? NULL : &err);
}

static int on_turn(sd_event_source *source, void *context) {
	struct reach *reach = context;
	struct reach_call *call = reach->ended.first ? reach->ended.first : reach->here.first;
	if (!reach->ended.first && (!reach->here.first || !reach->here.first->next))
		sd_event_source_set_enabled(reach->turn, SD_EVENT_OFF);
	if (!call)
		return 0;
	if (call->err) {
		struct err err = *call->err;
		tell(call, NULL, &err);
	} else {
		look_here(call);
	}
	return 0;
}

struct reach *reach_new(sd_event *event, const char *helpers, const struct kind *const *kinds) {
	struct reach *reach = xcalloc(1, sizeof *reach);
	*reach = (struct reach){.event = sd_event_ref(event), .helpers = helpers, .kinds = kinds};
	for (size_t i = 0; i < ARRAY_LEN(reach->sides); i++) {
		reach->sides[i].reach = reach;
		reach->sides[i].helper = (enum helper)i;
	}
	if (sd_event_add_defer(event, &reach->turn, on_turn, reach) < 0 ||
	    sd_event_source_set_enabled(reach->turn, SD_EVENT_OFF) < 0)
		abort(); /* neither can fail but for want of memory */
	return reach;
}

void reach_by_one_hand(struct reach *reach) { reach->has_one_hand = true; }

/* The side that is asked; NULL: there can be none. */
static struct side *side_of(struct reach *reach, const struct kind *kind, const char *name) {
	if (!reach->helpers || !kind->instance)
		return &reach->sides[kind->helper];
	CLEANUP(free_ptr) char *instance = kind->instance(name + strlen(kind->prefix));
	if (!instance)
		return NULL;
	for (struct side *side = reach->instances; side; side = side->next)
		if (!strcmp(side->instance, instance))
			return side;
	struct side *side = xcalloc(1, sizeof *side);
	*side = (struct side){.reach = reach, .helper = kind->helper, .instance = instance, .next = reach->instances};
	reach->instances = side;
	instance = NULL;
	return side;
}

static void side_done(struct side *side) {
	for (size_t i = 0; i < side->count; i++)
		tie_kill(&side->arms[i]->tie);
	for (size_t i = 0; i < side->count; i++)
		arm_free(side->arms[i]);
	free_all(&side->waiting);
	free_all(&side->alone);
	sd_event_source_disable_unref(side->knock);
	free(side->instance);
}

void reach_free(struct reach *reach) {
	if (!reach)
		return;
	for (size_t i = 0; i < ARRAY_LEN(reach->sides); i++)
		side_done(&reach->sides[i]);
	for (struct side *side = reach->instances, *next; side; side = next) {
		next = side->next;
		side_done(side);
		free(side);
	}
	free_all(&reach->here);
	free_all(&reach->ended);
	sd_event_source_disable_unref(reach->turn);
	sd_event_unref(reach->event);
	free(reach);
}

struct reach_call *reach_ask(struct reach *reach, const struct kind *kind, const char *name, int sent,
			     void (*done)(void *context, struct answer *answer, const struct err *err), void *context) {
	struct reach_call *call = xcalloc(1, sizeof *call);
	struct side *side = side_of(reach, kind, name);
	*call = (struct reach_call){
		.reach = reach, .kind = kind, .name = name, .sent = sent, .done = done, .context = context};
	put(kind->helper == HELPER_NONE || !side ? &reach->here : kind->is_slow ? &side->alone : &side->waiting, call);
	if (!side) {
		struct err err;
		err_set(&err, ERR_UNREADABLE, "", "nobody can be asked by such a name");
		tell_later(call, &err);
	} else if (kind->helper == HELPER_NONE) {
		sd_event_source_set_enabled(reach->turn, SD_EVENT_ON);
	} else if (!wire_is_name(name, strlen(name))) {
		struct err err;
		err_set(&err, ERR_UNREADABLE, "", "the name holds what is not plain text");
		tell_later(call, &err);
	} else {
		send_waiting(side);
	}
	return call;
}

void reach_cancel(struct reach_call *call) {
	if (call->is_sent)
		call->done = NULL; /* its reply comes all the same */
	else
		call_free(call);
}
