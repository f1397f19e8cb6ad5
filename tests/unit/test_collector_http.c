/* The collector's listeners over real TLS on loopback: enrolment, statements, readers, and every cap crossed. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <signal.h>
#include <sys/wait.h>

#include "collector/ca.h"
#include "collector/est.h"
#include "collector/listen.h"
#include "collector/verbs.h"
#include "collector_kit.h"
#include "core/bundle.h"
#include "core/gzip.h"
#include "scratch.h"

#define DEADLINE_S 2 /* of the collector under test */
#define CONNECTIONS 8

static struct {
	char folder[32], ca[64], agents[32], readers[32], metrics[32];
	char *reader_token;
	pid_t pid;
	struct kit_host host;
	char certificate[64], key[64]; /* of the enrolled host */
} world;

static void no_say(const char *line) {}

static int say_fd = -1;

static void say_to_parent(const char *line) { dprintf(say_fd, "%s\n", line); }

static char *run_verb(const struct verb *verb, const char *const operands[]) {
	struct err err = {0};
	struct buf out = {0};
	char *argv[8] = {(char *)"verb"};
	int argc = 1;
	for (; operands[argc - 1]; argc++)
		argv[argc] = (char *)operands[argc - 1];
	const struct verb_call call = {argc, argv, no_say, &out};
	must(verb->run(&call, &err));
	char *text = buf_take(&out);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The collector in a process of its own; its first four lines say where it listens. */
static void start_collector(void) {
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	world.pid = fork();
	assert_true(world.pid >= 0);
	if (world.pid == 0) {
		struct err err = {0};
		struct buf out = {0};
		char *argv[] = {(char *)"run", world.folder, (char *)"--data", (char *)SOURCE_DIR, NULL};
		const struct verb_call call = {4, argv, say_to_parent, &out};
		say_fd = pipe_fds[1];
		close(pipe_fds[0]);
		bool is_done = collector_run.run(&call, &err);
		if (!is_done)
			fprintf(stderr, "%s: %s\n", err.where, err.why);
		exit(is_done ? 0 : 1);
	}
	close(pipe_fds[1]);
	FILE *lines = fdopen(pipe_fds[0], "r");
	char line[512];
	while (fgets(line, sizeof line, lines) && strncmp(line, "log: ", 5) != 0) {
		sscanf(line, "agents: listening on %31s", world.agents);
		sscanf(line, "readers: listening on %31s", world.readers);
		sscanf(line, "metrics: listening on %31s", world.metrics);
	}
	/* The rest of the events is drained by a child that ends with the pipe. */
	if (fork() == 0) {
		while (fgets(line, sizeof line, lines))
			continue;
		_exit(0);
	}
	fclose(lines);
	assert_true(world.metrics[0]);
}

static void stop_collector(void) {
	int status = -1;
	kill(world.pid, SIGTERM);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	waitpid(-1, &status, 0);
}

/* --- a client ------------------------------------------------------------------------------------------------------
 */

struct reply {
	long status; /* 0: no answer */
	CURLcode code;
	struct buf body, headers;
};

static void reply_done(struct reply *reply) {
	buf_done(&reply->body);
	buf_done(&reply->headers);
}

static size_t take(char *data, size_t size, size_t count, void *buf) {
	buf_add(buf, data, size * count);
	return size * count;
}

struct ask {
	const char *at, *path;
	const char *userpwd, *header;
	const void *post; /* NULL: GET */
	size_t post_len;
	bool with_certificate;
};

static struct reply ask(const struct ask *ask) {
	struct reply reply = {0};
	CURL *curl = curl_easy_init();
	CLEANUP(free_ptr) char *url = xasprintf("https://%s%s", ask->at, ask->path);
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	if (ask->header)
		headers = curl_slist_append(headers, ask->header);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, world.ca);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply.headers);
	if (ask->userpwd)
		curl_easy_setopt(curl, CURLOPT_USERPWD, ask->userpwd);
	if (ask->with_certificate) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, world.certificate);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, world.key);
	}
	if (ask->post) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->post_len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->post);
	}
	reply.code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return reply;
}

static struct reply get_as_reader(const char *at, const char *path) {
	CLEANUP(free_ptr) char *header = xasprintf("Authorization: Bearer %s", world.reader_token);
	return ask(&(struct ask){.at = at, .path = path, .header = header});
}

static char *make_request(EVP_PKEY *key, const char *host) {
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC, (const unsigned char *)host,
				   -1, -1, 0);
	X509_REQ_set_pubkey(request, key);
	assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
	int len = i2d_X509_REQ(request, &der);
	char *text = base64_encode(der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(request);
	return text;
}

static struct reply enrol(const char *token, const char *request) {
	CLEANUP(free_ptr) char *userpwd = xasprintf("enrol:%s", token);
	return ask(&(struct ask){.at = world.agents,
				 .path = "/.well-known/est/simpleenroll",
				 .userpwd = userpwd,
				 .post = request,
				 .post_len = strlen(request)});
}

static void save_certificate(const struct buf *base64) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf der = {0};
	must(base64_decode(base64->data, base64->len, "PKCS#7", &der, &err));
	const unsigned char *at = (const unsigned char *)der.data;
	PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)der.len);
	assert_non_null(pkcs7);
	assert_int_equal(sk_X509_num(pkcs7->d.sign->cert), 1);
	FILE *file = fopen(world.certificate, "w");
	PEM_write_X509(file, sk_X509_value(pkcs7->d.sign->cert, 0));
	fclose(file);
	PKCS7_free(pkcs7);
}

/* --- enrolment ------------------------------------------------------------------------------------------------------
 */

static void a_token_enrols_one_host_and_a_refused_request_does_not_use_it_up(void **state) {
	struct err err = {0};
	CLEANUP(free_ptr) char *token = run_verb(&collector_token_add, (const char *[]){world.folder, NULL});
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	CLEANUP(free_ptr) char *bad_name = make_request(world.host.transport, "web-1");
	CLEANUP(reply_done) struct reply wrong_token = enrol("x", request);
	assert_int_equal(wrong_token.status, 401);
	CLEANUP(reply_done) struct reply wrong_request = enrol(token, "AAAA");
	assert_int_equal(wrong_request.status, 400);
	CLEANUP(reply_done) struct reply wrong_name = enrol(token, bad_name);
	assert_int_equal(wrong_name.status, 400);
	CLEANUP(reply_done) struct reply good = enrol(token, request);
	assert_int_equal(good.status, 200);
	save_certificate(&good.body);
	must(key_save(world.key, world.host.transport, &err));
	CLEANUP(reply_done) struct reply again = enrol(token, request);
	assert_int_equal(again.status, 401);
}

