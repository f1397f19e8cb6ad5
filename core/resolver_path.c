#include "core/resolver_path.h"

#include "core/resolv.h"
#include "core/text.h"

#define RESOLV "file:/etc/resolv.conf"
#define DOCKER "file:/etc/docker/daemon.json"
#define DOCKER_LARGEST (1U << 20)
#define RESOLVED "file:/run/systemd/resolve/resolv.conf"

static const char *const nscd[] = {"stat:/run/nscd/socket", "stat:/var/run/nscd/socket"};

/* `ip netns exec NAME` lays /etc/netns/NAME over /etc. */
static bool namespaces(const struct sources *fetched, json_t **ret_entries, struct err *err) {
	return source_maybe_json(fetched, "dir:/etc/netns", ret_entries, err);
}

void resolver_path_names(const struct sources *fetched, struct names *names) {
	struct err err;
	json_t *entries = NULL, *entry;
	size_t i;
	names_add(names, RESOLV);
	names_add(names, DOCKER);
	names_add(names, RESOLVED);
	names_add(names, ETC_SOURCE);
	names_add(names, NSSWITCH_SOURCE);
	names_add(names, "dir:/etc/netns");
	for (i = 0; i < ARRAY_LEN(nscd); i++)
		names_add(names, nscd[i]);
	if (!namespaces(fetched, &entries, &err))
		return;
	json_array_foreach(entries, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name)
			names_addf(names, "file:/etc/netns/%s/resolv.conf", name);
	}
}

/* What rows share. */
struct look {
	const struct sources *fetched;
	json_t *rows, *lookup;
	bool is_cached, has_resolved;
};

static void add_row(struct look *look, const char *server, const char *via) {
	json_t *row = json_pack("{s:o, s:o, s:b, s:O, s:b}", "server", json_text(server), "via", json_text(via),
				"local", resolv_is_loopback(server), "lookup", look->lookup, "cached", look->is_cached);
	json_array_append_new(look->rows, row);
}

/* The uplinks of systemd-resolved, which it writes beside its stub file; once, whichever paths lead there. */
static bool add_resolved(struct look *look, struct err *err) {
	const struct source *source = NULL;
	CLEANUP(json_decref_p) json_t *servers = NULL;
	if (look->has_resolved)
		return true;
	if (!source_maybe(look->fetched, RESOLVED, &source, err) || (source && !resolv_servers(source, &servers, err)))
		return false;
	if (json_array_size(servers) == 0)
		return err_set(err, ERR_UNPROVED, RESOLVED,
			       "the stub of systemd-resolved is in use, and it names no servers now");
	size_t i;
	const json_t *server;
	json_array_foreach(servers, i, server) add_row(look, json_string_value(server), "systemd-resolved");
	look->has_resolved = true;
	return true;
}

static bool is_stub(const char *server) { return !strcmp(server, "127.0.0.53") || !strcmp(server, "127.0.0.54"); }

/* One resolv.conf; source NULL when there is none. */
static bool add_file(struct look *look, const struct source *source, const char *via, struct err *err) {
	CLEANUP(json_decref_p) json_t *servers = json_array();
	size_t i;
	const json_t *server;
	if (source) {
		json_decref(servers);
		servers = NULL;
		if (!resolv_servers(source, &servers, err))
			return false;
	}
	if (json_array_size(servers) == 0)
		add_row(look, "127.0.0.1", "libc default");
	json_array_foreach(servers, i, server) {
		const char *address = json_string_value(server);
		if (!is_stub(address))
			add_row(look, address, via);
		else if (!add_resolved(look, err))
			return false;
	}
	return true;
}

static bool add_namespaces(struct look *look, struct err *err) {
	json_t *entries = NULL, *entry;
	size_t i;
	if (!namespaces(look->fetched, &entries, err))
		return false;
	json_array_foreach(entries, i, entry) {
		const char *space = json_string_value(json_object_get(entry, "name"));
		CLEANUP(free_ptr) char *name = xasprintf("file:/etc/netns/%s/resolv.conf", space ? space : "");
		CLEANUP(free_ptr) char *via = xasprintf("netns %s", space ? space : "");
		const struct source *source = NULL;
		if (!source_maybe(look->fetched, name, &source, err) || (source && !add_file(look, source, via, err)))
			return false;
	}
	return true;
}

/* nss-resolve asks systemd-resolved whatever resolv.conf says; where that does not run, the next service answers. */
static bool add_nss_resolve(struct look *look, struct err *err) {
	const struct source *source = NULL;
	if (!nsswitch_has(look->lookup, "resolve"))
		return true;
	if (!source_maybe(look->fetched, RESOLVED, &source, err))
		return false;
	return !source || add_resolved(look, err);
}

/* What containers are given instead of the host's. Without it they get the host's servers, but of a host that has none
 * but its own loopback's Docker's default: that is in no file. */
static bool add_docker(struct look *look, struct err *err) {
	CLEANUP(json_decref_p) json_t *config = NULL;
	const struct source *source = NULL;
	const json_t *server;
	size_t i;
	if (!source_maybe(look->fetched, DOCKER, &source, err))
		return false;
	if (!source)
		return true;
	if (!json_read(source->bytes.data, source->bytes.len, DOCKER_LARGEST, DOCKER, &config, err))
		return false;
	json_array_foreach(json_object_get(config, "dns"), i, server) {
		if (!json_is_string(server))
			return err_set(err, ERR_MALFORMED, DOCKER, "a DNS server that is no text");
		add_row(look, json_string_value(server), "docker");
	}
	return true;
}

static bool look_for_nscd(const struct sources *fetched, bool *ret_is_there, struct err *err) {
	bool is_there = false;
	for (size_t i = 0; i < ARRAY_LEN(nscd); i++) {
		const struct source *source = NULL;
		if (!source_maybe(fetched, nscd[i], &source, err))
			return false;
		is_there |= source != NULL;
	}
	*ret_is_there = is_there;
	return true;
}

bool resolver_path_read(const struct sources *fetched, json_t **ret_rows, struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *lookup = NULL;
	const struct source *source = NULL;
	struct look look = {.fetched = fetched, .rows = rows};
	if (!nsswitch_need(fetched, "hosts", "files dns", &lookup, err) ||
	    !look_for_nscd(fetched, &look.is_cached, err) || !etc_maybe(fetched, RESOLV, &source, err))
		return false;
	look.lookup = lookup;
	if (!add_nss_resolve(&look, err) || !add_file(&look, source, "resolv.conf", err) ||
	    !add_namespaces(&look, err) || !add_docker(&look, err))
		return false;
	*ret_rows = json_incref(rows);
	return true;
}
