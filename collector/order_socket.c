/* DIR/orders.sock: HTTP over a Unix socket that only the folder's owner may open. */
#include <curl/curl.h>
#include <errno.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/http.h"
#include "collector/orders.h"
#include "core/file.h"
#include "core/times.h"

#define PATH "/order"
#define ASK_LONGEST_S 600
#define ANSWER_LARGEST ((size_t)16 * ORDER_LARGEST)

struct order_socket {
	struct evhttp *http;
	struct collector *collector;
	char *path;
};

static bool address_of(const char *path, struct sockaddr_un *ret_address, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return err_set(err, ERR_TOO_BIG, path, "too long for the name of a socket");
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	*ret_address = address;
	return true;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static int status_of(const struct err *err) {
	return err->code == ERR_MALFORMED ? 400 : err->code == ERR_ABSENT ? 404 : 503;
}

static void answer(struct evhttp_request *request, void *context) {
	struct order_socket *socket = context;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *order = NULL, *said = NULL;
	struct err err;
	char text[sizeof err.where + sizeof err.why + 64];
	http_body(request, &body);
	if (!json_read(buf_str(&body), body.len, ORDER_LARGEST, "order", &order, &err) ||
	    !order_do(socket->collector, order, times_now(), &said, &err))
		http_error(request, status_of(&err), "%s", err_text(&err, text, sizeof text));
	else
		http_json(request, 200, said);
}

static bool listen_here(struct event_base *base, struct order_socket *socket, struct err *err) {
	struct sockaddr_un address;
	if (!address_of(socket->path, &address, err))
		return false;
	/* The lock of the folder is ours, so nobody listens there any more. */
	unlink(socket->path);
	const mode_t before = umask(0177);
	struct evconnlistener *listener =
		evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4,
					(struct sockaddr *)&address, sizeof address);
	umask(before);
	if (!listener)
		return err_errno(err, errno, ERR_IO, socket->path, "listen");
	if (!evhttp_bind_listener(socket->http, listener)) {
		evconnlistener_free(listener);
		return err_set(err, ERR_IO, socket->path, "libevent does not take the socket");
	}
	return true;
}

bool order_socket_open(struct event_base *base, const char *folder, struct collector *collector,
		       struct order_socket **ret_socket, struct err *err) {
	CLEANUP(order_socket_free_p) struct order_socket *socket = xcalloc(1, sizeof *socket);
	socket->collector = collector;
	socket->path = file_join(folder, "orders.sock");
	socket->http = evhttp_new(base);
	if (!socket->http)
		return err_set(err, ERR_IO, "libevent", "no HTTP");
	evhttp_set_max_body_size(socket->http, ORDER_LARGEST);
	evhttp_set_allowed_methods(socket->http, EVHTTP_REQ_POST);
	if (evhttp_set_cb(socket->http, PATH, answer, socket) != 0 || !listen_here(base, socket, err))
		return err->code ? false : err_set(err, ERR_IO, "libevent", "no route");
	*ret_socket = socket;
	socket = NULL;
	return true;
}

void order_socket_free(struct order_socket *socket) {
	if (!socket)
		return;
	if (socket->http)
		evhttp_free(socket->http);
	unlink(socket->path);
	free(socket->path);
	free(socket);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static size_t take(char *data, size_t size, size_t count, void *context) {
	struct buf *answer = context;
	if (answer->len + size * count > ANSWER_LARGEST)
		return 0;
	buf_add(answer, data, size * count);
	return size * count;
}

static bool transfer(const char *path, const struct buf *order, long *ret_status, struct buf *ret_answer,
		     struct err *err) {
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!curl || !headers)
		return err_set(err, ERR_IO, path, "libcurl does not start");
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(curl, CURLOPT_URL, "http://collector" PATH);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)order->len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, order->data);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ASK_LONGEST_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_answer);
	const CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (code == CURLE_COULDNT_CONNECT)
		return err_set(err, ERR_ABSENT, path, "nobody listens there");
	return code == CURLE_OK || err_set(err, ERR_IO, path, "%s", curl_easy_strerror(code));
}

bool order_socket_ask(const char *folder, const json_t *order, json_t **ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "orders.sock");
	CLEANUP(buf_done) struct buf text = {0}, answer_text = {0};
	CLEANUP(json_decref_p) json_t *said = NULL;
	long status = 0;
	if (!json_canonical(order, &text, err) || !transfer(path, &text, &status, &answer_text, err) ||
	    !json_read(buf_str(&answer_text), answer_text.len, ANSWER_LARGEST, path, &said, err))
		return false;
	if (status != 200) {
		const char *why = json_string_value(json_object_get(said, "error"));
		return err_set(err, ERR_REFUSED, "collector", "%s", why ? why : "it gave no reason");
	}
	*ret_answer = json_incref(said);
	return true;
}