static char *token_with(const char *option, const char *value) {
	return run_verb(&collector_token_add, (const char *[]){world.folder, option, value, NULL});
}

static void a_token_of_another_network_is_refused_and_keeps_its_use(void **state) {
	CLEANUP(free_ptr) char *elsewhere = token_with("--cidr", "192.0.2.0/24");
	CLEANUP(free_ptr) char *here = token_with("--cidr", "127.0.0.0/8");
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	for (int i = 0; i < 2; i++) {
		CLEANUP(reply_done) struct reply refused = enrol(elsewhere, request);
		assert_int_equal(refused.status, 403);
		assert_non_null(strstr(buf_str(&refused.body), "not for hosts of this network"));
	}
	CLEANUP(reply_done) struct reply good = enrol(here, request);
	assert_int_equal(good.status, 200);
}

static void a_token_that_was_taken_back_is_refused(void **state) {
	struct err err = {0};
	struct buf out = {0};
	CLEANUP(free_ptr) char *token = token_with("--group", "web");
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	const struct hash hash = hash_of(token, strlen(token));
	char hex[HASH_HEX];
	hash_hex(&hash, hex);
	hex[8] = '\0';
	char *list[] = {(char *)"verb", world.folder, NULL};
	must(collector_token_list.run(&(struct verb_call){2, list, no_say, &out}, &err));
	const char *line = strstr(buf_str(&out), hex);
	assert_non_null(line);
	assert_non_null(strstr(line, ", group web\n"));
	buf_done(&out);
	char *argv[] = {(char *)"verb", world.folder, hex, NULL};
	must(collector_token_remove.run(&(struct verb_call){3, argv, no_say, &out}, &err));
	CLEANUP(reply_done) struct reply refused = enrol(token, request);
	assert_int_equal(refused.status, 401);
}

static void an_expired_token_is_refused(void **state) {
	CLEANUP(free_ptr)
	char *token = run_verb(&collector_token_add, (const char *[]){world.folder, "--ttl", "1s", NULL});
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	int64_t until = times_now() + 1;
	while (times_now() <= until)
		usleep(50000);
	CLEANUP(reply_done) struct reply reply = enrol(token, request);
	assert_int_equal(reply.status, 401);
}

static void a_key_of_one_host_is_refused_for_another(void **state) {
	CLEANUP(free_ptr) char *token = run_verb(&collector_token_add, (const char *[]){world.folder, NULL});
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_OTHER);
	CLEANUP(reply_done) struct reply reply = enrol(token, request);
	assert_int_equal(reply.status, 400);
	assert_non_null(strstr(buf_str(&reply.body), "another host's"));
}

static void the_id_of_the_collectors_own_line_is_no_hosts(void **state) {
	struct err err = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(free_ptr) char *path = file_join(world.folder, "collector.key");
	CLEANUP(key_free_p) EVP_PKEY *own = NULL;
	must(key_load(path, &own, &err) && key_make_p256(&key, &err));
	const struct hash id = key_id(own);
	char hex[HASH_HEX], host[STORE_HOST_ID];
	hash_hex(&id, hex);
	/* docs/FORMAT.md 1.2: the version, and the variant. */
	snprintf(host, sizeof host, "%.8s-%.4s-4%.3s-%x%.3s-%.12s", hex, hex + 8, hex + 13, (id.bytes[8] >> 4 & 3) | 8,
		 hex + 17, hex + 20);
	CLEANUP(free_ptr) char *token = run_verb(&collector_token_add, (const char *[]){world.folder, NULL});
	CLEANUP(free_ptr) char *request = make_request(key, host);
	CLEANUP(reply_done) struct reply reply = enrol(token, request);
	assert_int_equal(reply.status, 400);
	assert_non_null(strstr(buf_str(&reply.body), "the collector's own line"));
}

/* --- another certificate --------------------------------------------------------------------------------------------
 */

static struct reply renew(const char *request, bool with_certificate) {
	return ask(&(struct ask){.at = world.agents,
				 .path = "/.well-known/est/simplereenroll",
				 .post = request,
				 .post_len = strlen(request),
				 .with_certificate = with_certificate});
}

static void assert_says(const struct reply *reply, long status, const char *why) {
	assert_int_equal(reply->status, status);
	if (!strstr(buf_str(&reply->body), why))
		fail_msg("\"%s\" does not say \"%s\"", buf_str(&reply->body), why);
}

static void a_host_gets_another_certificate_for_its_own_name_and_key_alone(void **state) {
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	CLEANUP(free_ptr) char *other_host = make_request(world.host.transport, KIT_OTHER);
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct err err = {0};
	must(key_make_p256(&key, &err));
	CLEANUP(free_ptr) char *other_key = make_request(key, KIT_HOST);
	CLEANUP(reply_done) struct reply nobody = renew(request, false);
	assert_says(&nobody, 401, "no client certificate");
	CLEANUP(reply_done) struct reply of_other_host = renew(other_host, true);
	assert_says(&of_other_host, 400, "another host than the certificate");
	CLEANUP(reply_done) struct reply of_other_key = renew(other_key, true);
	assert_says(&of_other_key, 400, "another key than the certificate's");
	CLEANUP(reply_done) struct reply nonsense = renew("AAAA", true);
	assert_int_equal(nonsense.status, 400);
	CLEANUP(reply_done) struct reply good = renew(request, true);
	assert_int_equal(good.status, 200);
	save_certificate(&good.body);
	CLEANUP(reply_done)
	struct reply known = ask(&(struct ask){.at = world.agents, .path = "/v1/log", .with_certificate = true});
	assert_int_equal(known.status, 200);
}

/* The host's certificate becomes one that ended so long ago; the store knows it. */
static void end_certificate(int64_t ago) {
	struct err err = {0};
	CLEANUP(ca_free_p) struct ca *ca = NULL;
	CLEANUP(store_free_p) struct store *store = NULL;
	CLEANUP(free_ptr) char *path = file_join(world.folder, "store.db");
	X509 *certificate = NULL;
	char fingerprint[HASH_HEX], keyid[HASH_HEX];
	const int64_t until = times_now() - ago;
	must(ca_load(world.folder, &ca, &err) &&
	     ca_issue(ca, KIT_HOST, world.host.transport, until - 3600, until, &certificate, &err));
	struct hash digest = ca_fingerprint(certificate), id = key_id(world.host.transport);
	must(store_open(path, &store, &err) &&
	     store_certificate_add(store,
				   &(struct store_certificate){hash_hex(&digest, fingerprint), KIT_HOST,
							       hash_hex(&id, keyid), until - 3600, until},
				   &err));
	FILE *file = fopen(world.certificate, "w");
	PEM_write_X509(file, certificate);
	fclose(file);
	X509_free(certificate);
}

