#include "collector/http.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <sys/queue.h>

#include "core/base64.h"
#include "core/text.h"

void http_header(struct evhttp_request *request, const char *name, const char *value) {
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	evhttp_remove_header(headers, name);
	if (evhttp_add_header(headers, name, value) != 0)
		abort(); /* a line break in a header of ours */
}

void http_reply(struct evhttp_request *request, int status, const char *type, const void *data, size_t len) {
	struct evbuffer *body = evbuffer_new();
	char length[32];
	/* evhttp would send the body with the answer to HEAD too, where a client takes it for the next answer. */
	const bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
	if (!body || (!is_head && evbuffer_add(body, data, len) != 0))
		abort();
	snprintf(length, sizeof length, "%zu", len);
	http_header(request, "Content-Length", length);
	if (type)
		http_header(request, "Content-Type", type);
	http_header(request, "X-Content-Type-Options", "nosniff");
	http_header(request, "Referrer-Policy", "no-referrer");
	if (!evhttp_find_header(evhttp_request_get_output_headers(request), "Cache-Control"))
		http_header(request, "Cache-Control", "no-store");
	evhttp_send_reply(request, status, NULL, body);
	evbuffer_free(body);
}

void http_json(struct evhttp_request *request, int status, const json_t *value) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	if (!json_canonical(value, &text, &err))
		buf_adds(&text, "{\"error\":\"the answer cannot be written\"}");
	buf_adds(&text, "\n");
	http_reply(request, status, "application/json", text.data, text.len);
}

void http_error(struct evhttp_request *request, int status, const char *sentence, ...) {
	char text[512];
	va_list arguments;
	va_start(arguments, sentence);
	vsnprintf(text, sizeof text, sentence, arguments);
	va_end(arguments);
	CLEANUP(json_decref_p) json_t *value = json_object();
	json_object_set_new(value, "error", json_text(text));
	http_json(request, status, value);
}

void http_fault(struct evhttp_request *request, const struct err *err) {
	http_header(request, "Retry-After", "30");
	http_error(request, 503, "%s", err->why);
}

bool http_is_get(struct evhttp_request *request) {
	enum evhttp_cmd_type command = evhttp_request_get_command(request);
	return command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD;
}

bool http_is_post(struct evhttp_request *request) { return evhttp_request_get_command(request) == EVHTTP_REQ_POST; }

bool http_path(struct evhttp_request *request, char path[HTTP_PATH_LONGEST]) {
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *raw = uri ? evhttp_uri_get_path(uri) : NULL;
	size_t len = 0;
	if (!raw || strlen(raw) >= HTTP_PATH_LONGEST)
		return false;
	CLEANUP(free_ptr) char *decoded = evhttp_uridecode(raw, 0, &len);
	if (!decoded || strlen(decoded) != len || len >= HTTP_PATH_LONGEST)
		return false;
	memcpy(path, decoded, len + 1);
	return true;
}

char *http_form(const char *text, const char *name) {
	struct evkeyvalq fields = {0};
	if (!text || evhttp_parse_query_str(text, &fields) != 0)
		return NULL;
	const char *value = evhttp_find_header(&fields, name);
	char *copy = value ? xstrdup(value) : NULL;
	evhttp_clear_headers(&fields);
	return copy;
}

static bool is_among(const char *name, const char *const known[]) {
	for (; *known; known++)
		if (!strcmp(*known, name))
			return true;
	return false;
}

char *http_queries(struct evhttp_request *request, const char *name) {
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *text = uri ? evhttp_uri_get_query(uri) : NULL;
	struct evkeyvalq fields = {0};
	const struct evkeyval *field;
	CLEANUP(buf_done) struct buf joined = {0};
	bool is_there = false;
	if (!text || evhttp_parse_query_str(text, &fields) != 0)
		return NULL;
	TAILQ_FOREACH(field, &fields, next) {
		if (strcmp(field->key, name) != 0)
			continue;
		buf_addf(&joined, "%s%s", is_there ? "," : "", field->value);
		is_there = true;
	}
	evhttp_clear_headers(&fields);
	return is_there ? buf_take(&joined) : NULL;
}

char *http_query_unknown(struct evhttp_request *request, const char *const known[]) {
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *text = uri ? evhttp_uri_get_query(uri) : NULL;
	struct evkeyvalq fields = {0};
	const struct evkeyval *field;
	char *unknown = NULL;
	if (!text || evhttp_parse_query_str(text, &fields) != 0)
		return NULL;
	TAILQ_FOREACH(field, &fields, next)
	if (!unknown && !is_among(field->key, known))
		unknown = xstrdup(field->key);
	evhttp_clear_headers(&fields);
	return unknown;
}

char *http_query(struct evhttp_request *request, const char *name) {
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	return uri ? http_form(evhttp_uri_get_query(uri), name) : NULL;
}

void http_body(struct evhttp_request *request, struct buf *ret_body) {
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(input);
	char *room = buf_room(ret_body, len);
	if (evbuffer_remove(input, room, len) != (int)len)
		abort();
	ret_body->len += len;
	buf_room(ret_body, 0);
}

const char *http_asked(struct evhttp_request *request, const char *header) {
	return evhttp_find_header(evhttp_request_get_input_headers(request), header);
}

bool http_basic(struct evhttp_request *request, char **ret_user, char **ret_password) {
	const char *header = http_asked(request, "Authorization");
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	if (!header || strncasecmp(header, "Basic ", 6) != 0 ||
	    !base64_decode(header + 6, strlen(header + 6), "Authorization", &text, &err))
		return false;
	const char *colon = memchr(buf_str(&text), ':', text.len);
	if (!colon || memchr(text.data, '\0', text.len))
		return false;
	*ret_user = xstrndup(text.data, (size_t)(colon - text.data));
	*ret_password = xstrdup(colon + 1);
	return true;
}

const char *http_peer_address(struct evhttp_request *request) {
	char *address = NULL;
	ev_uint16_t port;
	evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
	if (!address)
		return "";
	return strncasecmp(address, "::ffff:", 7) == 0 && strchr(address, '.') ? address + 7 : address;
}
