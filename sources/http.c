/* http: one GET, no redirects followed, no cookies, no credentials, no proxy but the one that the name asks for. A
 * server whose certificate does not verify is not believed. */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "core/hash.h"
#include "core/text.h"
#include "sources/probe.h"

#define BODY_LARGEST (64U << 10)
#define HEADERS_LARGEST (64U << 10) /* bytes of all heads, a proxy's and interim ones included */
#define CONNECT_MS 6000

static const char *const kept[] = {"content-type", "location", "server", "strict-transport-security"};

struct exchange {
	struct buf body;
	size_t heads;
	bool is_over, is_flooded; /* the body, the heads are larger than their cap */
	json_t *headers;
};

static void exchange_done(struct exchange *exchange) {
	buf_done(&exchange->body);
	json_decref(exchange->headers);
}

static size_t on_body(char *data, size_t size, size_t count, void *context) {
	struct exchange *exchange = context;
	if (exchange->body.len + count > BODY_LARGEST) {
		exchange->is_over = true;
		return CURL_WRITEFUNC_ERROR;
	}
	buf_add(&exchange->body, data, count);
	return count;
}

/* A header that comes again is added behind a comma (RFC 9110 5.3). */
static void keep_header(json_t *headers, const char *name, const char *value) {
	CLEANUP(json_decref_p) json_t *text = json_text(value);
	CLEANUP(free_ptr) char *clean = xstrdup(json_string_value(text));
	const char *before = json_string_value(json_object_get(headers, name));
	text_replace_controls(clean);
	CLEANUP(free_ptr) char *whole = before ? xasprintf("%s, %s", before, clean) : xstrdup(clean);
	json_object_set_new(headers, name, json_string(whole));
}

static size_t on_header(char *data, size_t size, size_t count, void *context) {
	struct exchange *exchange = context;
	CLEANUP(free_ptr) char *line = xstrndup(data, count);
	char *colon = strchr(line, ':');
	exchange->heads += count;
	exchange->is_flooded = exchange->heads > HEADERS_LARGEST;
	if (exchange->is_flooded)
		return CURL_WRITEFUNC_ERROR;
	if (text_starts(line, "HTTP/")) /* the head of the answer itself comes last */
		json_object_clear(exchange->headers);
	if (!colon)
		return count;
	*colon = '\0';
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (!strcasecmp(line, kept[i]))
			keep_header(exchange->headers, kept[i], text_trim(colon + 1));
	return count;
}

static void free_curl(CURL **curl) { curl_easy_cleanup(*curl); }

/* Sets what is the same for every request; constants of the library's own, so that it cannot fail but for memory. */
static CURL *make(const struct ask *ask, const char *url, const char *proxy, struct exchange *exchange) {
	CURL *curl = curl_easy_init();
	uint64_t now = time_us();
	long left = now < ask->deadline_us ? (long)((ask->deadline_us - now) / 1000) + 1 : 1;
	if (!curl || curl_easy_setopt(curl, CURLOPT_URL, url) || curl_easy_setopt(curl, CURLOPT_PROXY, proxy) ||
	    curl_easy_setopt(curl, CURLOPT_NOPROXY, "") ||
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ||
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) || curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ||
	    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
	    curl_easy_setopt(curl, CURLOPT_USERAGENT, "vouch") || curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left) ||
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) ||
	    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) ||
	    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) ||
	    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange))
		abort();
	return curl;
}

static enum err_code code_of(CURLcode result, long error) {
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_COULDNT_CONNECT:
		return error == ECONNREFUSED ? ERR_ABSENT : error == ETIMEDOUT ? ERR_TIMEOUT : ERR_UNPROVED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return ERR_UNPROVED;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_HTTP2:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_BAD_CONTENT_ENCODING:
		return ERR_MALFORMED;
	default:
		return ERR_UNREADABLE;
	}
}

/* Time that goes by before a connection may be that of a look-up or of a proxy, whose silence is not the server's. */
static bool is_direct_to_address(const struct ask *ask) {
	const char *host = strstr(ask->rest, "://") + 3;
	bool is_bracketed = host[0] == '[';
	CLEANUP(free_ptr)
	char *text = xstrndup(host + is_bracketed, strcspn(host + is_bracketed, is_bracketed ? "]" : ":/?"));
	return !strstr(ask->rest, "?via=") && probe_is_address(text);
}