static void a_certificate_that_has_ended_is_good_for_another_one_alone_and_for_two_weeks(void **state) {
	CLEANUP(free_ptr) char *good = scratch_text("", world.certificate);
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	static const char *const paths[] = {"/v1/log", "/log/checkpoint"};
	end_certificate(LISTEN_GRACE - 60);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(reply_done)
		struct reply reply = ask(&(struct ask){.at = world.agents, .path = paths[i], .with_certificate = true});
		assert_says(&reply, 403, "the certificate has ended");
	}
	CLEANUP(buf_done) struct buf lines = {0};
	buf_adds(&lines, "{}\n");
	CLEANUP(reply_done)
	struct reply statements = ask(&(struct ask){.at = world.agents,
						    .path = "/v1/statements",
						    .post = buf_str(&lines),
						    .post_len = lines.len,
						    .with_certificate = true});
	assert_says(&statements, 403, "the certificate has ended");
	/* And it may send no more than who has none. */
	CLEANUP(free_ptr) char *much = xcalloc(1, 1 << 20);
	memset(much, ' ', (1 << 20) - 1);
	CLEANUP(reply_done) struct reply cut_off = renew(much, true);
	assert_int_equal(cut_off.status, 0);
	CLEANUP(reply_done) struct reply renewed = renew(request, true);
	assert_int_equal(renewed.status, 200);
	end_certificate(LISTEN_GRACE + 60);
	CLEANUP(reply_done) struct reply too_late = renew(request, true);
	assert_int_equal(too_late.status, 0); /* it does not pass TLS */
	FILE *file = fopen(world.certificate, "w");
	fputs(good, file);
	fclose(file);
}

static void a_key_gets_so_many_certificates_and_no_more(void **state) {
	CLEANUP(free_ptr) char *request = make_request(world.host.transport, KIT_HOST);
	long status = 200;
	for (int i = 0; i < EST_CERTIFICATES_MOST && status == 200; i++) {
		CLEANUP(reply_done) struct reply reply = renew(request, true);
		status = reply.status;
	}
	CLEANUP(reply_done) struct reply over = renew(request, true);
	assert_says(&over, 400, "good certificates already");
}

/* --- statements -----------------------------------------------------------------------------------------------------
 */

static struct reply post_statements(const struct buf *lines, bool with_certificate) {
	return ask(&(struct ask){.at = world.agents,
				 .path = "/v1/statements",
				 .post = buf_str(lines),
				 .post_len = lines->len,
				 .with_certificate = with_certificate});
}

static void statements_need_a_client_certificate(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	buf_adds(&lines, "{}\n");
	CLEANUP(reply_done) struct reply reply = post_statements(&lines, false);
	assert_int_equal(reply.status, 401);
}

static void statements_are_logged_once_however_often_they_come(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	kit_add_enrolment(&world.host, &lines);
	world.host.clock = times_now();
	json_t *results = json_array();
	json_array_append_new(results, kit_result("log.journal.persistent", "pass", world.host.clock));
	json_array_append_new(results, kit_result("log.x<script>", "fail", world.host.clock));
	kit_add_round(&world.host, results, &lines);
	CLEANUP(reply_done) struct reply first = post_statements(&lines, true);
	assert_int_equal(first.status, 200);
	assert_null(strstr(first.body.data, "reason"));
	assert_non_null(strstr(first.body.data, "\"outcome\":\"logged\""));
	assert_non_null(strstr(first.body.data, "index 1\\n"));
	CLEANUP(reply_done) struct reply second = post_statements(&lines, true);
	assert_int_equal(second.status, 200);
	assert_null(strstr(second.body.data, "\"outcome\":\"logged\""));
	assert_non_null(strstr(second.body.data, "\"outcome\":\"known\""));
	assert_non_null(strstr(second.body.data, "index 1\\n"));
	CLEANUP(reply_done)
	struct reply log = ask(&(struct ask){.at = world.agents, .path = "/log/checkpoint", .with_certificate = true});
	assert_int_equal(log.status, 200);
	assert_non_null(strstr(log.body.data, "\n2\n"));
}

static struct reply post_encoded(const char *encoding, const struct buf *body) {
	CLEANUP(free_ptr) char *header = xasprintf("Content-Encoding: %s", encoding);
	return ask(&(struct ask){.at = world.agents,
				 .path = "/v1/statements",
				 .header = header,
				 .post = buf_str(body),
				 .post_len = body->len,
				 .with_certificate = true});
}

static void a_compressed_request_is_read_and_a_damaged_one_is_not(void **state) {
	CLEANUP(buf_done) struct buf lines = {0}, packed = {0};
	kit_add_pass(&world.host, &lines);
	gzip_write(lines.data, lines.len, &packed);
	CLEANUP(reply_done) struct reply other = post_encoded("br", &packed);
	assert_int_equal(other.status, 415);
	CLEANUP(reply_done) struct reply plain = post_encoded("gzip", &lines);
	assert_int_equal(plain.status, 400);
	packed.len--;
	CLEANUP(reply_done) struct reply cut = post_encoded("gzip", &packed);
	assert_int_equal(cut.status, 400);
	packed.len++;
	buf_adds(&packed, "x");
	CLEANUP(reply_done) struct reply behind = post_encoded("gzip", &packed);
	assert_int_equal(behind.status, 400);
	packed.len--;
	CLEANUP(reply_done) struct reply whole = post_encoded("gzip", &packed);
	assert_int_equal(whole.status, 200);
	assert_non_null(strstr(whole.body.data, "\"outcome\":\"logged\""));
}

static void a_small_request_that_grows_over_the_cap_is_413(void **state) {
	CLEANUP(buf_done) struct buf lines = {0}, packed = {0};
	const size_t len = RECEIVE_REQUEST_LARGEST + 1;
	memset(buf_room(&lines, len), 'x', len);
	lines.len = len;
	gzip_write(lines.data, lines.len, &packed);
	assert_true(packed.len < 1 << 20);
	CLEANUP(reply_done) struct reply reply = post_encoded("gzip", &packed);
	assert_int_equal(reply.status, 413);
}

