/* A unit's properties over the system bus. Where no systemd runs, a child plays bus and systemd at the bus' place, in a
 * mount namespace of its own; against a real systemd it is the host itself that answers. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "tests/unit/fetching.h"
#include "tests/unit/own_run.h"

/* How the other side behaves. */
enum manner { ANSWERS, DENIES, HAS_NO_OWNER, LIES, HANGS_UP, IS_MUTE, HAS_LIMITS };
static enum manner manner;

/* As dbus-daemon does it: too many calls that wait for their answer. A Get is some 200 bytes; the first one is let wait
 * so that all that are sent at once are there. */
static bool is_over_limit(sd_bus_message *message) {
	static bool waited;
	int bytes = 0;
	if (!waited)
		usleep(200000);
	waited = true;
	ioctl(sd_bus_get_fd(sd_bus_message_get_bus(message)), FIONREAD, &bytes);
	return bytes > 128 * 150;
}

static int answer_get(sd_bus_message *message) {
	const char *interface, *property;
	if (manner == HAS_LIMITS && is_over_limit(message))
		return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_LIMITS_EXCEEDED, "too many");
	if (manner == DENIES)
		return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_ACCESS_DENIED, "no");
	if (manner == HAS_NO_OWNER)
		return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "nobody");
	if (manner == HANGS_UP)
		_exit(0);
	if (sd_bus_message_read(message, "ss", &interface, &property) < 0)
		_exit(1);
	if (manner == LIES)
		return sd_bus_reply_method_return(message, "v", "x", (int64_t)1);
	if (!strcmp(property, "DropInPaths") || !strcmp(property, "TriggeredBy"))
		return sd_bus_reply_method_return(message, "v", "as", 2, "/b", "/a");
	if (!strcmp(property, "NeedDaemonReload"))
		return sd_bus_reply_method_return(message, "v", "b", 1);
	if (!strcmp(property, "MainPID"))
		return sd_bus_reply_method_return(message, "v", "u", (uint32_t)42);
	if (!strcmp(property, "NRestarts"))
		return sd_bus_reply_method_return(message, "v", "u", (uint32_t)3);
	if (!strcmp(property, "NoNewPrivileges"))
		return sd_bus_reply_method_return(message, "v", "b", 1);
	if (!strcmp(property, "WatchdogUSec") || !strcmp(property, "CapabilityBoundingSet"))
		return sd_bus_reply_method_return(message, "v", "t", UINT64_MAX);
	if (!strcmp(property, "AmbientCapabilities"))
		return sd_bus_reply_method_return(message, "v", "t", UINT64_C(1) << 12 | UINT64_C(1) << 50);
	if (!strcmp(property, "ExecMainStatus"))
		return sd_bus_reply_method_return(message, "v", "i", (int32_t)3);
	if (!strcmp(property, "ExecMainStartTimestamp") || !strcmp(property, "ExecMainExitTimestamp"))
		return sd_bus_reply_method_return(message, "v", "t", (uint64_t)1700000000000000);
	return sd_bus_reply_method_return(message, "v", "s", sd_bus_message_get_path(message));
}

static int on_call(sd_bus_message *message, void *context, sd_bus_error *error) {
	if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(message, "s", ":1.1") < 0 ? -1 : 1;
	if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Get"))
		return answer_get(message) < 0 ? -1 : 1;
	return 0;
}

