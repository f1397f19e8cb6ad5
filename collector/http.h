/* Answers and questions over evhttp, in the shapes of docs/PROTOCOL.md. Every answer carries nosniff, no-referrer and,
 * where its Cache-Control was not set before, no-store. */
#pragma once

#include <event2/http.h>

#include "core/json.h"

#define HTTP_PATH_LONGEST 1024

void http_header(struct evhttp_request *request, const char *name, const char *value);
void http_reply(struct evhttp_request *request, int status, const char *type, const void *data, size_t len);
void http_json(struct evhttp_request *request, int status, const json_t *value);
/* {"error": sentence} */
void http_error(struct evhttp_request *request, int status, const char *sentence, ...)
	__attribute__((format(printf, 3, 4)));
/* An error of ours: 503 with Retry-After, and the sentence. */
void http_fault(struct evhttp_request *request, const struct err *err);

bool http_is_get(struct evhttp_request *request); /* HEAD too */
bool http_is_post(struct evhttp_request *request);
/* The path, percent-decoded; false when it holds NUL or is too long. */
bool http_path(struct evhttp_request *request, char path[HTTP_PATH_LONGEST]);
/* A member of the query; NULL when it is absent. The caller frees. */
char *http_query(struct evhttp_request *request, const char *name);
/* All values of a member that may come more than once, joined by commas; NULL when it is absent. The caller frees. */
char *http_queries(struct evhttp_request *request, const char *name);
/* The first parameter of the query that is not one of these (NULL ends them), or NULL. The caller frees. */
char *http_query_unknown(struct evhttp_request *request, const char *const known[]);
/* A field of an application/x-www-form-urlencoded text; NULL when it is absent. The caller frees. */
char *http_form(const char *text, const char *name);
/* The body, drained from the request. */
void http_body(struct evhttp_request *request, struct buf *ret_body);
/* NULL when it is absent; borrowed. */
const char *http_asked(struct evhttp_request *request, const char *header);
/* User and password of HTTP Basic; false when there is none. The caller frees both. */
bool http_basic(struct evhttp_request *request, char **ret_user, char **ret_password);
/* The address that it comes from, as text; an IPv4 one that arrived by IPv6 as IPv4. Borrowed. */
const char *http_peer_address(struct evhttp_request *request);