static void a_request_over_the_cap_is_413(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	const size_t len = RECEIVE_REQUEST_LARGEST + 1;
	memset(buf_room(&lines, len), 'x', len);
	lines.len = len;
	CLEANUP(reply_done) struct reply reply = post_statements(&lines, true);
	/* The answer may come while we still send: then the connection's end is all that a client sees. */
	assert_true(reply.status == 413 || (reply.status == 0 && reply.code == CURLE_SEND_ERROR));
	memset(lines.data, 'x', RECEIVE_LINE_LARGEST + 1);
	lines.len = RECEIVE_LINE_LARGEST + 1;
	CLEANUP(reply_done) struct reply line = post_statements(&lines, true);
	assert_int_equal(line.status, 413);
}

/* C2SP tlog-tiles: what a tile's path names never changes. */
static void tiles_are_cached_for_ever_and_the_checkpoint_never(void **state) {
	static const struct {
		const char *path, *type, *cache;
	} cases[] = {
		{"/log/checkpoint", "text/plain; charset=utf-8", "no-store"},
		{"/log/tile/0/000.p/2", "application/octet-stream", "private, max-age=31536000, immutable"},
		{"/log/tile/entries/000.p/2", "application/octet-stream", "private, max-age=31536000, immutable"},
		{"/log/tile/0/001", "application/json", "no-store"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(reply_done)
		struct reply reply =
			ask(&(struct ask){.at = world.agents, .path = cases[i].path, .with_certificate = true});
		CLEANUP(free_ptr) char *type = xasprintf("Content-Type: %s\r\n", cases[i].type);
		CLEANUP(free_ptr) char *cache = xasprintf("Cache-Control: %s\r\n", cases[i].cache);
		assert_non_null(strstr(buf_str(&reply.headers), type));
		assert_non_null(strstr(buf_str(&reply.headers), cache));
	}
}

static void without_a_certificate_little_may_be_sent(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	const size_t len = 4U << 20;
	memset(buf_room(&lines, len), 'x', len);
	lines.len = len;
	CLEANUP(reply_done) struct reply reply = post_statements(&lines, false);
	assert_int_equal(reply.status, 0);
}

static void headers_over_the_cap_are_refused(void **state) {
	CLEANUP(buf_done) struct buf header = {0};
	buf_adds(&header, "X-Long: ");
	memset(buf_room(&header, 20000), 'x', 20000);
	header.len += 20000;
	buf_room(&header, 0);
	CLEANUP(reply_done)
	struct reply reply = ask(&(struct ask){.at = world.agents, .path = "/v1/log", .header = header.data});
	assert_true(reply.status == 400 || reply.status == 0);
}

/* --- time and number ------------------------------------------------------------------------------------------------
 */

static int connect_plain(const char *address) {
	CURL *curl = curl_easy_init();
	curl_socket_t fd = -1;
	CLEANUP(free_ptr) char *url = xasprintf("http://%s", address);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
	int copy = dup(fd);
	curl_easy_cleanup(curl);
	fcntl(copy, F_SETFL, 0);
	struct timeval patience = {.tv_sec = 10};
	setsockopt(copy, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return copy;
}

/* One byte of the headers every tenth of a second is never idle, and cut off all the same. */
static void a_dripping_client_is_cut_off_at_its_deadline(void **state) {
	CURL *curl = curl_easy_init();
	CLEANUP(free_ptr) char *url = xasprintf("https://%s", world.agents);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, world.ca);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	const char *request = "GET /v1/log HTTP/1.1\r\nHost: x\r\nX: ";
	const int64_t began = times_now();
	CURLcode code = CURLE_OK;
	for (size_t i = 0; code == CURLE_OK && times_now() < began + 20; i++) {
		size_t sent;
		code = curl_easy_send(curl, i < strlen(request) ? request + i : "x", 1, &sent);
		usleep(100000);
	}
	assert_int_not_equal(code, CURLE_OK);
	assert_in_range(times_now() - began, DEADLINE_S - 1, DEADLINE_S + 3);
	curl_easy_cleanup(curl);
}

static void a_client_that_never_begins_tls_is_cut_off(void **state) {
	char byte;
	const int64_t began = times_now();
	CLEANUP(close_fd) int fd = connect_plain(world.agents);
	assert_int_equal(read(fd, &byte, 1), 0);
	assert_in_range(times_now() - began, DEADLINE_S - 1, DEADLINE_S + 3);
}

static void a_connection_over_the_cap_is_closed_and_room_comes_back(void **state) {
	int held[CONNECTIONS];
	char byte;
	for (size_t i = 0; i < CONNECTIONS; i++)
		held[i] = connect_plain(world.readers);
	const int64_t began = times_now();
	CLEANUP(close_fd) int extra = connect_plain(world.readers);
	assert_true(read(extra, &byte, 1) <= 0);
	assert_true(times_now() - began < DEADLINE_S); /* at once, not at its deadline */
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(held[i]);
	struct reply reply = {0};
	for (int tries = 0; tries < 20 && reply.status != 200; tries++) {
		reply_done(&reply);
		reply = get_as_reader(world.readers, "/api/v1/controls");
		usleep(50000);
	}
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
}

/* --- readers --------------------------------------------------------------------------------------------------------
 */

static void nothing_is_read_without_a_credential(void **state) {
	static const char *const paths[] = {"/", "/controls/A.8.15", "/api/v1/hosts", "/log/checkpoint", "/nothing"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(reply_done) struct reply reply = ask(&(struct ask){.at = world.readers, .path = paths[i]});
		assert_int_equal(reply.status, 401);
		CLEANUP(reply_done)
		struct reply wrong = ask(&(struct ask){.at = world.readers, .path = paths[i], .userpwd = "anna:x"});
		assert_int_equal(wrong.status, 401);
	}
	CLEANUP(reply_done) struct reply metrics = ask(&(struct ask){.at = world.metrics, .path = "/metrics"});
	assert_int_equal(metrics.status, 401);
	CLEANUP(free_ptr) char *others = xasprintf("bert:%s", world.reader_token);
	CLEANUP(reply_done)
	struct reply basic = ask(&(struct ask){.at = world.readers, .path = "/", .userpwd = others});
	assert_int_equal(basic.status, 401);
}

static void a_login_gives_a_cookie_that_opens_the_overview_until_logout(void **state) {
	CLEANUP(free_ptr) char *form = xasprintf("name=anna&token=%s", world.reader_token);
	CLEANUP(reply_done)
	struct reply wrong = ask(&(struct ask){.at = world.readers,
					       .path = "/login",
					       .post = "name=anna&token=x",
					       .post_len = strlen("name=anna&token=x")});
	assert_int_equal(wrong.status, 401);
	CLEANUP(reply_done)
	struct reply login =
		ask(&(struct ask){.at = world.readers, .path = "/login", .post = form, .post_len = strlen(form)});
	assert_int_equal(login.status, 303);
	const char *set = strstr(login.headers.data, "vouch=");
	assert_non_null(set);
	assert_non_null(strstr(set, "; HttpOnly; Secure; SameSite=Strict"));
	CLEANUP(free_ptr) char *cookie = xasprintf("Cookie: %.*s", (int)strcspn(set, ";"), set);
	CLEANUP(reply_done) struct reply page = ask(&(struct ask){.at = world.readers, .path = "/", .header = cookie});
	assert_int_equal(page.status, 200);
	CLEANUP(reply_done)
	struct reply logout =
		ask(&(struct ask){.at = world.readers, .path = "/logout", .header = cookie, .post = "", .post_len = 0});
	assert_int_equal(logout.status, 303);
	CLEANUP(reply_done) struct reply after = ask(&(struct ask){.at = world.readers, .path = "/", .header = cookie});
	assert_int_equal(after.status, 401);
}

static void a_form_of_another_site_does_not_log_in(void **state) {
	CLEANUP(free_ptr) char *form = xasprintf("name=anna&token=%s", world.reader_token);
	CLEANUP(reply_done)
	struct reply reply = ask(&(struct ask){.at = world.readers,
					       .path = "/login",
					       .header = "Sec-Fetch-Site: cross-site",
					       .post = form,
					       .post_len = strlen(form)});
	assert_int_equal(reply.status, 403);
	assert_null(strstr(reply.headers.data, "Set-Cookie"));
}

/* Everything that comes back to bytes as they are sent, until the peer closes or a second passes. */
static void exchange(const char *address, const char *request, struct buf *answer) {
	CURL *curl = curl_easy_init();
	CLEANUP(free_ptr) char *url = xasprintf("https://%s", address);
	size_t len;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, world.ca);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	assert_int_equal(curl_easy_send(curl, request, strlen(request), &len), CURLE_OK);
	for (int waits = 0; waits < 20; usleep(50000), waits++) {
		CURLcode code = curl_easy_recv(curl, buf_room(answer, 4096), 4096, &len);
		if (code == CURLE_OK && len == 0)
			break;
		answer->len += code == CURLE_OK ? len : 0;
	}
	buf_room(answer, 0);
	curl_easy_cleanup(curl);
}

