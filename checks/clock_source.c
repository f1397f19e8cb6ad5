/* What the clock really follows: the source that the running daemon has selected, and the others it knows of. */
#include <arpa/inet.h>
#include <fnmatch.h>
#include <strings.h>

#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define CHRONYC "cmd:chronyc"
#define TIMESYNC "bus:timesync"
#define DHCP "/run/chrony-dhcp"
#define LOCAL_REFID "7F7F0101" /* chronyd follows its own clock */
#define LEAP_NOT_SET 3

static const struct check_param params[] = {
	{"listed", VALUE_STRINGS, false,
	 "Patterns of the names that sources were configured by (\"*.pool.ntp.org\"), addresses, and networks "
	 "(\"192.0.2.0/24\"); default none."},
	{0},
};

static const struct check_field fields[] = {
	{"daemon", VALUE_STRING, NULL, "chrony or systemd-timesyncd; none: no daemon that is known here runs.",
	 PRIVACY_PUBLIC, false},
	{"name", VALUE_STRING, NULL, "The source as configured: a name, an address, or a reference clock's.",
	 PRIVACY_PUBLIC, false},
	{"address", VALUE_STRING, NULL, "The address that it has now.", PRIVACY_PUBLIC, true},
	{"selected", VALUE_BOOL, NULL, "The clock follows it.", PRIVACY_PUBLIC, true},
	{"combined", VALUE_BOOL, NULL,
	 "What it says moves the clock: the selected one, and those that chronyd combines with it (\"+\").",
	 PRIVACY_PUBLIC, true},
	{"usable", VALUE_BOOL, NULL, "It answers, and is not out of line with the others.", PRIVACY_PUBLIC, true},
	{"listed", VALUE_BOOL, NULL, "It is in the parameter of that name.", PRIVACY_PUBLIC, false},
	{"kind", VALUE_STRING, NULL, "server, peer, refclock, or local: the machine's own clock.", PRIVACY_PUBLIC,
	 false},
	{"origin", VALUE_STRING, NULL,
	 "configuration; dhcp: the network handed it out; fallback: compiled in, where nothing is configured.",
	 PRIVACY_PUBLIC, false},
	{"stratum", VALUE_INT, NULL, "Its stratum.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {CHRONYC, TIMESYNC, "unit:*", "dir:" DHCP, "file:" DHCP "/*", NULL};

/* chronyd's and timesyncd's can be asked what they follow; of the others only that they run is seen. */
static const char *const chrony_units[] = {"chrony.service", "chronyd.service"};
static const char *const timesync_units[] = {"systemd-timesyncd.service"};
static const char *const other_units[] = {"ntpsec.service", "ntp.service", "ntpd.service", "openntpd.service",
					  "ntpd-rs.service"};

static bool is_active(const struct sources *fetched, const char *unit, bool *ret_active, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	json_t *value;
	if (!source_maybe_json(fetched, name, &value, err))
		return false;
	const char *state = json_string_value(json_object_get(value, "ActiveState"));
	*ret_active = state && (!strcmp(state, "active") || !strcmp(state, "reloading"));
	return true;
}

/* *ret_unit: the first of them that runs, NULL where none does. */
static bool find_active(const struct sources *fetched, const char *const *units, size_t count, const char **ret_unit,
			struct err *err) {
	const char *found = NULL;
	for (size_t i = 0; i < count; i++) {
		bool active;
		if (!is_active(fetched, units[i], &active, err))
			return false;
		if (active && !found)
			found = units[i];
	}
	*ret_unit = found;
	return true;
}

static void ask_units(const char *const *units, size_t count, struct names *names) {
	for (size_t i = 0; i < count; i++)
		names_addf(names, "unit:%s", units[i]);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *unit;
	struct err unused;
	json_t *list, *entry;
	size_t i;
	ask_units(chrony_units, ARRAY_LEN(chrony_units), names);
	ask_units(timesync_units, ARRAY_LEN(timesync_units), names);
	ask_units(other_units, ARRAY_LEN(other_units), names);
	if (find_active(fetched, chrony_units, ARRAY_LEN(chrony_units), &unit, &unused) && unit) {
		names_add(names, CHRONYC);
		names_add(names, "dir:" DHCP);
	}
	if (find_active(fetched, timesync_units, ARRAY_LEN(timesync_units), &unit, &unused) && unit)
		names_add(names, TIMESYNC);
	if (!source_maybe_json(fetched, "dir:" DHCP, &list, &unused))
		return;
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && text_ends(name, ".sources") && !strchr(name, '/'))
			names_addf(names, "file:" DHCP "/%s", name);
	}
}

