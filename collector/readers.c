/* The readers' listener and the one of the metrics. */
#include "collector/api.h"
#include "collector/metrics.h"
#include "collector/reader.h"
#include "collector/show.h"
#include "core/text.h"
#include "core/times.h"

static const struct route routes[] = {
	{"/", ROUTE_KNOWN, false, show_overview},
	{"/controls", ROUTE_KNOWN, false, show_controls},
	{"/controls/", ROUTE_KNOWN, false, show_control},
	{"/hosts/", ROUTE_KNOWN, false, show_host},
	{"/attestations/", ROUTE_KNOWN, false, show_attested_file},
	{"/login", ROUTE_ANYONE, false, show_login_form},
	{"/login", ROUTE_ANYONE, true, reader_login},
	{"/logout", ROUTE_KNOWN, true, reader_logout},
	{"/style.css", ROUTE_ANYONE, false, show_style},
	{"/log/", ROUTE_KNOWN, false, route_log},
	{"/api/v1/hosts", ROUTE_KNOWN, false, api_hosts},
	{"/api/v1/controls", ROUTE_KNOWN, false, api_controls},
	{"/api/v1/results", ROUTE_KNOWN, false, api_results},
	{"/api/v1/statements", ROUTE_KNOWN, false, api_statements},
	{"/api/v1/statements/", ROUTE_KNOWN, false, api_statement},
	{"/api/v1/attestations", ROUTE_KNOWN, false, api_attestations},
	{"/api/v1/trust", ROUTE_KNOWN, false, api_trust},
	{"/api/v1/evidence", ROUTE_KNOWN, false, api_evidence},
	{"/api/v1/anchors", ROUTE_KNOWN, false, api_anchors},
	{"/api/v1/findings", ROUTE_KNOWN, false, api_findings},
	{"/api/v1/refused/", ROUTE_KNOWN, false, api_refused},
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

/* What may be asked for without a credential; nothing else is even told to exist or not. */
static bool is_open_to_all(struct visit *visit, const struct route *table, size_t count) {
	char path[HTTP_PATH_LONGEST];
	if (!http_path(visit->request, path))
		return false;
	if (visit->collector->config->public_log && text_starts(path, "/log/"))
		return true;
	for (size_t i = 0; i < count; i++)
		if (table[i].access == ROUTE_ANYONE && !strcmp(table[i].path, path))
			return true;
	return false;
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
	if (!is_known && !is_open_to_all(&visit, table, count)) {
		refuse(&visit);
		return;
	}
	const struct route *route = route_find(table, count, &visit, path);
	if (route)
		route->answer(&visit);
}

void readers_handle(struct evhttp_request *request, void *collector) {
	handle(request, collector, routes, ARRAY_LEN(routes));
}

void metrics_handle(struct evhttp_request *request, void *collector) {
	handle(request, collector, metrics_routes, ARRAY_LEN(metrics_routes));
}
