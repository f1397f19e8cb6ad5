/* The probe ntp: against chrony, and against servers that answer what nobody asked. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/ntp.h"
#include "tests/unit/peers.h"
#include "tests/unit/scratch.h"

#define CHRONYD "/usr/sbin/chronyd"

static int64_t int_at(const json_t *value, const char *member) {
	assert_true(json_is_integer(json_object_get(value, member)));
	return json_integer_value(json_object_get(value, member));
}

static bool answers(const char *name) {
	struct err err = {0};
	CLEANUP(answer_done) struct answer answer = {0};
	return probe_now(&probe_ntp, name, 1000, &answer, &err);
}

/* chronyd -x leaves the clock alone; it is its own reference, so there is next to no offset. */
static void chrony_tells_stratum_leap_and_offset(void **state) {
	char *folder = scratch_new();
	struct peer peer = {.port = peer_free_port(SOCK_DGRAM)};
	CLEANUP(free_ptr)
	char *conf = xasprintf("port %d\nbindaddress 127.0.0.1\nallow 127.0.0.0/8\nlocal stratum 7\ncmdport 0\n"
			       "bindcmdaddress /\npidfile %s/pid\n",
			       peer.port, folder);
	scratch_put(folder, "conf", conf);
	CLEANUP(free_ptr) char *path = file_join(folder, "conf"), *name = xasprintf("ntp:127.0.0.1:%d", peer.port);
	peer = peer_program(peer.port, (const char *const[]){CHRONYD, "-x", "-d", "-u", "root", "-f", path, NULL});
	while (!answers(name)) {
		assert_int_equal(waitpid(peer.process, NULL, WNOHANG), 0);
		peer_pause();
	}
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_ntp, name);
	peer_stop(&peer);
	scratch_free(&folder);
	assert_int_equal(int_at(value, "stratum"), 7);
	assert_int_equal(int_at(value, "leap"), 0);
	assert_string_equal(json_string_value(json_object_get(value, "refid")), "127.127.1.1");
	assert_in_range(int_at(value, "offset_us") + 1000000, 1, 1999999);
	assert_in_range(int_at(value, "delay_us") + 1, 0, 60000000);
}

/* What a small server answers with. */
struct manner {
	unsigned char first, stratum;
	const char *refid;
	bool other_origin, no_time;
	size_t len;
	int64_t ahead; /* seconds */
	int times;
};

static void put_u32(unsigned char *at, uint32_t value) {
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void act(struct peer_datagram *got, const void *context) {
	const struct manner *manner = context;
	unsigned char reply[64] = {manner->first, manner->stratum};
	memcpy(reply + 12, manner->refid, 4);
	memcpy(reply + 24, got->data + 40, 8);
	reply[24] ^= manner->other_origin;
	uint32_t now = (uint32_t)((uint64_t)time(NULL) + 2208988800U + (uint64_t)manner->ahead);
	if (!manner->no_time) {
		put_u32(reply + 32, now);
		put_u32(reply + 40, now);
	}
	for (int i = 0; i < manner->times; i++)
		peer_reply(got, reply, manner->len);
}

#define SERVER 0x24
static void refused(const struct manner *manner, enum err_code code, const char *why) {
	struct peer peer = peer_datagrams(act, manner);
	CLEANUP(free_ptr) char *name = xasprintf("ntp:127.0.0.1:%d", peer.port);
	probe_fails(&probe_ntp, name, 500, code, why);
	peer_stop(&peer);
}

static void offset_is_right_over_the_end_of_an_era(void **state) {
	static const int64_t ahead[] = {0, 3600, -3600, 400000000, -400000000};
	for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
		struct manner manner = {.first = SERVER | 0x40,
					.stratum = 1,
					.refid = "GPS\0",
					.len = 48,
					.times = 1,
					.ahead = ahead[i]};
		struct peer peer = peer_datagrams(act, &manner);
		CLEANUP(free_ptr) char *name = xasprintf("ntp:127.0.0.1:%d", peer.port);
		CLEANUP(json_decref_p) json_t *value = probe_json(&probe_ntp, name);
		peer_stop(&peer);
		int64_t off_by = int_at(value, "offset_us") - ahead[i] * 1000000;
		assert_true(off_by > -60000000 && off_by < 60000000);
		assert_string_equal(json_string_value(json_object_get(value, "refid")), "GPS");
		assert_int_equal(int_at(value, "leap"), 1);
	}
}

