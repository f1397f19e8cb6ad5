/* The probe dns: against dnsmasq and unbound, and against servers that answer what nobody asked. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/dns_message.h"
#include "tests/unit/peers.h"
#include "tests/unit/scratch.h"

#define DNSMASQ "/usr/sbin/dnsmasq"
#define UNBOUND "/usr/sbin/unbound"

static char *name_of(const struct peer *peer, const char *question) {
	return xasprintf("dns:%s@127.0.0.1:%d", question, peer->port);
}

static void answers(const struct peer *peer, const char *question, const char *expected) {
	CLEANUP(free_ptr) char *name = name_of(peer, question);
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_dns, name);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(json_canonical(value, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

#define EMPTY ",\"truncated\":false}"
static void dnsmasq_answers_by_type_and_sorted(void **state) {
	struct peer peer = {.port = peer_free_port(SOCK_STREAM)};
	CLEANUP(free_ptr) char *port = xasprintf("--port=%d", peer.port);
	peer = peer_program(peer.port, (const char *const[]){DNSMASQ,
							     "--keep-in-foreground",
							     "--conf-file=/dev/null",
							     "--no-resolv",
							     "--no-hosts",
							     "--listen-address=127.0.0.1",
							     "--bind-interfaces",
							     "--user=root",
							     "--pid-file",
							     port,
							     "--host-record=two.test,192.0.2.2",
							     "--host-record=two.test,192.0.2.1",
							     "--address=/six.test/2001:db8::1",
							     "--mx-host=two.test,mail.test,10",
							     "--cname=alias.test,two.test",
							     "--txt-record=two.test,say \"hi\",a\\b",
							     "--srv-host=_x._tcp.test,two.test,99",
							     "--caa-record=two.test,0,issue,ca.test",

							     "--local=/test/",
							     NULL});
	peer_wait(&peer);
	answers(&peer, "two.test/A",
		"{\"ad\":false,\"answers\":[{\"data\":\"192.0.2.1\",\"name\":\"two.test\",\"type\":\"A\"},{\"data\":"
		"\"192.0.2."
		"2\",\"name\":\"two.test\",\"type\":\"A\"}],\"ede\":null,\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "six.test/AAAA",
		"{\"ad\":false,\"answers\":[{\"data\":\"2001:db8::1\",\"name\":\"six.test\",\"type\":\"AAAA\"}],"
		"\"ede\":null,"
		"\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "two.test/MX",
		"{\"ad\":false,\"answers\":[{\"data\":\"10 "
		"mail.test\",\"name\":\"two.test\",\"type\":\"MX\"}],\"ede\":null,"
		"\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "_x._tcp.test/SRV",
		"{\"ad\":false,\"answers\":[{\"data\":\"0 0 99 "
		"two.test\",\"name\":\"_x._tcp.test\",\"type\":\"SRV\"}],\"ede\":"
		"null,\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "two.test/CAA",
		"{\"ad\":false,\"answers\":[{\"data\":\"0 \\\"issue\\\" "
		"\\\"ca.test\\\"\",\"name\":\"two.test\",\"type\":"
		"\"CAA\"}],\"ede\":null,\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "none.of.test/A",
		"{\"ad\":false,\"answers\":[],\"ede\":null,\"ra\":true,\"rcode\":\"NXDOMAIN\"" EMPTY);
	peer_stop(&peer);
}

static const char unbound_conf[] = "server:\n"
				   "  interface: 127.0.0.1@%d\n"
				   "  directory: \"%s\"\n"
				   "  chroot: \"\"\n"
				   "  username: \"\"\n"
				   "  pidfile: \"\"\n"
				   "  use-syslog: no\n"
				   "  do-daemonize: no\n"
				   "  ede: yes\n"
				   "  module-config: \"iterator\"\n"
				   "  access-control: 127.0.0.0/8 allow\n"
				   "  local-zone: \"big.test.\" static\n"
				   "  local-zone: \"no.test.\" always_refuse\n"
				   "  local-data: \"big.test. SOA ns.test. admin.test. 1 2 3 4 5\"\n";

/* 40 records of 60 bytes: more than a datagram holds. */
static void unbound_refuses_and_sends_what_is_large_by_tcp(void **state) {
	char *folder = scratch_new();
	CLEANUP(buf_done) struct buf conf = {0};
	struct peer peer = {.port = peer_free_port(SOCK_STREAM)};
	buf_addf(&conf, unbound_conf, peer.port, folder);
	for (int i = 0; i < 40; i++)
		buf_addf(&conf, "  local-data: 'big.test. TXT \"%02d %050d\"'\n", i, i);
	buf_adds(&conf, "remote-control:\n  control-enable: no\n");
	scratch_put(folder, "conf", buf_str(&conf));
	CLEANUP(free_ptr) char *path = file_join(folder, "conf");
	peer = peer_program(peer.port, (const char *const[]){UNBOUND, "-d", "-p", "-c", path, NULL});
	peer_wait(&peer);
	CLEANUP(free_ptr) char *name = name_of(&peer, "big.test/TXT");
	CLEANUP(json_decref_p) json_t *value = probe_json(&probe_dns, name);
	assert_true(json_is_true(json_object_get(value, "truncated")));
	assert_int_equal(json_array_size(json_object_get(value, "answers")), 40);
	CLEANUP(free_ptr) char *over_tcp = name_of(&peer, "big.test/TXT+tcp");
	CLEANUP(json_decref_p) json_t *same = probe_json(&probe_dns, over_tcp);
	assert_true(json_is_false(json_object_get(same, "truncated")));
	assert_true(json_equal(json_object_get(same, "answers"), json_object_get(value, "answers")));
	answers(&peer, "big.test/SOA",
		"{\"ad\":false,\"answers\":[{\"data\":\"ns.test admin.test 1 2 3 4 "
		"5\",\"name\":\"big.test\",\"type\":\"SOA\"}],"
		"\"ede\":null,\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
	answers(&peer, "x.no.test/A",
		"{\"ad\":false,\"answers\":[],\"ede\":null,\"ra\":true,\"rcode\":\"REFUSED\"" EMPTY);
	peer_stop(&peer);
	scratch_free(&folder);
}

/* Small servers: what each does with a query. */
struct manner {
	const unsigned char *answer; /* records behind the question, or NULL */
	size_t len;
	unsigned char flags[2], counts[6];
	bool other_id, other_question, is_cut, is_twice;
};

static void act(struct peer_datagram *got, const void *context) {
	const struct manner *manner = context;
	unsigned char reply[4096];
	if (got->len < 12 + 11)
		return;
	size_t question = got->len - 12 - 11; /* OPT is the last */
	memcpy(reply, got->data, 12 + question);
	reply[0] ^= manner->other_id;
	reply[12 + 1] ^= manner->other_question;
	reply[2] = 0x80 | manner->flags[0];
	reply[3] = manner->flags[1];
	memcpy(reply + 6, manner->counts, 6);
	if (manner->len > 0)
		memcpy(reply + 12 + question, manner->answer, manner->len);
	size_t len = 12 + question + manner->len - (manner->is_cut ? 3 : 0);
	for (int i = manner->is_twice ? 200 : 1; i > 0; i--)
		peer_reply(got, reply, len);
}

#define OWNER 0xc0, 12 /* the question's name */
static const unsigned char address[] = {OWNER, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7};
static const unsigned char three_bytes[] = {OWNER, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 192, 0, 2};
static const unsigned char loop[] = {OWNER, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12 + 3 + 4 + 12 + 3};
static const unsigned char mail_and_more[] = {OWNER, 0, 15, 0, 1, 0, 0, 0, 9, 0, 5, 0, 1, OWNER, 0};
static const unsigned char unknown[] = {OWNER, 0xff, 0x01, 0, 1, 0, 0, 0, 9, 0, 2, 0xab, 0xcd};
static const unsigned char chaos[] = {OWNER, 0, 1, 0, 3, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7};
static const unsigned char blocked[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 10, 0, 15, 0, 6, 0, 15, 'b', 'l', 'a', 'h'};
static const unsigned char cut_option[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 15, 0, 6};

static void answered(const struct manner *manner, const char *expected) {
	struct peer peer = peer_datagrams(act, manner);
	answers(&peer, "a.b/A", expected);
	peer_stop(&peer);
}

static void refused(const struct manner *manner, enum err_code code, const char *why) {
	struct peer peer = peer_datagrams(act, manner);
	CLEANUP(free_ptr) char *name = name_of(&peer, "a.b/A");
	probe_fails(&probe_dns, name, 700, code, why);
	peer_stop(&peer);
}

static void authentic_extended_and_unknown_are_told(void **state) {
	answered(&(struct manner){.answer = address, .len = sizeof address, .flags = {1, 0xa0}, .counts = {0, 1}},
		 "{\"ad\":true,\"answers\":[{\"data\":\"192.0.2.7\",\"name\":\"a.b\",\"type\":\"A\"}],\"ede\":null,"
		 "\"ra\":true,\"rcode\":"
		 "\"NOERROR\"" EMPTY);
	answered(
		&(struct manner){
			.answer = blocked, .len = sizeof blocked, .flags = {1, 0x85}, .counts = {0, 0, 0, 0, 0, 1}},
		"{\"ad\":false,\"answers\":[],\"ede\":15,\"ra\":true,\"rcode\":\"REFUSED\"" EMPTY);
	answered(&(struct manner){.answer = unknown, .len = sizeof unknown, .flags = {1, 0x80}, .counts = {0, 1}},
		 "{\"ad\":false,\"answers\":[{\"data\":\"\\\\# 2 "
		 "abcd\",\"name\":\"a.b\",\"type\":\"TYPE65281\"}],\"ede\":null,"
		 "\"ra\":true,\"rcode\":\"NOERROR\"" EMPTY);
}

static void answers_of_others_are_passed_over(void **state) {
	refused(&(struct manner){.answer = address,
				 .len = sizeof address,
				 .flags = {1, 0x80},
				 .counts = {0, 1},
				 .other_id = true},
		ERR_TIMEOUT, "no answer, but 1 datagrams");
	refused(&(struct manner){.answer = address,
				 .len = sizeof address,
				 .flags = {1, 0x80},
				 .counts = {0, 1},
				 .other_question = true},
		ERR_TIMEOUT, "no answer, but 1 datagrams");
	refused(&(struct manner){.answer = address,
				 .len = sizeof address,
				 .flags = {1, 0x80},
				 .counts = {0, 1},
				 .other_id = true,
				 .is_twice = true},
		ERR_MALFORMED, "more than 100 datagrams");
}

static void messages_that_do_not_parse_are_malformed(void **state) {
	refused(
		&(struct manner){
			.answer = address, .len = sizeof address, .flags = {1, 0x80}, .counts = {0, 1}, .is_cut = true},
		ERR_MALFORMED, "not a whole");
	refused(&(struct manner){.answer = address, .len = sizeof address, .flags = {1, 0x80}, .counts = {0, 2}},
		ERR_MALFORMED, "not a whole");
	refused(&(struct manner){.answer = address, .len = sizeof address, .flags = {1, 0x80}, .counts = {0, 0}},
		ERR_MALFORMED, "not a whole");
	refused(
		&(struct manner){
			.answer = three_bytes, .len = sizeof three_bytes, .flags = {1, 0x80}, .counts = {0, 1}},
		ERR_MALFORMED, "not of its type");
	refused(&(struct manner){.answer = loop, .len = sizeof loop, .flags = {1, 0x80}, .counts = {0, 1}},
		ERR_MALFORMED, "not of its type");
	refused(
		&(struct manner){
			.answer = mail_and_more, .len = sizeof mail_and_more, .flags = {1, 0x80}, .counts = {0, 1}},
		ERR_MALFORMED, "not of its type");
	refused(&(struct manner){.answer = chaos, .len = sizeof chaos, .flags = {1, 0x80}, .counts = {0, 1}},
		ERR_MALFORMED, "answer 1 is no record");
	refused(&(struct manner){.answer = cut_option,
				 .len = sizeof cut_option,
				 .flags = {1, 0x80},
				 .counts = {0, 0, 0, 0, 0, 1}},
		ERR_MALFORMED, "the OPT record is cut");
}

static void cut_answer_without_tcp_is_no_answer(void **state) {
	refused(&(struct manner){.answer = address, .len = sizeof address, .flags = {3, 0x80}, .counts = {0, 1}},
		ERR_UNPROVED, "the answer over UDP is cut, and over TCP: connect: ECONNREFUSED");
}

static void says_nothing(struct peer_datagram *got, const void *context) {}

static void silence_is_a_timeout_and_a_closed_port_absence(void **state) {
	struct peer peer = peer_datagrams(says_nothing, NULL);
	CLEANUP(free_ptr) char *name = name_of(&peer, "a.b/A");
	CLEANUP(free_ptr) char *closed = xasprintf("dns:a.b/A@127.0.0.1:%d", peer_free_port(SOCK_DGRAM));
	probe_fails(&probe_dns, name, 300, ERR_TIMEOUT, "");
	probe_fails(&probe_dns, closed, 3000, ERR_ABSENT, "receive: ECONNREFUSED");
	peer_stop(&peer);
}

static void names_that_are_none_are_refused(void **state) {
	static const char *const names[] = {"dns:",
					    "dns:a",
					    "dns:a/A",
					    "dns:a@127.0.0.1",
					    "dns:a/X@127.0.0.1",
					    "dns:a/TYPE0@127.0.0.1",
					    "dns:a..b/A@127.0.0.1",
					    "dns:a/A@",
					    "dns:a/A@127.0.0.1:"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		probe_fails(&probe_dns, names[i], 1000, ERR_UNREADABLE, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dnsmasq_answers_by_type_and_sorted),
		cmocka_unit_test(unbound_refuses_and_sends_what_is_large_by_tcp),
		cmocka_unit_test(authentic_extended_and_unknown_are_told),
		cmocka_unit_test(answers_of_others_are_passed_over),
		cmocka_unit_test(messages_that_do_not_parse_are_malformed),
		cmocka_unit_test(cut_answer_without_tcp_is_no_answer),
		cmocka_unit_test(silence_is_a_timeout_and_a_closed_port_absence),
		cmocka_unit_test(names_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
