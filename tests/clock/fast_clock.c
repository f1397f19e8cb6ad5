/* A clock that a test turns on: preloaded into the programs under test (LD_PRELOAD), it adds to CLOCK_REALTIME and
 * CLOCK_BOOTTIME the nanoseconds that the file named by FAST_CLOCK holds (a signed 64-bit integer, as advance.c writes
 * it), and has timers set for an instant on these clocks expire accordingly, those that wait for the clock to be set
 * (TFD_TIMER_CANCEL_ON_SET) at each turn. CLOCK_MONOTONIC is left alone: deadlines
 * of connections and looks are those of the machine. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS_MOST 1024
#define TURN_NS 500000 /* how often a process looks whether the clock was turned */
#define SECOND_NS INT64_C(1000000000)

static volatile const int64_t *turned;

struct timer {
	bool is_set, is_turned; /* is_turned: of a clock that is */
	int flags;
	struct itimerspec wanted;
};
static struct timer timers[DESCRIPTORS_MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_gettime)(clockid_t clock, struct timespec *now);
static int (*real_create)(int clock, int flags);
static int (*real_settime)(int fd, int flags, const struct itimerspec *set, struct itimerspec *old);

static bool is_turned_clock(clockid_t clock) {
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_BOOTTIME_ALARM || clock == CLOCK_REALTIME_ALARM;
}

static struct timespec shifted(struct timespec at, int64_t by) {
	const int64_t sum = at.tv_sec * SECOND_NS + at.tv_nsec + by;
	return (struct timespec){sum / SECOND_NS, sum % SECOND_NS};
}

/* An instant long past becomes the first one, since zero would disarm. */
static void arm(int fd, const struct timer *timer) {
	struct itimerspec set = timer->wanted;
	set.it_value = shifted(set.it_value, -*turned);
	if (set.it_value.tv_sec < 0 || (set.it_value.tv_sec == 0 && set.it_value.tv_nsec <= 0))
		set.it_value = (struct timespec){0, 1};
	real_settime(fd, timer->flags, &set, NULL);
}

static void *watch_clock(void *unused) {
	const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
	int64_t seen = *turned;
	sigset_t all;
	sigfillset(&all); /* signals are the program's own threads' */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		const struct timespec pause = {0, TURN_NS};
		nanosleep(&pause, NULL);
		if (*turned == seen)
			continue;
		seen = *turned;
		pthread_mutex_lock(&lock);
		for (int fd = 0; fd < DESCRIPTORS_MOST; fd++)
			if (timers[fd].is_set && timers[fd].flags & TFD_TIMER_CANCEL_ON_SET)
				real_settime(fd, 0, &at_once, NULL);
			else if (timers[fd].is_set)
				arm(fd, &timers[fd]);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

__attribute__((constructor)) static void begin(void) {
	static const int64_t never = 0;
	const char *path = getenv("FAST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *turned, PROT_READ, MAP_SHARED, fd, 0);
	pthread_t thread;
	if (fd >= 0)
		close(fd);
	turned = map == MAP_FAILED ? &never : map;
	*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	*(void **)&real_create = dlsym(RTLD_NEXT, "timerfd_create");
	*(void **)&real_settime = dlsym(RTLD_NEXT, "timerfd_settime");
	if (map != MAP_FAILED && pthread_create(&thread, NULL, watch_clock, NULL) == 0)
		pthread_detach(thread);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
	int result = real_gettime ? real_gettime(clock, now) : -1;
	if (result == 0 && is_turned_clock(clock))
		*now = shifted(*now, *turned);
	return result;
}

time_t time(time_t *ret_time) {
	struct timespec now = {0};
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	struct timespec at = {0};
	int result = clock_gettime(CLOCK_REALTIME, &at);
	*now = (struct timeval){at.tv_sec, at.tv_nsec / 1000};
	return result;
}

int timerfd_create(int clock, int flags) {
	int fd = real_create(clock, flags);
	if (fd < 0 || fd >= DESCRIPTORS_MOST)
		return fd;
	pthread_mutex_lock(&lock);
	timers[fd] = (struct timer){.is_turned = is_turned_clock(clock)};
	pthread_mutex_unlock(&lock);
	return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *set, struct itimerspec *old) {
	if (fd < 0 || fd >= DESCRIPTORS_MOST || !timers[fd].is_turned || !(flags & TFD_TIMER_ABSTIME))
		return real_settime(fd, flags, set, old);
	pthread_mutex_lock(&lock);
	struct timer *timer = &timers[fd];
	timer->is_set = set->it_value.tv_sec != 0 || set->it_value.tv_nsec != 0;
	timer->flags = flags;
	timer->wanted = *set;
	int result = 0;
	if (timer->is_set)
		arm(fd, timer);
	else
		result = real_settime(fd, flags, set, old);
	pthread_mutex_unlock(&lock);
	return result;
}
