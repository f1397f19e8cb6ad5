/* Watching units: a child plays bus and systemd at the bus' place, in a mount namespace of its own, and signals what it
 * is told to; what comes out is counted. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "sources/watch_units.h"
#include "tests/unit/own_run.h"

#define UNITS 130
#define HANG_US 60000000

/* The other side. */

struct other_side {
	sd_bus *bus;
	bool is_subscribed;
};

static void emit(sd_bus_message *message) {
	if (sd_bus_message_set_sender(message, "org.freedesktop.systemd1") < 0 ||
	    sd_bus_send(sd_bus_message_get_bus(message), message, NULL) < 0)
		_exit(3);
	sd_bus_message_unref(message);
}

static void emit_properties(sd_bus *bus, const char *unit, const char *property) {
	sd_bus_message *message = NULL;
	char *path;
	if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) < 0 ||
	    sd_bus_message_new_signal(bus, &message, path, "org.freedesktop.DBus.Properties", "PropertiesChanged") <
		    0 ||
	    sd_bus_message_append(message, "sa{sv}as", "org.freedesktop.systemd1.Service", 1, property, "s", "x", 0) <
		    0)
		_exit(4);
	free(path);
	emit(message);
}

static void emit_manager(sd_bus *bus, const char *member, const char *types, int truth, const char *unit) {
	sd_bus_message *message = NULL;
	if (sd_bus_message_new_signal(bus, &message, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
				      member) < 0)
		_exit(5);
	if (*types == 'b' && sd_bus_message_append(message, "b", truth) < 0)
		_exit(5);
	if (*types == 'u' && sd_bus_message_append(message, "uoss", 1, "/job/1", unit, "done") < 0)
		_exit(5);
	emit(message);
}

static int on_order(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct other_side *side = context;
	char order;
	if (!side->is_subscribed)
		_exit(0); /* systemd would tell nothing */
	if (read(fd, &order, 1) != 1)
		_exit(0);
	switch (order) {
	case 'a':
		emit_properties(side->bus, "a.service", "ActiveState");
		break;
	case 't':
		emit_properties(side->bus, "a.service", "StatusText");
		break;
	case 'o':
		emit_properties(side->bus, "other.service", "ActiveState");
		break;
	case 'j':
		emit_manager(side->bus, "JobRemoved", "u", 0, "b@x.service");
		break;
	case 'R':
	case 'r':
		emit_manager(side->bus, "Reloading", "b", order == 'R', NULL);
		break;
	case 'f':
		emit_manager(side->bus, "UnitFilesChanged", "", 0, NULL);
		break;
	case 'e':
		emit_properties(side->bus, "end.service", "ActiveState");
		break;
	default:
		_exit(0);
	}
	return 0;
}

static int on_call(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct other_side *side = context;
	if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(message, "s", ":1.1") < 0 ? -1 : 1;
	if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "AddMatch"))
		return sd_bus_reply_method_return(message, NULL) < 0 ? -1 : 1;
	if (sd_bus_message_is_method_call(message, "org.freedesktop.systemd1.Manager", "Subscribe"))
		side->is_subscribed = true;
	return 1;
}

/* Serves one connection after the other; an order that is none of its own hangs up. */
static void serve(int listening, int orders) {
	sd_id128_t id = {.bytes = {1}};
	struct other_side side = {0};
	sd_event *event = NULL;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sd_event_new(&event) < 0 || sd_bus_new(&side.bus) < 0 || sd_bus_set_fd(side.bus, fd, fd) < 0 ||
	    sd_bus_set_server(side.bus, 1, id) < 0 || sd_bus_start(side.bus) < 0 ||
	    sd_bus_add_filter(side.bus, NULL, on_call, &side) < 0 || sd_bus_attach_event(side.bus, event, 0) < 0 ||
	    sd_event_add_io(event, NULL, orders, EPOLLIN, on_order, &side) < 0)
		_exit(1);
	sd_event_loop(event);
	_exit(0);
}

/* This side. */

struct this_side {
	sd_event *loop;
	struct watch_units *units;
	int orders;
	size_t begun, unwatched;
	struct buf told;
	unsigned ends; /* changes of the unit that is told last */
};

/* Also when the unit's signals have begun to be told: that is counted apart. */
static void on_doubted(void *context, const char *name) {
	struct this_side *side = context;
	if (side->begun < UNITS)
		side->begun++;
	else if (!strcmp(name, "unit:end.service"))
		side->ends++;
	else if (strncmp(name, "unit:filler", 11) != 0)
		buf_addf(&side->told, "%s ", name + strlen("unit:"));
}

static void on_unwatched(void *context, const char *name, const char *why) {
	((struct this_side *)context)->unwatched++;
}

static int on_hang(sd_event_source *source, uint64_t time, void *context) { _exit(102); }

