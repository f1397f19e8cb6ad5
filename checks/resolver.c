/* The DNS servers at which this host's look-ups end, by every path that a program may take. */
#include "core/check.h"
#include "core/resolver_path.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "server", .type = VALUE_STRING, .about = "The address that is asked."},
	{.name = "via",
	 .type = VALUE_STRING,
	 .about =
		 "resolv.conf; systemd-resolved (its uplinks, behind the stub 127.0.0.53 or nss-resolve); libc default "
		 "(no nameserver line: this host itself); netns NAME (the resolv.conf of a network namespace); docker "
		 "(what its "
		 "daemon gives to containers)."},
	{.name = "local",
	 .type = VALUE_BOOL,
	 .about = "Whether the server is on this host; where it forwards to is its own configuration."},
	{.name = "lookup", .type = VALUE_STRINGS, .about = "The services of nsswitch.conf for hosts, in order."},
	{.name = "cached",
	 .type = VALUE_BOOL,
	 .about = "Whether nscd runs, whose answers outlive a change of servers."},
	{0},
};

static const char *const patterns[] = {RESOLVER_PATH_PATTERNS, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	resolver_path_names(fetched, names);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	return resolver_path_read(fetched, &ret_observation->rows, err);
}

const struct check check_resolver = {
	.name = "resolver",
	.about = "The DNS servers at which this host's look-ups end, by every path that a program may take.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
