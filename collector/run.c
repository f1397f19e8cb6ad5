/* vouch-collector run: the listeners, until a signal ends them. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "collector/listen.h"
#include "collector/orders.h"
#include "collector/route.h"
#include "collector/stamps.h"
#include "collector/verbs.h"
#include "core/times.h"

#define READER_REQUEST_MOST 16384 /* a login form */
#define ANONYMOUS_MOST 65536      /* an enrolment */
#define AGENTS_HELD_MOST ((size_t)256 << 20)
#define READERS_HELD_MOST ((size_t)16 << 20)
#define LISTENERS 3

struct running {
	struct event_base *base;
	struct event *signals[2];
	struct event *stamps, *alive;
	SSL_CTX *tls_agents, *tls_readers;
	struct order_socket *orders;
	struct listener *listeners[LISTENERS];
};

/* Listeners go first, then one turn of the loop in which libevent frees their connections, which know their listener.
 */
static void running_done(struct running *running) {
	order_socket_free(running->orders);
	for (size_t i = 0; i < LISTENERS; i++)
		listen_stop(running->listeners[i]);
	for (size_t i = 0; i < ARRAY_LEN(running->signals); i++)
		if (running->signals[i])
			event_free(running->signals[i]);
	if (running->stamps)
		event_free(running->stamps);
	if (running->alive)
		event_free(running->alive);
	if (running->base) {
		event_base_loop(running->base, EVLOOP_NONBLOCK);
		event_base_free(running->base);
	}
	for (size_t i = 0; i < LISTENERS; i++)
		listen_free(running->listeners[i]);
	SSL_CTX_free(running->tls_agents);
	SSL_CTX_free(running->tls_readers);
	libevent_global_shutdown();
}

static void stop(evutil_socket_t number, short what, void *base) { event_base_loopbreak(base); }

static bool watch_signals(struct running *running, struct err *err) {
	static const int numbers[] = {SIGTERM, SIGINT};
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		running->signals[i] = evsignal_new(running->base, numbers[i], stop, running->base);
		if (!running->signals[i] || event_add(running->signals[i], NULL) != 0)
			return err_set(err, ERR_IO, "signals", "cannot be watched");
	}
	return true;
}

/* All connections that the caps allow need a descriptor. */
static void raise_descriptors(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool open_listeners(struct running *running, struct collector *collector, struct err *err) {
	const struct config *config = collector->config;
	const struct listen_settings settings[LISTENERS] = {
		{"agents", config->agents, running->tls_agents, RECEIVE_REQUEST_LARGEST, ANONYMOUS_MOST,
		 AGENTS_HELD_MOST, config->request_deadline, config->connections, agents_handle, collector},
		{"readers", config->readers, running->tls_readers, READER_REQUEST_MOST, 0, READERS_HELD_MOST,
		 config->request_deadline, config->connections, readers_handle, collector},
		{"metrics", config->metrics, running->tls_readers, READER_REQUEST_MOST, 0, READERS_HELD_MOST,
		 config->request_deadline, config->connections, metrics_handle, collector},
	};
	for (size_t i = 0; i < LISTENERS; i++) {
		if (!listen_open(running->base, &settings[i], &running->listeners[i], err))
			return false;
		collector_say(collector, "%s: listening on %s", settings[i].name,
			      listen_address(running->listeners[i]));
	}
	return true;
}

static void want_stamps(evutil_socket_t unused, short what, void *context) {
	struct collector *collector = context;
	struct err err;
	if (!stamps_want(collector->store, collector->folder, times_now(), &collector->stamped, &err))
		collector_say(collector, "time-stamps are not asked for: %s: %s", err.where, err.why);
}

/* Where somebody would get them. */
static bool start_stamps(struct running *running, struct collector *collector, struct err *err) {
	const struct timeval every = {.tv_sec = STAMPS_EVERY_S};
	if (!collector->config->timestamp_url[0] || !collector->config->timestamp_rounds)
		return true;
	running->stamps = event_new(running->base, -1, EV_PERSIST, want_stamps, collector);
	if (!running->stamps || event_add(running->stamps, &every) != 0)
		return err_set(err, ERR_IO, "time-stamps", "no timer");
	return true;
}

static void say_alive(evutil_socket_t unused, short what, void *context) { sd_notify(0, "WATCHDOG=1"); }

/* The service manager ends a collector whose loop stands still, where the unit wants that. */
static bool start_watchdog(struct running *running, struct err *err) {
	uint64_t limit_us;
	if (sd_watchdog_enabled(0, &limit_us) <= 0)
		return true;
	const struct timeval every = {.tv_sec = (time_t)(limit_us / 2 / 1000000),
				      .tv_usec = (suseconds_t)(limit_us / 2 % 1000000)};
	running->alive = event_new(running->base, -1, EV_PERSIST, say_alive, NULL);
	if (!running->alive || event_add(running->alive, &every) != 0)
		return err_set(err, ERR_IO, "watchdog", "no timer");
	return true;
}

struct run_options {
	const char *data;
};

static bool take_option(int option, const char *value, void *context, struct err *err) {
	struct run_options *options = context;
	options->data = value;
	return true;
}

static bool run(const struct verb_call *call, struct err *err) {
	static const struct option known[] = {{"data", required_argument, NULL, 'd'}, {0}};
	struct run_options options = {0};
	const char *folder;
	CLEANUP(collector_free_p) struct collector *collector = NULL;
	CLEANUP(running_done) struct running running = {0};
	if (!collector_options(call, known, take_option, &options, 1, &folder, err))
		return false;
	umask(077);
	raise_descriptors();
	running.base = event_base_new();
	if (!running.base)
		return err_set(err, ERR_IO, "libevent", "no event base");
	if (!watch_signals(&running, err) || !collector_open(folder, options.data, call->say, &collector, err) ||
	    !listen_tls(folder, collector->ca->certificate, &running.tls_agents, err) ||
	    (collector->outside && !outside_trust(collector->outside, running.tls_agents, err)) ||
	    !listen_tls(folder, NULL, &running.tls_readers, err) || !open_listeners(&running, collector, err) ||
	    !order_socket_open(running.base, folder, collector, &running.orders, err) ||
	    !start_stamps(&running, collector, err) || !start_watchdog(&running, err))
		return false;
	collector_say(collector, "log: %s with %llu entries", log_origin(collector->log),
		      (unsigned long long)log_size(collector->log));
	sd_notify(0, "READY=1");
	event_base_dispatch(running.base);
	sd_notify(0, "STOPPING=1");
	collector_say(collector, "stopped");
	return true;
}

const struct verb collector_run = {
	"run",
	"DIR [--data DIR]",
	"Receive, verify, log, store and show, in the foreground, until SIGTERM or SIGINT.",
	"  --data DIR         folder that holds policies/, in place of the configured one\n",
	run,
};
