/* A table of paths for each listener. */
#pragma once

#include "collector/collector.h"
#include "collector/http.h"

/* One request, as a route's function is handed it. */
struct visit {
	struct collector *collector;
	struct evhttp_request *request;
	const char *rest;   /* the path behind a route that ends in '/'; "" otherwise */
	struct peer *peer;  /* agents: who sent it; NULL where anyone may */
	bool is_outside;    /* and whose certificate is of an outside CA */
	const char *reader; /* readers: who asks; NULL where anyone may */
	int64_t now;
};

/* Renewal: a certificate that ended at most LISTEN_GRACE ago will do, as it does nowhere else. */
enum route_access { ROUTE_ANYONE, ROUTE_KNOWN, ROUTE_RENEWAL };

struct route {
	const char *path; /* ends in '/': everything below it too, but not itself; "/" is itself alone */
	enum route_access access;
	bool is_post;
	void (*answer)(struct visit *visit);
};

/* NULL: it has been answered with 404 or 405. */
const struct route *route_find(const struct route *routes, size_t count, struct visit *visit,
			       char path[HTTP_PATH_LONGEST]);

/* GET /log/...: "checkpoint" or a tile. */
void route_log(struct visit *visit);

/* The tables' listeners. */
void agents_handle(struct evhttp_request *request, void *collector);
void readers_handle(struct evhttp_request *request, void *collector);
void metrics_handle(struct evhttp_request *request, void *collector);