static void an_answer_to_head_has_no_body_that_passes_for_another_answer(void **state) {
	CLEANUP(buf_done) struct buf answer = {0};
	exchange(world.readers, "HEAD /style.css HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
	const char *end = strstr(buf_str(&answer), "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end, "\r\n\r\n");
	assert_non_null(strstr(buf_str(&answer), "\r\nContent-Length: "));
	assert_null(strstr(buf_str(&answer), "\r\nContent-Length: 0"));
}

static void a_request_of_two_lengths_is_refused_and_nothing_behind_it_is_heard(void **state) {
	CLEANUP(buf_done) struct buf answer = {0};
	exchange(world.readers,
		 "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n"
		 "GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n",
		 &answer);
	assert_non_null(strstr(buf_str(&answer), "HTTP/1.1 400"));
	assert_null(strstr(buf_str(&answer), "HTTP/1.1 200"));
}

static void pages_are_escaped_and_carry_the_policy(void **state) {
	CLEANUP(reply_done) struct reply page = get_as_reader(world.readers, "/controls/A.8.15");
	assert_int_equal(page.status, 200);
	assert_non_null(strstr(page.headers.data,
			       "Content-Security-Policy: default-src 'none'; style-src 'self'; form-action 'self'; "
			       "frame-ancestors 'none'; base-uri 'none'"));
	assert_non_null(strstr(page.headers.data, "X-Content-Type-Options: nosniff"));
	assert_non_null(strstr(page.headers.data, "Referrer-Policy: no-referrer"));
	assert_non_null(strstr(page.body.data, "it is &lt;b&gt;so&lt;/b&gt; &amp; &quot;so&quot;"));
	assert_null(strstr(page.body.data, "<script"));
	assert_null(strstr(page.body.data, "<b>"));
	assert_non_null(strstr(page.body.data, "vouch export --sigstore"));
	assert_non_null(strstr(page.body.data, "file:/etc/x"));
	CLEANUP(reply_done) struct reply host = get_as_reader(world.readers, "/hosts/" KIT_HOST);
	assert_int_equal(host.status, 200);
	assert_null(strstr(host.body.data, "<script"));
	CLEANUP(reply_done) struct reply none = get_as_reader(world.readers, "/hosts/<script>");
	assert_int_equal(none.status, 404);
}

static json_t *get_json(const char *path) {
	struct err err = {0};
	json_t *value = NULL;
	CLEANUP(reply_done) struct reply reply = get_as_reader(world.readers, path);
	assert_int_equal(reply.status, 200);
	must(json_read(reply.body.data, reply.body.len, 1 << 24, path, &value, &err));
	return value;
}

static void json_gives_what_was_received_page_by_page(void **state) {
	CLEANUP(json_decref_p) json_t *hosts = get_json("/api/v1/hosts");
	const json_t *host = json_array_get(json_object_get(hosts, "hosts"), 0);
	assert_string_equal(json_string_value(json_object_get(host, "id")), KIT_HOST);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(host, "results"), "fail")), 1);
	CLEANUP(json_decref_p) json_t *first = get_json("/api/v1/results?limit=1&control=A.8.15");
	assert_int_equal(json_array_size(json_object_get(first, "results")), 1);
	const json_t *result = json_array_get(json_object_get(first, "results"), 0);
	assert_string_equal(json_string_value(json_object_get(result, "rule")), "log.journal.persistent");
	assert_null(json_object_get(result, "blind"));
	CLEANUP(free_ptr)
	char *path = xasprintf("/api/v1/results?limit=1&after=%s", json_string_value(json_object_get(first, "next")));
	CLEANUP(json_decref_p) json_t *second = get_json(path);
	assert_int_equal(json_array_size(json_object_get(second, "results")), 1);
	assert_true(json_is_null(json_object_get(second, "next")));
	CLEANUP(json_decref_p) json_t *failing = get_json("/api/v1/results?verdict=fail");
	assert_int_equal(json_array_size(json_object_get(failing, "results")), 1);
	CLEANUP(json_decref_p) json_t *controls = get_json("/api/v1/controls");
	assert_int_equal(json_array_size(json_object_get(controls, "controls")), 34);
}

