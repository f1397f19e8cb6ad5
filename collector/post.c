#include "collector/post.h"

#include <curl/curl.h>

#include "core/text.h"

struct receiving {
	struct buf bytes;
	bool too_big;
};

void post_answer_done(struct post_answer *answer) { buf_done(&answer->body); }

static size_t receive(char *data, size_t size, size_t count, void *context) {
	struct receiving *receiving = context;
	const size_t len = size * count;
	if (len > POST_ANSWER_LARGEST - receiving->bytes.len) {
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

static bool set_trust(CURL *curl, const char *ca) {
	bool ok = curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	if (!ca)
		return ok;
	return ok && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CAINFO, ca) == CURLE_OK;
}

static bool set_manner(CURL *curl, const struct post *post, char *error) {
	return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)POST_DEADLINE_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)POST_CONNECT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "vouch/" VOUCH_VERSION) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_ended) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, post->ends) == CURLE_OK;
}

static bool set_request(CURL *curl, const struct post *post, struct curl_slist *headers, struct receiving *receiving) {
	return curl_easy_setopt(curl, CURLOPT_URL, post->url) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->len) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body) == CURLE_OK;
}

static bool transfer_failed(const char *url, const char *why, CURLcode code, bool too_big, struct err *err) {
	if (too_big)
		return err_set(err, ERR_TOO_BIG, url, "the answer is larger than %d bytes", POST_ANSWER_LARGEST);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_TIMEOUT, url, "%s", why);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
		return err_set(err, ERR_REFUSED, url, "TLS: %s", why);
	return err_set(err, ERR_IO, url, "%s", why);
}

/* Without the empty Expect curl waits for a 100 Continue before larger bodies. */
static struct curl_slist *headers_of(const struct post *post) {
	CLEANUP(free_ptr) char *type = xasprintf("Content-Type: %s", post->content_type);
	struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, type), "Expect:");
	if (!post->accept)
		return headers;
	CLEANUP(free_ptr) char *accept = xasprintf("Accept: %s", post->accept);
	return curl_slist_append(headers, accept);
}

static bool perform(CURL *curl, const struct post *post, struct curl_slist *headers, struct receiving *receiving,
		    struct err *err) {
	char error[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OUT_OF_MEMORY;
	if (set_manner(curl, post, error) && set_trust(curl, post->ca) && set_request(curl, post, headers, receiving))
		code = curl_easy_perform(curl);
	return code == CURLE_OK ||
	       transfer_failed(post->url, error[0] ? error : curl_easy_strerror(code), code, receiving->too_big, err);
}

bool post(const struct post *post, struct post_answer *ret_answer, struct err *err) {
	struct receiving receiving = {0};
	const char *type = NULL;
	if (!text_starts(post->url, "http://") && !text_starts(post->url, "https://"))
		return err_set(err, ERR_USAGE, post->url, "not an address that begins with http:// or https://");
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_set(err, ERR_IO, post->url, "libcurl cannot be set up");
	struct curl_slist *headers = headers_of(post);
	const bool is_answered = perform(curl, post, headers, &receiving, err);
	if (is_answered) {
		*ret_answer = (struct post_answer){.body = receiving.bytes};
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
		curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
		snprintf(ret_answer->type, sizeof ret_answer->type, "%s", type ? type : "");
	} else {
		buf_done(&receiving.bytes);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return is_answered;
}
