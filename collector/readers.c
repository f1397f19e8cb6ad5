/* The readers' listener and the one of the metrics. */
#include "collector/metrics.h"
#include "collector/reader.h"
#include "collector/show.h"
#include "core/text.h"
#include "core/times.h"

static const struct route routes[] = {
	{"/", ROUTE_KNOWN, false, show_overview},        {"/login", ROUTE_ANYONE, false, show_login_form},
	{"/login", ROUTE_ANYONE, true, reader_login},    {"/logout", ROUTE_KNOWN, true, reader_logout},
	{"/style.css", ROUTE_ANYONE, false, show_style}, {"/log/", ROUTE_KNOWN, false, route_log},
};

static const struct route metrics_routes[] = {
	{"/metrics", ROUTE_KNOWN, false, metrics_answer},
};

/* A browser gets the form to log in, a program the sentence. */
static void refuse(struct visit *visit) {
	const char *accept = http_asked(visit->request, "Accept");
	if (accept && strstr(accept, "text/html")) {
		show_login(visit, false);
		return;
	}
	http_header(visit->request, "WWW-Authenticate", "Bearer realm=\"vouch\"");
	http_error(visit->request, 401, "no reader's credential");
}

static bool is_open_to_all(const struct visit *visit, const struct route *route) {
	return route->access == ROUTE_ANYONE || (route->answer == route_log && visit->collector->config->public_log);
}

static void handle(struct evhttp_request *request, struct collector *collector, const struct route *table,
		   size_t count) {
	struct visit visit = {.collector = collector, .request = request, .now = times_now()};
	char path[HTTP_PATH_LONGEST], name[READER_NAME_LONGEST + 1];
	struct err err;
	bool is_known = false;
	if (!reader_of(collector, request, visit.now, name, &is_known, &err)) {
		http_fault(request, &err);
		return;
	}
	visit.reader = is_known ? name : NULL;
	const struct route *route = route_find(table, count, &visit, path);
	if (!route)
		return;
	if (is_known || is_open_to_all(&visit, route))
		route->answer(&visit);
	else
		refuse(&visit);
}

void readers_handle(struct evhttp_request *request, void *collector) {
	handle(request, collector, routes, ARRAY_LEN(routes));
}

void metrics_handle(struct evhttp_request *request, void *collector) {
	handle(request, collector, metrics_routes, ARRAY_LEN(metrics_routes));
}