static void a_parameter_that_there_is_not_is_refused_by_name(void **state) {
	CLEANUP(reply_done) struct reply reply = get_as_reader(world.readers, "/api/v1/results?verdcit=fail");
	assert_int_equal(reply.status, 400);
	assert_non_null(strstr(buf_str(&reply.body), "verdcit"));
}

static void a_bundle_and_the_trust_file_verify_together(void **state) {
	struct err err = {0};
	CLEANUP(free_ptr) char *path = xasprintf("/api/v1/statements/%s/bundle", world.host.previous);
	CLEANUP(reply_done) struct reply bundle = get_as_reader(world.readers, path);
	CLEANUP(reply_done) struct reply trust_file = get_as_reader(world.readers, "/api/v1/trust");
	assert_int_equal(bundle.status, 200);
	CLEANUP(trust_free_p) struct trust *trust = NULL;
	struct bundle_proved proved;
	must(trust_read(trust_file.body.data, trust_file.body.len, "trust", &trust, &err));
	must(bundle_verify(bundle.body.data, bundle.body.len, "bundle", trust, &proved, &err));
	assert_int_equal(proved.index, 1);
	bundle_proved_done(&proved);
	CLEANUP(reply_done)
	struct reply none =
		get_as_reader(world.readers, "/api/v1/statements/"
					     "0000000000000000000000000000000000000000000000000000000000000000");
	assert_int_equal(none.status, 404);
}

/* GET /api/v1/evidence: an array of the lines. */
static json_t *get_evidence(const char *query) {
	CLEANUP(free_ptr) char *path = xasprintf("/api/v1/evidence%s", query);
	CLEANUP(reply_done) struct reply reply = get_as_reader(world.readers, path);
	assert_int_equal(reply.status, 200);
	json_t *all = json_array();
	for (const char *at = buf_str(&reply.body), *end; *at; at = end + 1) {
		json_t *line = NULL;
		struct err err = {0};
		assert_non_null(end = strchr(at, '\n'));
		must(json_read(at, (size_t)(end - at), 1 << 24, "line", &line, &err));
		json_array_append_new(all, line);
	}
	return all;
}

static void evidence_comes_oldest_first_with_its_bodies(void **state) {
	CLEANUP(json_decref_p) json_t *all = get_evidence("?limit=1000");
	CLEANUP(json_decref_p) json_t *first = get_evidence("?limit=1");
	CLEANUP(json_decref_p) json_t *second = get_evidence("?limit=1&after=0");
	CLEANUP(json_decref_p) json_t *none = get_evidence("?host=00000000-0000-0000-0000-000000000000");
	CLEANUP(json_decref_p) json_t *past = get_evidence("?to=2001-01-01T00:00:00Z");
	CLEANUP(json_decref_p) json_t *future = get_evidence("?from=2101-01-01T00:00:00Z");
	CLEANUP(json_decref_p) json_t *enrolments = get_evidence("?type=enrolment&type=epoch&limit=1000");
	assert_true(json_array_size(all) >= 2);
	assert_true(json_equal(json_array_get(all, 0), json_array_get(first, 0)));
	assert_true(json_equal(json_array_get(all, 1), json_array_get(second, 0)));
	assert_int_equal(json_array_size(none), 0);
	assert_int_equal(json_array_size(past), 0);
	assert_int_equal(json_array_size(future), 0);
	assert_true(json_array_size(enrolments) >= 1 && json_array_size(enrolments) < json_array_size(all));
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *line = json_array_get(all, i);
		CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
		CLEANUP(statement_free_p) struct statement *statement = NULL;
		CLEANUP(buf_done) struct buf body = {0};
		const char *text = json_string_value(json_object_get(line, "body"));
		struct err err = {0};
		must(dsse_from_json(json_object_get(line, "envelope"), "envelope", &envelope, &err));
		must(statement_read(envelope->payload.data, envelope->payload.len, "payload", &statement, &err));
		must(base64_decode(text, strlen(text), "body", &body, &err));
		const struct hash hash = hash_of(body.data, body.len);
		assert_true(hash_equal(&hash, &statement->body_sha256));
		assert_int_equal(json_integer_value(json_object_get(line, "index")), i);
		assert_null(json_object_get(line, "erased"));
		assert_null(json_object_get(line, "timestamp"));
	}
}

static void evidence_asked_for_wrongly_is_refused(void **state) {
	static const char *const wrong[][2] = {{"?hsot=x", "hsot"},      {"?from=yesterday", "times such as"},
					       {"?type=rounds", "type"}, {"?after=-1", "after is not an index"},
					       {"?limit=0", "limit"},    {"?limit=1001", "limit"}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(free_ptr) char *path = xasprintf("/api/v1/evidence%s", wrong[i][0]);
		CLEANUP(reply_done) struct reply reply = get_as_reader(world.readers, path);
		assert_int_equal(reply.status, 400);
		assert_non_null(strstr(buf_str(&reply.body), wrong[i][1]));
	}
}

static void a_time_stamp_of_a_statement_comes_with_it(void **state) {
	CLEANUP(free_ptr) char *response = xasprintf("timestamps/%s.tsr", world.host.previous);
	CLEANUP(free_ptr) char *certificates = xasprintf("timestamps/%s.pem", world.host.previous);
	CLEANUP(json_decref_p) json_t *all = NULL;
	bool is_found = false;
	scratch_put(world.folder, response, "abc");
	scratch_put(world.folder, certificates, "PEM");
	all = get_evidence("?limit=1000");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *line = json_array_get(all, i);
		const char *stamp = json_string_value(json_object_get(line, "timestamp"));
		is_found |= stamp && !strcmp(stamp, "YWJj") &&
			    !strcmp(json_string_value(json_object_get(line, "certificates")), "PEM");
	}
	assert_true(is_found);
}