static void turn(struct this_side *side) {
	if (sd_event_run(side->loop, UINT64_MAX) < 0)
		_exit(103);
}

/* What is told after these orders; the caller frees. */
static char *told_after(struct this_side *side, const char *orders) {
	unsigned wanted = strpbrk(orders, "rf") ? 2 : 1; /* what concerns all concerns it too */
	side->ends = 0;
	if (write(side->orders, orders, strlen(orders)) != (ssize_t)strlen(orders) || write(side->orders, "e", 1) != 1)
		_exit(104);
	while (side->ends < wanted)
		turn(side);
	return buf_take(&side->told);
}

/* The other side serves in a process of its own. */
static pid_t start_server(int listening, struct this_side *side) {
	int ends[2];
	if (pipe(ends) != 0)
		_exit(105);
	pid_t server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[1]);
		serve(listening, ends[0]);
	}
	close(ends[0]);
	side->orders = ends[1];
	return server;
}

static void add_units(struct this_side *side) {
	watch_units_add(side->units, "unit:a.service");
	watch_units_add(side->units, "unit:b@x.service");
	for (unsigned i = 0; i < UNITS - 3; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("unit:filler%u.timer", i);
		watch_units_add(side->units, name);
	}
	watch_units_add(side->units, "unit:end.service");
	while (side->begun < UNITS)
		turn(side);
}

/* Runs a story in a child that has a /run of its own; what it writes is the caller's to free. */
static char *tell(void (*story)(struct this_side *side, int listening, int out)) {
	int ends[2];
	struct buf text = {0};
	assert_int_equal(getuid(), 0); /* namespaces need root */
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		struct this_side side = {0};
		const struct watch_ears ears = {.context = &side, .doubted = on_doubted, .unwatched = on_unwatched};
		int listening = own_run_make();
		close(ends[0]);
		if (sd_event_new(&side.loop) < 0 ||
		    sd_event_add_time_relative(side.loop, NULL, CLOCK_MONOTONIC, HANG_US, 0, on_hang, NULL) < 0)
			_exit(106);
		side.units = watch_units_new(side.loop, &ears);
		story(&side, listening, ends[1]);
		watch_units_free(side.units);
		sd_event_unref(side.loop);
		buf_done(&side.told);
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t got = 1; got > 0; text.len += (size_t)got)
		got = read(ends[0], buf_room(&text, 4096), 4096);
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return buf_take(&text);
}

static void tell_signals(struct this_side *side, int listening, int out) {
	pid_t server = start_server(listening, side);
	add_units(side);
	for (const char *order = "atojRrf"; *order; order++) {
		const char orders[] = {*order, '\0'};
		CLEANUP(free_ptr) char *told = told_after(side, orders);
		dprintf(out, "%s: %s\n", orders, told);
	}
	kill(server, SIGKILL);
}

static void signals_of_watched_units_are_told_and_no_others(void **state) {
	CLEANUP(free_ptr) char *text = tell(tell_signals);
	assert_string_equal(text, "a: a.service \n"
				  "t: \n"
				  "o: \n"
				  "j: b@x.service \n"
				  "R: \n"
				  "r: a.service b@x.service \n"
				  "f: a.service b@x.service \n");
}

static void tell_lost_bus(struct this_side *side, int listening, int out) {
	pid_t server = start_server(listening, side);
	add_units(side);
	kill(server, SIGKILL);
	while (!side->ends)
		turn(side);
	dprintf(out, "lost: %s\n", buf_str(&side->told));
	buf_done(&side->told);
	close(side->orders);
	server = start_server(listening, side);
	side->begun = 0;
	watch_units_retry(side->units);
	while (side->begun < UNITS)
		turn(side);
	CLEANUP(free_ptr) char *told = told_after(side, "a");
	dprintf(out, "a: %s\n", told);
	kill(server, SIGKILL);
}

static void lost_bus_counts_as_a_change_of_all_and_is_connected_anew(void **state) {
	CLEANUP(free_ptr) char *text = tell(tell_lost_bus);
	assert_string_equal(text, "lost: a.service b@x.service \na: a.service \n");
}

static void tell_no_bus(struct this_side *side, int listening, int out) {
	close(listening);
	unlink(OWN_RUN_BUS);
	watch_units_add(side->units, "unit:a.service");
	watch_units_retry(side->units);
	dprintf(out, "%zu", side->unwatched);
}

static void without_a_bus_units_are_unwatched_and_said_once(void **state) {
	CLEANUP(free_ptr) char *text = tell(tell_no_bus);
	assert_string_equal(text, "1");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_of_watched_units_are_told_and_no_others),
		cmocka_unit_test(lost_bus_counts_as_a_change_of_all_and_is_connected_anew),
		cmocka_unit_test(without_a_bus_units_are_unwatched_and_said_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