static void kiss_of_death_is_no_time(void **state) {
	refused(&(struct manner){.first = 0xc0 | SERVER, .refid = "RATE", .len = 48, .times = 1}, ERR_DENIED,
		"kiss-o'-death RATE");
	refused(&(struct manner){.first = 0xc0 | SERVER, .refid = "DENY", .len = 48, .times = 1}, ERR_DENIED,
		"kiss-o'-death DENY");
	refused(&(struct manner){.first = 0xc0 | SERVER, .refid = "I\033[m", .len = 48, .times = 1}, ERR_UNPROVED,
		"kiss-o'-death I?[m");
}

static void what_answers_another_query_is_passed_over(void **state) {
	static const char why[] = "no answer, but 1 datagrams";
	refused(
		&(struct manner){
			.first = SERVER, .stratum = 2, .refid = "abcd", .len = 48, .times = 1, .other_origin = true},
		ERR_TIMEOUT, why);
	refused(&(struct manner){.first = SERVER, .stratum = 2, .refid = "abcd", .len = 47, .times = 1}, ERR_TIMEOUT,
		why);
	refused(&(struct manner){.first = SERVER, .stratum = 2, .refid = "abcd", .len = 64, .times = 1}, ERR_TIMEOUT,
		why);
	refused(&(struct manner){.first = 0x23, .stratum = 2, .refid = "abcd", .len = 48, .times = 1}, ERR_TIMEOUT,
		why);
	refused(
		&(struct manner){
			.first = SERVER, .stratum = 2, .refid = "abcd", .len = 48, .times = 200, .other_origin = true},
		ERR_MALFORMED, "more than 100 datagrams");
}

static void fields_that_cannot_be_are_malformed(void **state) {
	refused(&(struct manner){.first = SERVER, .stratum = 16, .refid = "abcd", .len = 48, .times = 1}, ERR_MALFORMED,
		"cannot be");
	refused(
		&(struct manner){
			.first = SERVER, .stratum = 2, .refid = "abcd", .len = 48, .times = 1, .no_time = true},
		ERR_MALFORMED, "cannot be");
	refused(&(struct manner){.first = 0x3c, .stratum = 2, .refid = "abcd", .len = 48, .times = 1}, ERR_MALFORMED,
		"cannot be");
}

static void says_nothing(struct peer_datagram *got, const void *context) {}

static void silence_is_a_timeout_and_a_closed_port_absence(void **state) {
	struct peer peer = peer_datagrams(says_nothing, NULL);
	CLEANUP(free_ptr) char *name = xasprintf("ntp:127.0.0.1:%d", peer.port);
	CLEANUP(free_ptr) char *closed = xasprintf("ntp:127.0.0.1:%d", peer_free_port(SOCK_DGRAM));
	probe_fails(&probe_ntp, name, 300, ERR_TIMEOUT, "does not answer in time");
	probe_fails(&probe_ntp, closed, 3000, ERR_ABSENT, "receive: ECONNREFUSED");
	probe_fails(&probe_ntp, "ntp:", 300, ERR_UNREADABLE, "names no HOST:PORT");
	peer_stop(&peer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chrony_tells_stratum_leap_and_offset),
		cmocka_unit_test(offset_is_right_over_the_end_of_an_era),
		cmocka_unit_test(kiss_of_death_is_no_time),
		cmocka_unit_test(what_answers_another_query_is_passed_over),
		cmocka_unit_test(fields_that_cannot_be_are_malformed),
		cmocka_unit_test(silence_is_a_timeout_and_a_closed_port_absence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