static void metrics_say_what_the_collector_did(void **state) {
	CLEANUP(reply_done) struct reply reply = get_as_reader(world.metrics, "/metrics");
	assert_int_equal(reply.status, 200);
	static const char *const lines[] = {
		"\nvouch_log_entries 2\n",
		"\nvouch_hosts{state=\"reporting\"} 1\n",
		"\nvouch_control_hosts{control=\"A.8.15\",state=\"failing\"} 1\n",
		"\nvouch_collector_statements_total{outcome=\"logged\"} 2\n",
		"\nvouch_host_results{host=\"web-1\",verdict=\"pass\"} 1\n",
		"\nvouch_host_rule_failing{host=\"web-1\",rule=\"log.x<script>\",severity=\"high\"} 1\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr(reply.body.data, lines[i]))
			fail_msg("no line %s", lines[i]);
}

/* A second host with this one's state, as a clone of its disk would be. */
static void a_finding_is_shown_wherever_the_host_is(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct err err = {0};
	const struct kit_host before = world.host;
	world.host.sequence--;
	kit_add_pass(&world.host, &lines);
	world.host = before;
	CLEANUP(reply_done) struct reply refused = post_statements(&lines, true);
	assert_non_null(strstr(refused.body.data, "a fork in the chain"));
	CLEANUP(reply_done) struct reply host = get_as_reader(world.readers, "/hosts/" KIT_HOST);
	const char *main_part = strstr(host.body.data, "<main>");
	assert_non_null(main_part);
	assert_non_null(strstr(main_part, "The chain of this host is broken"));
	assert_non_null(strstr(main_part, "1 fork"));
	assert_non_null(strstr(main_part, "a fork in the chain: another statement is number"));
	assert_int_equal(strncmp(host.body.data, "<!DOCTYPE html>", 15), 0);
	CLEANUP(reply_done) struct reply overview = get_as_reader(world.readers, "/");
	assert_non_null(strstr(overview.body.data, "chain broken"));
	CLEANUP(reply_done) struct reply metrics = get_as_reader(world.metrics, "/metrics");
	assert_non_null(strstr(metrics.body.data, "\nvouch_host_chain_breaks_total{host=\"web-1\"} 1\n"));
	assert_non_null(strstr(metrics.body.data, "\nvouch_host_findings{host=\"web-1\",kind=\"fork\"} 1\n"));

	CLEANUP(reply_done) struct reply found = get_as_reader(world.readers, "/api/v1/findings?host=" KIT_HOST);
	CLEANUP(json_decref_p) json_t *json = NULL;
	must(json_read(found.body.data, strcspn(found.body.data, "\n"), 1 << 20, "findings", &json, &err));
	const json_t *finding = json_array_get(json_object_get(json, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(finding, "kind")), "fork");
	assert_string_equal(json_string_value(json_object_get(finding, "host")), KIT_HOST);
	assert_true(json_is_null(json_object_get(json, "next")));
	CLEANUP(free_ptr)
	char *path = xasprintf("/api/v1/refused/%s", json_string_value(json_object_get(finding, "statement")));
	CLEANUP(reply_done) struct reply envelope = get_as_reader(world.readers, path);
	assert_int_equal(envelope.status, 200);
	assert_non_null(strstr(envelope.body.data, "\"payloadType\""));
	CLEANUP(reply_done) struct reply none = get_as_reader(world.readers, "/api/v1/refused/x");
	assert_int_equal(none.status, 404);
	CLEANUP(reply_done) struct reply behind = get_as_reader(world.readers, "/api/v1/findings?after=1000");
	assert_non_null(strstr(behind.body.data, "\"findings\":[]"));
	CLEANUP(reply_done) struct reply wrong = get_as_reader(world.readers, "/api/v1/findings?limit=0");
	assert_int_equal(wrong.status, 400);
}

/* Rows times columns of what a host may send would be gigabytes of page. */
static void a_table_wider_than_a_page_is_cut_and_says_so(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	json_t *result = kit_result("log.wide", "pass", world.host.clock), *row = json_object();
	for (int i = 0; i < 100; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("column%03d", i);
		json_object_set_new(row, name, json_integer(i));
	}
	json_object_set_new(result, "observed", json_pack("[o]", row));
	kit_add_round(&world.host, json_pack("[o]", result), &lines);
	CLEANUP(reply_done) struct reply sent = post_statements(&lines, true);
	assert_non_null(strstr(sent.body.data, "\"outcome\":\"logged\""));
	CLEANUP(reply_done) struct reply page = get_as_reader(world.readers, "/hosts/" KIT_HOST);
	assert_non_null(strstr(page.body.data, "1 rows of 100 columns"));
	assert_non_null(strstr(page.body.data, "column031"));
	assert_null(strstr(page.body.data, "column032"));
}

/* What a host with a stolen key makes up of approvals, exceptions and changes. */
static void what_a_host_says_of_approvals_is_not_the_collectors_word(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	json_t *result = kit_result("log.forged", "fail", world.host.clock);
	json_t *odd = kit_result("log.odd", "fail", world.host.clock);
	char ends[TIMES_TEXT];
	times_format(world.host.clock + 300 * 86400, ends);
	json_object_del(result, "policy");
	json_object_set_new(result, "approval", json_pack("{s:s}", "state", "approved"));
	json_object_set_new(result, "waiver",
			    json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", "W-9<b>", "approver", "jane", "expiresAt",
				      ends, "reason", "so", "policy", "web", "signed", 1));
	json_object_set_new(odd, "changed",
			    json_pack("{s:[s], s:s, s:[i, s, {s:{s:s}}], s:i, s:[s], s:s}", "verdict", "<b>", "since",
				      "never", "by", 1, "x", "pid", "<b>", "y", "reason", 3, "observed", "<b>",
				      "moreBy", "many"));
	kit_add_round(&world.host, json_pack("[o, o]", result, odd), &lines);
	CLEANUP(reply_done) struct reply sent = post_statements(&lines, true);
	assert_non_null(strstr(sent.body.data, "\"outcome\":\"logged\""));
	CLEANUP(json_decref_p) json_t *said = get_json("/api/v1/results?rule=log.forged");
	const json_t *row = json_array_get(json_object_get(said, "results"), 0);
	assert_null(json_object_get(row, "approval"));
	assert_true(json_is_null(json_object_get(json_object_get(row, "waiver"), "signed")));
	CLEANUP(reply_done) struct reply page = get_as_reader(world.readers, "/hosts/" KIT_HOST);
	assert_int_equal(page.status, 200);
	assert_non_null(strstr(page.body.data, "Exception W-9&lt;b&gt;, to be approved by jane, until"));
	assert_null(strstr(page.body.data, "<b>"));
}

static void a_removed_reader_has_no_access_any_more(void **state) {
	CLEANUP(free_ptr) char *token = run_verb(&collector_reader_add, (const char *[]){world.folder, "carl", NULL});
	CLEANUP(free_ptr) char *userpwd = xasprintf("carl:%s", token);
	const struct ask overview = {.at = world.readers, .path = "/", .userpwd = userpwd};
	CLEANUP(reply_done) struct reply before = ask(&overview);
	assert_int_equal(before.status, 200);
	free(run_verb(&collector_reader_remove, (const char *[]){world.folder, "carl", NULL}));
	CLEANUP(reply_done) struct reply after = ask(&overview);
	assert_int_equal(after.status, 401);
}

/* --- the world ------------------------------------------------------------------------------------------------------
 */