/* Whether the first bits of both addresses are the same. */
static bool is_in_network(int family, const char *address, const char *network, unsigned bits) {
	unsigned char one[sizeof(struct in6_addr)], other[sizeof(struct in6_addr)];
	if (inet_pton(family, address, one) != 1 || inet_pton(family, network, other) != 1)
		return false;
	if (memcmp(one, other, bits / 8) != 0)
		return false;
	unsigned rest = bits % 8;
	return rest == 0 || (one[bits / 8] >> (8 - rest)) == (other[bits / 8] >> (8 - rest));
}

static bool is_of_network(const char *address, const char *pattern) {
	CLEANUP(free_ptr) char *network = xstrdup(pattern);
	char *slash = strchr(network, '/');
	unsigned long long bits = 0;
	if (slash)
		*slash = '\0';
	int family = strchr(network, ':') ? AF_INET6 : AF_INET;
	unsigned most = family == AF_INET6 ? 128 : 32;
	if (slash && !text_to_u64(slash + 1, most, &bits))
		return false;
	return is_in_network(family, address, network, slash ? (unsigned)bits : most);
}

static bool is_listed(const json_t *with, const char *name, const char *address) {
	const char *pattern;
	for (size_t i = 0; (pattern = param_strings_at(with, "listed", i)); i++)
		if (fnmatch(pattern, name, FNM_CASEFOLD) == 0 || is_of_network(address, pattern))
			return true;
	return false;
}

/* One source, into a row. */
struct seen {
	const char *daemon, *name, *address, *kind, *origin;
	bool is_selected, is_combined, is_usable;
	int64_t stratum; /* negative: not said */
};

static void add(const json_t *with, const struct seen *seen, json_t *rows) {
	json_t *row = row_add(rows);
	row_text(row, "daemon", seen->daemon);
	row_text(row, "name", seen->name);
	row_text(row, "address", seen->address);
	row_bool(row, "selected", seen->is_selected);
	row_bool(row, "combined", seen->is_selected || seen->is_combined);
	row_bool(row, "usable", seen->is_usable);
	if (seen->name)
		row_bool(row, "listed", is_listed(with, seen->name, seen->address));
	row_text(row, "kind", seen->kind);
	row_text(row, "origin", seen->origin);
	if (seen->stratum >= 0)
		row_int(row, "stratum", seen->stratum);
}

/* Whether a file that the DHCP client wrote for chronyd has this as a word. */
static bool is_from_dhcp(const struct sources *fetched, const char *name, const char *address) {
	for (size_t i = 0; i < sources_count(fetched); i++) {
		struct source *source = sources_at(fetched, i);
		if (!text_starts(source->name, "file:" DHCP "/") || source->err.code)
			continue;
		CLEANUP(free_ptr) char *text = xstrdup(buf_str(&source->bytes));
		for (char *rest = text, *word; (word = strsep(&rest, " \t\n"));)
			if (*word && (!strcmp(word, name) || !strcmp(word, address)))
				return true;
	}
	return false;
}

