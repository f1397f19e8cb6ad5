/* The listener's cap on what all requests hold together: it meets who holds much, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>

#include "collector/ca.h"
#include "collector/http.h"
#include "collector/listen.h"
#include "collector_kit.h"

#define CONNECTIONS 4
#define HELD_MOST ((size_t)64 << 10) /* a share is 16 KiB */

static struct {
	char folder[32], ca[64], address[32];
	pid_t pid;
} world;

static void answer(struct evhttp_request *request, void *context) { http_reply(request, 200, NULL, "ok", 2); }

static void serve(int to) {
	struct err err = {0};
	SSL_CTX *tls = NULL;
	struct listener *listener = NULL;
	struct event_base *base = event_base_new();
	must(listen_tls(world.folder, NULL, &tls, &err));
	const struct listen_settings settings = {.name = "test",
						 .address = "127.0.0.1:0",
						 .tls = tls,
						 .request_most = 1 << 20,
						 .held_most = HELD_MOST,
						 .deadline = 20,
						 .connections = CONNECTIONS,
						 .handle = answer};
	must(listen_open(base, &settings, &listener, &err));
	dprintf(to, "%s\n", listen_address(listener));
	event_base_dispatch(base);
}

static int make(void **state) {
	struct err err = {0};
	int ends[2];
	snprintf(world.folder, sizeof world.folder, "/tmp/vouch-listen-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	snprintf(world.ca, sizeof world.ca, "%s/ca.crt", world.folder);
	must(ca_create(world.folder, NULL, 0, times_now(), &err));
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	world.pid = fork();
	if (world.pid == 0) {
		close(ends[0]);
		serve(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	FILE *from = fdopen(ends[0], "r");
	assert_int_equal(fscanf(from, "%31s", world.address), 1);
	fclose(from);
	return 0;
}

static int drop(void **state) {
	kill(world.pid, SIGKILL);
	waitpid(world.pid, NULL, 0);
	nftw(world.folder, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* A connection that has sent the head of a large request and `len` bytes of its body. */
static CURL *begin(size_t len) {
	CURL *curl = curl_easy_init();
	CLEANUP(free_ptr) char *url = xasprintf("https://%s", world.address);
	CLEANUP(buf_done) struct buf request = {0};
	buf_adds(&request, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
	memset(buf_room(&request, len), 'x', len);
	request.len += len;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, world.ca);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	for (size_t sent = 0, part; sent < request.len; sent += part) {
		CURLcode code = curl_easy_send(curl, request.data + sent, request.len - sent, &part);
		if (code != CURLE_AGAIN && code != CURLE_OK)
			break;
		part = code == CURLE_OK ? part : 0;
	}
	usleep(300000); /* until it has read everything: whoever's bytes come last is the one that is looked at */
	return curl;
}

static bool is_cut_off(CURL *curl) {
	for (int tries = 0; tries < 40; tries++) {
		char byte;
		size_t len = 0;
		CURLcode code = curl_easy_recv(curl, &byte, 1, &len);
		if (code != CURLE_AGAIN)
			return true;
		usleep(25000);
	}
	return false;
}

static void who_holds_more_than_its_share_is_cut_off_when_all_hold_too_much(void **state) {
	CURL *modest = begin(10000);
	CURL *large = begin(50000);
	CURL *second = begin(30000);
	assert_true(is_cut_off(second));
	assert_false(is_cut_off(large));
	assert_false(is_cut_off(modest));
	/* What the one that was cut off held is free again. */
	CURL *third = begin(2000);
	assert_false(is_cut_off(third));
	curl_easy_cleanup(modest);
	curl_easy_cleanup(large);
	curl_easy_cleanup(second);
	curl_easy_cleanup(third);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_holds_more_than_its_share_is_cut_off_when_all_hold_too_much, make,
						drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