static void set_config(const char *path) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	buf_addf(&text,
		 "origin: kit.example/log\nagents: 127.0.0.1:0\nreaders: 127.0.0.1:0\nmetrics: 127.0.0.1:0\n"
		 "request_deadline: %ds\nconnections: %d\n",
		 DEADLINE_S, CONNECTIONS);
	must(file_write(path, text.data, text.len, 0644, &err));
}

static int64_t log_entries(void) {
	CLEANUP(reply_done)
	struct reply log = ask(&(struct ask){.at = world.agents, .path = "/log/checkpoint", .with_certificate = true});
	assert_int_equal(log.status, 200);
	return strtoll(strchr(log.body.data, '\n') + 1, NULL, 10);
}

static size_t count_of(const char *text, const char *word) {
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, word)); at++)
		count++;
	return count;
}

/* Kills the collector a little later each time, while it receives three statements; then they are sent again. */
static void killed_at_any_moment_it_loses_nothing_and_logs_nothing_twice(void **state) {
	int64_t entries = log_entries();
	for (useconds_t delay = 0; delay < 60000; delay += 5000) {
		int status;
		CLEANUP(buf_done) struct buf lines = {0};
		for (int i = 0; i < 3; i++)
			kit_add_pass(&world.host, &lines);
		pid_t killer = fork();
		if (killer == 0) {
			usleep(delay);
			kill(world.pid, SIGKILL);
			_exit(0);
		}
		CLEANUP(reply_done) struct reply first = post_statements(&lines, true);
		waitpid(killer, &status, 0);
		assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
		assert_true(WIFSIGNALED(status));
		waitpid(-1, &status, 0);
		start_collector();
		CLEANUP(reply_done) struct reply second = post_statements(&lines, true);
		assert_int_equal(second.status, 200);
		size_t known = count_of(second.body.data, "\"outcome\":\"known\"");
		assert_int_equal(known + count_of(second.body.data, "\"outcome\":\"logged\""), 3);
		if (first.code == CURLE_OK) /* what was acknowledged is there */
			assert_int_equal(known, 3);
		entries += 3;
		assert_int_equal(log_entries(), entries);
	}
}

static int make_world(void **state) {
	unsetenv("SSL_CERT_FILE");
	unsetenv("CURL_CA_BUNDLE");
	unsetenv("https_proxy");
	unsetenv("http_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	snprintf(world.folder, sizeof world.folder, "/tmp/vouch-http-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	snprintf(world.ca, sizeof world.ca, "%s/ca.crt", world.folder);
	snprintf(world.certificate, sizeof world.certificate, "%s/host.crt", world.folder);
	snprintf(world.key, sizeof world.key, "%s/host.key", world.folder);
	free(run_verb(&collector_init, (const char *[]){world.folder, "--origin", KIT_ORIGIN, NULL}));
	CLEANUP(free_ptr) char *config = file_join(world.folder, "collector.yaml");
	set_config(config);
	world.reader_token = run_verb(&collector_reader_add, (const char *[]){world.folder, "anna", NULL});
	kit_host_make(&world.host, KIT_HOST);
	start_collector();
	return 0;
}

static int end_world(void **state) {
	stop_collector();
	kit_host_done(&world.host);
	free(world.reader_token);
	nftw(world.folder, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	curl_global_cleanup();
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_enrols_one_host_and_a_refused_request_does_not_use_it_up),
		cmocka_unit_test(a_token_of_another_network_is_refused_and_keeps_its_use),
		cmocka_unit_test(a_token_that_was_taken_back_is_refused),
		cmocka_unit_test(an_expired_token_is_refused),
		cmocka_unit_test(a_key_of_one_host_is_refused_for_another),
		cmocka_unit_test(the_id_of_the_collectors_own_line_is_no_hosts),
		cmocka_unit_test(a_host_gets_another_certificate_for_its_own_name_and_key_alone),
		cmocka_unit_test(a_certificate_that_has_ended_is_good_for_another_one_alone_and_for_two_weeks),
		cmocka_unit_test(a_key_gets_so_many_certificates_and_no_more),
		cmocka_unit_test(statements_need_a_client_certificate),
		cmocka_unit_test(statements_are_logged_once_however_often_they_come),
		cmocka_unit_test(a_small_request_that_grows_over_the_cap_is_413),
		cmocka_unit_test(a_request_over_the_cap_is_413),
		cmocka_unit_test(tiles_are_cached_for_ever_and_the_checkpoint_never),
		cmocka_unit_test(without_a_certificate_little_may_be_sent),
		cmocka_unit_test(headers_over_the_cap_are_refused),
		cmocka_unit_test(a_dripping_client_is_cut_off_at_its_deadline),
		cmocka_unit_test(a_client_that_never_begins_tls_is_cut_off),
		cmocka_unit_test(a_connection_over_the_cap_is_closed_and_room_comes_back),
		cmocka_unit_test(nothing_is_read_without_a_credential),
		cmocka_unit_test(a_login_gives_a_cookie_that_opens_the_overview_until_logout),
		cmocka_unit_test(a_form_of_another_site_does_not_log_in),
		cmocka_unit_test(an_answer_to_head_has_no_body_that_passes_for_another_answer),
		cmocka_unit_test(a_request_of_two_lengths_is_refused_and_nothing_behind_it_is_heard),
		cmocka_unit_test(pages_are_escaped_and_carry_the_policy),
		cmocka_unit_test(json_gives_what_was_received_page_by_page),
		cmocka_unit_test(a_parameter_that_there_is_not_is_refused_by_name),
		cmocka_unit_test(a_bundle_and_the_trust_file_verify_together),
		cmocka_unit_test(evidence_comes_oldest_first_with_its_bodies),
		cmocka_unit_test(evidence_asked_for_wrongly_is_refused),
		cmocka_unit_test(a_time_stamp_of_a_statement_comes_with_it),
		cmocka_unit_test(metrics_say_what_the_collector_did),
		cmocka_unit_test(a_compressed_request_is_read_and_a_damaged_one_is_not),
		cmocka_unit_test(a_finding_is_shown_wherever_the_host_is),
		cmocka_unit_test(a_table_wider_than_a_page_is_cut_and_says_so),
		cmocka_unit_test(what_a_host_says_of_approvals_is_not_the_collectors_word),
		cmocka_unit_test(a_removed_reader_has_no_access_any_more),
		cmocka_unit_test(killed_at_any_moment_it_loses_nothing_and_logs_nothing_twice),
	};
	return cmocka_run_group_tests_name("collector over HTTP", tests, make_world, end_world);
}