static bool fault(const struct ask *ask, CURL *curl, CURLcode result, const struct exchange *exchange,
		  const char *words, struct err *err) {
	long error = 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (exchange->is_flooded)
		return err_set(err, ERR_UNREADABLE, ask->name, "more than %u bytes of headers", HEADERS_LARGEST);
	curl_off_t connected = 0;
	curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
	if (result == CURLE_OPERATION_TIMEDOUT && connected == 0 && is_direct_to_address(ask))
		return err_set(err, ERR_TIMEOUT, ask->name, PROBE_SILENCE " in time");
	if (result == CURLE_COULDNT_CONNECT && (error == EPERM || error == EACCES))
		return err_errno(err, (int)error, ERR_DENIED, ask->name,
				 PROBE_NOT_SENT "the host's own filter or routes");
	return err_set(err, code_of(result, error), ask->name, "%s", *words ? words : curl_easy_strerror(result));
}

static json_t *number_or_null(long number) { return number ? json_integer(number) : json_null(); }

static json_t *value_of(CURL *curl, struct exchange *exchange, bool is_through) {
	long status = 0, connect = 0;
	char digest[HASH_HEX];
	struct hash hash = hash_of(exchange->body.data, exchange->body.len);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &connect);
	bool has_body = is_through && !exchange->is_over;
	return json_pack("{s:o, s:o, s:O, s:o, s:o}", "status", number_or_null(is_through ? status : 0), "proxy_status",
			 number_or_null(connect), "headers", exchange->headers, "body_len",
			 has_body ? json_integer((json_int_t)exchange->body.len) : json_null(), "body_sha256",
			 has_body ? json_string(hash_hex(&hash, digest)) : json_null());
}

static bool request(const struct ask *ask, const char *url, const char *proxy, json_t **ret_value, struct err *err) {
	CLEANUP(exchange_done) struct exchange exchange = {.headers = json_object()};
	char words[CURL_ERROR_SIZE] = "";
	CLEANUP(free_curl) CURL *curl = make(ask, url, proxy, &exchange);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
	CURLcode result = curl_easy_perform(curl);
	long connect = 0;
	curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &connect);
	/* A proxy that lets nobody through has answered. */
	bool is_stopped = result != CURLE_OK && connect >= 400;
	if (result != CURLE_OK && !is_stopped && !(result == CURLE_WRITE_ERROR && exchange.is_over))
		return fault(ask, curl, result, &exchange, words, err);
	*ret_value = value_of(curl, &exchange, !is_stopped);
	return true;
}

/* The URL's own form is libcurl's matter; who it may lead to is the approvals'. */
static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	const char *via = NULL;
	struct probe_peer proxy;
	CLEANUP(free_ptr) char *proxy_url = xstrdup("");
	CLEANUP(json_decref_p) json_t *value = NULL;
	for (const char *next = strstr(ask->rest, "?via="); next; next = strstr(next + 1, "?via="))
		via = next;
	CLEANUP(free_ptr) char *url = via ? xstrndup(ask->rest, (size_t)(via - ask->rest)) : xstrdup(ask->rest);
	const char *authority = strstr(url, "://");
	if ((!text_starts(url, "http://") && !text_starts(url, "https://")) ||
	    memchr(authority + 3, '@', strcspn(authority + 3, "/?#")) || url[strcspn(url, "#\\ ")])
		return err_set(err, ERR_UNREADABLE, ask->name, "not http:URL or http:URL?via=PROXY");
	if (via) {
		if (!probe_peer_read(ask, via + 5, strlen(via + 5), "3128", &proxy, err))
			return false;
		free(proxy_url);
		proxy_url =
			xasprintf(strchr(proxy.host, ':') ? "http://[%s]:%s" : "http://%s:%s", proxy.host, proxy.port);
	}
	return request(ask, url, proxy_url, &value, err) && answer_json(ask, value, ret_answer, err);
}

const struct kind probe_http = {
	.prefix = "http:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};