static bool add_chrony_source(const json_t *with, const struct sources *fetched, const json_t *source, json_t *rows,
			      struct err *err) {
	const char *state;
	int64_t reach;
	struct seen seen = {.daemon = "chrony"};
	if (!json_get_string(source, "state", CHRONYC, &state, err) ||
	    !json_get_string(source, "name", CHRONYC, &seen.name, err) ||
	    !json_get_string(source, "address", CHRONYC, &seen.address, err) ||
	    !json_get_string(source, "mode", CHRONYC, &seen.kind, err) ||
	    !json_get_int(source, "stratum", CHRONYC, &seen.stratum, err) ||
	    !json_get_int(source, "reach", CHRONYC, &reach, err))
		return false;
	seen.is_selected = !strcmp(state, "*");
	seen.is_combined = !strcmp(state, "+");
	seen.is_usable = reach > 0 && (seen.is_selected || !strcmp(state, "+") || !strcmp(state, "-"));
	seen.origin = is_from_dhcp(fetched, seen.name, seen.address) ? "dhcp" : "configuration";
	add(with, &seen, rows);
	return true;
}

static bool add_chrony(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *value, *list, *source;
	const char *refid;
	size_t i;
	if (!source_need_json(fetched, CHRONYC, &value, err) ||
	    !json_get_string(value, "refid", CHRONYC, &refid, err) ||
	    !json_get_array(value, "sources", CHRONYC, &list, err))
		return false;
	json_array_foreach(list, i, source) {
		if (!add_chrony_source(with, fetched, source, rows, err))
			return false;
	}
	if (!strcmp(refid, LOCAL_REFID) || json_array_size(list) == 0)
		add(with,
		    &(struct seen){.daemon = "chrony",
				   .name = "",
				   .address = "",
				   .kind = "local",
				   .is_selected = !strcmp(refid, LOCAL_REFID),
				   .stratum = -1},
		    rows);
	return true;
}

static bool has_text(const json_t *list, const char *text) {
	const json_t *entry;
	size_t i;
	json_array_foreach(list, i, entry) {
		if (json_is_string(entry) && !strcasecmp(json_string_value(entry), text))
			return true;
	}
	return false;
}

static const char *origin_of(const json_t *value, const char *server) {
	if (has_text(json_object_get(value, "system"), server))
		return "configuration";
	if (has_text(json_object_get(value, "link"), server))
		return "dhcp";
	return has_text(json_object_get(value, "fallback"), server) ? "fallback" : NULL;
}

/* It knows several servers and asks one. What that one has not answered yet, it does not follow. */
static bool add_timesync(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *value, *packet;
	int64_t leap, packets;
	struct seen seen = {.daemon = "systemd-timesyncd", .kind = "server"};
	if (!source_need_json(fetched, TIMESYNC, &value, err) ||
	    !json_get_string(value, "server", TIMESYNC, &seen.name, err) ||
	    !json_get_string(value, "address", TIMESYNC, &seen.address, err) ||
	    !json_get_object(value, "packet", TIMESYNC, &packet, err) ||
	    !json_get_int(packet, "leap", TIMESYNC, &leap, err) ||
	    !json_get_int(packet, "stratum", TIMESYNC, &seen.stratum, err) ||
	    !json_get_int(packet, "packets", TIMESYNC, &packets, err))
		return false;
	seen.is_selected = seen.is_usable = *seen.name && packets > 0 && leap != LEAP_NOT_SET;
	seen.origin = origin_of(value, seen.name);
	add(with, &seen, rows);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *chrony, *timesync, *other;
	if (!find_active(fetched, chrony_units, ARRAY_LEN(chrony_units), &chrony, err) ||
	    !find_active(fetched, timesync_units, ARRAY_LEN(timesync_units), &timesync, err) ||
	    !find_active(fetched, other_units, ARRAY_LEN(other_units), &other, err))
		return false;
	if ((chrony && !add_chrony(with, fetched, rows, err)) || (timesync && !add_timesync(with, fetched, rows, err)))
		return false;
	if (other)
		return err_set(err, ERR_UNPROVED, other, "runs, and cannot be asked here what it follows");
	if (json_array_size(rows) == 0)
		add(with, &(struct seen){.daemon = "none", .stratum = -1}, rows);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_clock_source = {
	.name = "clock_source",
	.about = "The sources that the clock's daemon knows, and which of them the clock follows.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
