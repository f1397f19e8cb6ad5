#include "agent/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"

struct clock {
	sd_event_source *source;
	int timer;
	struct clocks before;
	void (*jumped)(void *context, const struct clock_jump *jump);
	void *context;
};

static int64_t read_clock(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static struct clocks read_clocks(void) {
	return (struct clocks){.real = read_clock(CLOCK_REALTIME),
			       .boot = read_clock(CLOCK_BOOTTIME),
			       .monotonic = read_clock(CLOCK_MONOTONIC)};
}

static int64_t unless_small(int64_t us) { return us >= CLOCK_LEAST_US || us <= -CLOCK_LEAST_US ? us : 0; }

struct clock_jump clocks_compare(const struct clocks *before, const struct clocks *now) {
	return (struct clock_jump){
		.set_us = unless_small((now->real - now->boot) - (before->real - before->boot)),
		.slept_us = unless_small((now->boot - now->monotonic) - (before->boot - before->monotonic)),
	};
}

/* A timer of the time of day that never expires; the kernel cancels it when that is set (timerfd_create(2)), and after
 * a sleep. */
static int arm(const struct clock *clock) {
	const struct itimerspec never = {.it_value = {.tv_sec = INT64_C(9000000000)}};
	return timerfd_settime(clock->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

/* It is armed again before the clocks are read: what comes between is told again, and is then no jump. */
static int cancelled(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct clock *clock = context;
	uint64_t expirations;
	ssize_t got = read(fd, &expirations, sizeof expirations);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (arm(clock) != 0 && errno != ECANCELED)
		return -errno;
	const struct clocks now = read_clocks();
	const struct clock_jump jump = clocks_compare(&clock->before, &now);
	if (!jump.set_us && !jump.slept_us)
		return 0;
	clock->before = now;
	clock->jumped(clock->context, &jump);
	return 0;
}

bool clock_watch(sd_event *event, void (*jumped)(void *, const struct clock_jump *), void *context,
		 struct clock **ret_clock, struct err *err) {
	CLEANUP(clock_free_p) struct clock *clock = xcalloc(1, sizeof *clock);
	*clock = (struct clock){.jumped = jumped, .context = context};
	clock->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (clock->timer < 0 || arm(clock) != 0)
		return err_errno(err, errno, ERR_IO, "clock", "watch");
	clock->before = read_clocks();
	int error = sd_event_add_io(event, &clock->source, clock->timer, EPOLLIN, cancelled, clock);
	if (error < 0)
		return err_errno(err, -error, ERR_IO, "clock", "watch");
	*ret_clock = clock;
	clock = NULL;
	return true;
}

void clock_free(struct clock *clock) {
	if (!clock)
		return;
	sd_event_source_disable_unref(clock->source);
	if (clock->timer >= 0)
		close(clock->timer);
	free(clock);
}

static double seconds(int64_t us) { return (double)(us < 0 ? -us : us) / 1e6; }

char *clock_jump_text(const struct clock_jump *jump) {
	struct buf text = {0};
	if (jump->slept_us)
		buf_addf(&text, "this host slept for %.1f s", seconds(jump->slept_us));
	if (jump->set_us)
		buf_addf(&text, "%sthe clock was set %s by %.1f s", jump->slept_us ? "; " : "",
			 jump->set_us < 0 ? "back" : "forward", seconds(jump->set_us));
	return buf_take(&text);
}