static void serve(int listening) {
	sd_bus *bus = NULL;
	sd_id128_t id = {.bytes = {1}};
	if (manner == IS_MUTE)
		pause();
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
	    sd_bus_start(bus) < 0 || sd_bus_add_filter(bus, NULL, on_call, NULL) < 0)
		_exit(1);
	for (;;) {
		int done = sd_bus_process(bus, NULL);
		if (done < 0 || (done == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
			_exit(0);
	}
}

/* What fetching the names yields against that other side, one line a source; read from a child. */
static void look_against(enum manner how, const char *const names[], char *text, size_t size) {
	int ends[2];
	size_t len = 0;
	assert_int_equal(getuid(), 0); /* namespaces need root */
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		manner = how;
		int listening = own_run_make();
		pid_t server = fork();
		if (server == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(listening);
		}
		close(listening);
		struct sources *set = fetch_all(NULL, names);
		for (size_t i = 0; i < sources_count(set); i++) {
			const struct source *source = sources_at(set, i);
			dprintf(ends[1], "%s %s%s\n", err_code_name(source->err.code), source->err.why,
				buf_str(&source->bytes));
		}
		sources_free(set);
		kill(server, SIGKILL);
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t got; (got = read(ends[0], text + len, size - len - 1)) > 0;)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static const char *const one_service[] = {"unit:ssh.service", NULL};

static void each_property_is_read_by_its_type(void **state) {
	char text[4096];
	look_against(ANSWERS, (const char *const[]){"unit:a-b.service", "unit:a.timer", NULL}, text, sizeof text);
	assert_string_equal(
		text,
		"none "
		"{\"ActiveState\":\"/org/freedesktop/systemd1/unit/a_2db_2eservice\",\"DropInPaths\":[\"/b\",\"/a\"],"
		"\"ExecMainStartTimestamp\":1700000000000000,"
		"\"FragmentPath\":\"/org/freedesktop/systemd1/unit/a_2db_2eservice\","
		"\"LoadState\":\"/org/freedesktop/systemd1/unit/"
		"a_2db_2eservice\",\"MainPID\":42,\"NeedDaemonReload\":true,"
		"\"Result\":\"/org/freedesktop/systemd1/unit/a_2db_2eservice\","
		"\"SubState\":\"/org/freedesktop/systemd1/unit/a_2db_2eservice\",\"TriggeredBy\":[\"/a\",\"/b\"],"
		"\"UnitFileState\":\"/org/freedesktop/systemd1/unit/a_2db_2eservice\"}\n"
		"none {\"ActiveState\":\"/org/freedesktop/systemd1/unit/a_2etimer\",\"DropInPaths\":[\"/b\",\"/a\"],"
		"\"FragmentPath\":\"/org/freedesktop/systemd1/unit/a_2etimer\","
		"\"LoadState\":\"/org/freedesktop/systemd1/unit/a_2etimer\",\"NeedDaemonReload\":true,"
		"\"SubState\":\"/org/freedesktop/systemd1/unit/a_2etimer\",\"TriggeredBy\":[\"/a\",\"/b\"],"
		"\"UnitFileState\":\"/org/freedesktop/systemd1/unit/a_2etimer\"}\n");
}

static void services_bounds_are_read_by_name(void **state) {
	char text[4096];
	look_against(ANSWERS, (const char *const[]){"service:a.service", "service:a.socket", NULL}, text, sizeof text);
	assert_string_equal(
		text, "none {\"ActiveState\":\"/org/freedesktop/systemd1/unit/a_2eservice\","
		      "\"AmbientCapabilities\":[\"cap_net_admin\",\"cap_50\"],\"CapabilityBoundingSet\":[\"all\"],"
		      "\"ExecMainExitTimestamp\":1700000000000000,\"ExecMainStatus\":3,"
		      "\"LoadState\":\"/org/freedesktop/systemd1/unit/a_2eservice\",\"MainPID\":42,\"NRestarts\":3,"
		      "\"NoNewPrivileges\":true,\"Restart\":\"/org/freedesktop/systemd1/unit/a_2eservice\","
		      "\"Result\":\"/org/freedesktop/systemd1/unit/a_2eservice\","
		      "\"UnitFileState\":\"/org/freedesktop/systemd1/unit/a_2eservice\","
		      "\"User\":\"/org/freedesktop/systemd1/unit/a_2eservice\","
		      "\"WatchdogUSec\":9223372036854775807}\n"
		      "unreadable ask: not a service's name\n");
}

static void each_way_of_not_answering_has_its_word(void **state) {
	static const struct {
		enum manner manner;
		const char *word;
	} cases[] = {{DENIES, "denied "}, {HAS_NO_OWNER, "unproved "}, {LIES, "malformed "}, {HANGS_UP, "unproved "}};
	char text[4096];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		look_against(cases[i].manner, one_service, text, sizeof text);
		assert_memory_equal(text, cases[i].word, strlen(cases[i].word));
		assert_null(strchr(text, '{'));
	}
}

#define MANY 300

static void many_units_at_once_stay_within_the_bus_limits(void **state) {
	char names[MANY][24];
	const char *all[MANY + 1] = {0};
	CLEANUP(free_ptr) char *text = xmalloc(MANY * 1024);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "unit:u%zu.service", i);
		all[i] = names[i];
	}
	look_against(HAS_LIMITS, all, text, MANY * (size_t)1024);
	size_t read = 0;
	for (const char *at = text; (at = strstr(at, "none {")); at++)
		read++;
	assert_int_equal(read, MANY);
}

/* The one test that waits for a deadline to pass: FETCH_DEADLINE_MS. */
static void mute_bus_is_a_timeout_for_each_unit_at_the_same_time(void **state) {
	char text[4096];
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	look_against(IS_MUTE, (const char *const[]){"unit:a.service", "unit:b.socket", NULL}, text, sizeof text);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_string_equal(text, "timeout no answer within 10000 ms\ntimeout no answer within 10000 ms\n");
	assert_true(after.tv_sec - before.tv_sec < 20); /* side by side, not one after the other */
}

static void without_systemd_nothing_is_proved(void **state) {
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, one_service);
	const struct source *source = only(set);
	json_t *value;
	struct err err;
	if (access("/run/systemd/system", F_OK) != 0) {
		assert_int_equal(source->err.code, ERR_UNPROVED);
		assert_non_null(strstr(source->err.why, "systemd does not run here"));
	} else {
		assert_true(source_json(source, &value, &err));
		assert_non_null(json_string_value(json_object_get(value, "LoadState")));
	}
}

static void name_that_is_no_units_is_unreadable(void **state) {
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"unit:", "unit:ssh", NULL});
	assert_int_equal(sources_at(set, 0)->err.code, ERR_UNREADABLE);
	assert_int_equal(sources_at(set, 1)->err.code, ERR_UNREADABLE);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_property_is_read_by_its_type),
		cmocka_unit_test(services_bounds_are_read_by_name),
		cmocka_unit_test(each_way_of_not_answering_has_its_word),
		cmocka_unit_test(many_units_at_once_stay_within_the_bus_limits),
		cmocka_unit_test(mute_bus_is_a_timeout_for_each_unit_at_the_same_time),
		cmocka_unit_test(without_systemd_nothing_is_proved),
		cmocka_unit_test(name_that_is_no_units_is_unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
