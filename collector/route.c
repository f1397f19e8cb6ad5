#include "collector/route.h"

#include "core/text.h"

static bool is_at(const struct route *route, const char *path, const char **ret_rest) {
	const size_t len = strlen(route->path);
	*ret_rest = "";
	if (!strcmp(route->path, path))
		return len == 1 || route->path[len - 1] != '/';
	if (len < 2 || route->path[len - 1] != '/' || strncmp(path, route->path, len) != 0)
		return false;
	*ret_rest = path + len;
	return true;
}

const struct route *route_find(const struct route *routes, size_t count, struct visit *visit,
			       char path[HTTP_PATH_LONGEST]) {
	bool has_path = false;
	if (!http_path(visit->request, path)) {
		http_error(visit->request, 400, "not a path");
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_at(&routes[i], path, &visit->rest))
			continue;
		has_path = true;
		if (routes[i].is_post ? http_is_post(visit->request) : http_is_get(visit->request))
			return &routes[i];
	}
	if (has_path)
		http_error(visit->request, 405, "not with this method");
	else
		http_error(visit->request, 404, "there is nothing here");
	return NULL;
}

void route_log(struct visit *visit) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (!log_file(visit->collector->log, visit->rest, &bytes, &err)) {
		if (err.code == ERR_ABSENT)
			http_error(visit->request, 404, "%s", err.why);
		else
			http_fault(visit->request, &err);
		return;
	}
	if (!strcmp(visit->rest, "checkpoint")) {
		http_reply(visit->request, 200, "text/plain; charset=utf-8", bytes.data, bytes.len);
		return;
	}
	http_header(visit->request, "Cache-Control",
		    visit->collector->config->public_log ? "public, max-age=31536000, immutable"
							 : "private, max-age=31536000, immutable");
	http_reply(visit->request, 200, "application/octet-stream", bytes.data, bytes.len);
}
