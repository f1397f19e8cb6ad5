#include "agent/http.h"

#include <curl/curl.h>

#include "core/json.h"
#include "core/text.h"

struct http {
	CURL *curl;
	char *base;
	size_t most; /* bytes of an answer */
	char error[CURL_ERROR_SIZE];
};

/* Where an answer's bytes go while they arrive. */
struct receiving {
	struct buf bytes;
	size_t most;
	bool too_big;
};

void http_answer_done(struct http_answer *answer) { buf_done(&answer->body); }

static size_t receive(char *data, size_t size, size_t count, void *context) {
	struct receiving *receiving = context;
	size_t len = size * count;
	if (len > receiving->most - receiving->bytes.len) {
		receiving->too_big = true;
		return 0;
	}
	buf_add(&receiving->bytes, data, len);
	return len;
}

/* Called at least once a second: whether a signal is waiting that ends the program. */
static int is_ended(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up, curl_off_t up) {
	const sigset_t *ends = context;
	sigset_t pending;
	if (!ends || sigpending(&pending) != 0)
		return 0;
	return (sigismember(ends, SIGTERM) && sigismember(&pending, SIGTERM)) ||
	       (sigismember(ends, SIGINT) && sigismember(&pending, SIGINT));
}

static bool set_trust(CURL *curl, const struct http_peer *peer) {
	bool ok = curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
		  curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (peer->ca)
		return ok && curl_easy_setopt(curl, CURLOPT_CAINFO, peer->ca) == CURLE_OK &&
		       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	return ok && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
}

static bool set_identity(CURL *curl, const struct http_peer *peer) {
	bool ok = true;
	if (peer->certificate)
		ok = curl_easy_setopt(curl, CURLOPT_SSLCERT, peer->certificate) == CURLE_OK &&
		     curl_easy_setopt(curl, CURLOPT_SSLKEY, peer->key) == CURLE_OK;
	if (ok && peer->bearer)
		ok = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
		     curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, peer->bearer) == CURLE_OK;
	if (ok && peer->user)
		ok = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
		     curl_easy_setopt(curl, CURLOPT_USERNAME, peer->user) == CURLE_OK &&
		     curl_easy_setopt(curl, CURLOPT_PASSWORD, peer->password) == CURLE_OK;
	return ok;
}

static bool set_manner(CURL *curl, const struct http_peer *peer, char *error) {
	return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, peer->deadline ? peer->deadline : (long)HTTP_DEADLINE_S) ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "vouch/" VOUCH_VERSION) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_ended) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, peer->ends) == CURLE_OK;
}

bool http_open(const struct http_peer *peer, struct http **ret_http, struct err *err) {
	CLEANUP(http_close_p) struct http *http = xcalloc(1, sizeof *http);
	if (!text_starts(peer->base, "https://"))
		return err_set(err, ERR_USAGE, peer->base, "the collector's address begins with https://");
	http->base = xstrdup(peer->base);
	http->most = peer->most ? peer->most : HTTP_ANSWER_LARGEST;
	size_t len = strlen(http->base);
	if (http->base[len - 1] == '/')
		http->base[len - 1] = '\0';
	http->curl = curl_easy_init();
	if (!http->curl || !set_manner(http->curl, peer, http->error) || !set_trust(http->curl, peer) ||
	    !set_identity(http->curl, peer))
		return err_set(err, ERR_IO, peer->base, "the connection cannot be set up with this libcurl");
	*ret_http = http;
	http = NULL;
	return true;
}

void http_close(struct http *http) {
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	free(http->base);
	free(http);
}

static bool set_request(CURL *curl, const struct http_request *request, const char *url, struct receiving *receiving,
			struct curl_slist *headers) {
	bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
		  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
		  curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving) == CURLE_OK;
	if (!request->body)
		return ok && curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
}

static bool transfer_failed(const struct http *http, const char *url, CURLcode code, const struct receiving *receiving,
			    struct err *err) {
	const char *why = http->error[0] ? http->error : curl_easy_strerror(code);
	if (receiving->too_big)
		return err_set(err, ERR_TOO_BIG, url, "the answer is larger than %zu bytes", receiving->most);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_TIMEOUT, url, "%s", why);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
		return err_set(err, ERR_REFUSED, url, HTTP_TLS "%s", why);
	return err_set(err, ERR_IO, url, "%s", why);
}

static struct curl_slist *headers_of(const struct http_request *request) {
	if (!request->body)
		return NULL;
	CLEANUP(free_ptr) char *type = xasprintf("Content-Type: %s", request->content_type);
	struct curl_slist *headers = curl_slist_append(NULL, type);
	if (request->is_gzip)
		headers = curl_slist_append(headers, "Content-Encoding: gzip");
	/* Without the empty Expect curl waits for a 100 Continue before larger bodies. */
	return curl_slist_append(headers, "Expect:");
}

/* RFC 9110 6.6.1; as curl reads dates. */
static int64_t date_of(CURL *curl) {
	struct curl_header *header;
	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	const time_t date = curl_getdate(header->value, NULL);
	return date > 0 ? (int64_t)date : 0;
}

bool http_ask(struct http *http, const struct http_request *request, struct http_answer *ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *url = xasprintf("%s%s", http->base, request->path);
	struct receiving receiving = {.most = http->most};
	struct curl_slist *headers = headers_of(request);
	struct http_answer answer = {0};
	curl_off_t retry_after = 0;
	http->error[0] = '\0';
	CURLcode code = set_request(http->curl, request, url, &receiving, headers) ? curl_easy_perform(http->curl)
										   : CURLE_OUT_OF_MEMORY;
	curl_slist_free_all(headers);
	if (code != CURLE_OK) {
		buf_done(&receiving.bytes);
		return transfer_failed(http, url, code, &receiving, err);
	}
	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_after);
	answer.retry_after = (int64_t)retry_after;
	answer.date = date_of(http->curl);
	answer.body = receiving.bytes;
	*ret_answer = answer;
	return true;
}

bool http_is_ok(const struct http_answer *answer, const char *where, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err ignored;
	const char *said = "";
	if (answer->status == 200)
		return true;
	if (!json_read(answer->body.data, answer->body.len, 65536, where, &object, &ignored) ||
	    !json_get_string(object, "error", where, &said, &ignored))
		said = "no reason given";
	const bool is_for_now = answer->status >= 500 || answer->status == 429;
	return err_set(err, is_for_now ? ERR_IO : ERR_REFUSED, where, "the collector answers %ld: %s", answer->status,
		       said);
}
