/* Where the host's logs are sent, and whether what sends them runs on the configuration that is on disk. */
#include "core/forwarding.h"
#include "core/journald_conf.h"
#include "core/row.h"
#include "core/rsyslog_conf.h"
#include "core/service.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"collectors", VALUE_STRINGS, false,
	 "Approved targets, as HOST or HOST:PORT: each row says whether its target is one. While the list is empty and "
	 "logs are sent to another machine, the look fails as unproved."},
	{"spool", VALUE_BOOL, false, "true: what waits in rsyslog's working folder is a field. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"forwards", VALUE_BOOL, NULL, "false in the one row of a host that sends its logs nowhere.", PRIVACY_PUBLIC,
	 false},
	{"shipper", VALUE_STRING, NULL, "rsyslog or systemd-journal-upload.", PRIVACY_PUBLIC, false},
	{"unit", VALUE_STRING, NULL, "Its service.", PRIVACY_PUBLIC, false},
	{"active", VALUE_BOOL, NULL, "Whether that runs.", PRIVACY_PUBLIC, false},
	{"enabled", VALUE_BOOL, NULL, "Whether boot starts it.", PRIVACY_PUBLIC, false},
	{"current", VALUE_BOOL, NULL, "Whether it was started after its files were last written to.", PRIVACY_PUBLIC,
	 false},
	{"file", VALUE_STRING, NULL, "The file that says so.", PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "Where in it.", PRIVACY_PUBLIC, false},
	{"target", VALUE_STRING, NULL, "The host that they are sent to.", PRIVACY_PUBLIC, false},
	{"port", VALUE_INT, NULL, "Its port; not there where it is a name.", PRIVACY_PUBLIC, false},
	{"protocol", VALUE_STRING, NULL, "udp, tcp, relp, http, https.", PRIVACY_PUBLIC, false},
	{"local", VALUE_BOOL, NULL, "Whether that is this host itself.", PRIVACY_PUBLIC, false},
	{"approved", VALUE_BOOL, NULL, "Whether it is one of the collectors, where the rule names them.",
	 PRIVACY_PUBLIC, false},
	{"selector", VALUE_STRING, NULL,
	 "Which messages: *.* for all, else the filters as written; \"ruleset NAME\" where local messages do not come.",
	 PRIVACY_PUBLIC, false},
	{"discarded", VALUE_STRINGS, NULL, "The filters of what is thrown away before it.", PRIVACY_PUBLIC, false},
	{"takes_local", VALUE_BOOL, NULL, "Whether the shipper takes in what is logged on this host.", PRIVACY_PUBLIC,
	 false},
	{"tls", VALUE_BOOL, NULL, "Whether the connection is TLS.", PRIVACY_PUBLIC, false},
	{"driver", VALUE_STRING, NULL, "rsyslog's driver of the connection: ptcp is plain TCP.", PRIVACY_PUBLIC, false},
	{"auth", VALUE_STRING, NULL, "How the server is authenticated, in the shipper's words.", PRIVACY_PUBLIC, false},
	{"peers", VALUE_STRINGS, NULL, "The names or fingerprints that it must have.", PRIVACY_PUBLIC, false},
	{"verified", VALUE_BOOL, NULL, "Whether both chain and name are: anon and certvalid are not.", PRIVACY_PUBLIC,
	 false},
	{"ca_file", VALUE_STRING, NULL, "The certificates that it is verified by.", PRIVACY_PUBLIC, false},
	{"queue", VALUE_STRING, NULL,
	 "direct, linkedlist, fixedarray, disk; journal: it goes on where it stopped in the journal.", PRIVACY_PUBLIC,
	 false},
	{"queue_disk", VALUE_BOOL, NULL, "Whether what cannot be sent is kept on disk.", PRIVACY_PUBLIC, false},
	{"retry", VALUE_INT, NULL, "How often it tries again before messages are dropped; -1: for ever.",
	 PRIVACY_PUBLIC, false},
	{"spool_bytes", VALUE_SIZE, "bytes", "What waits in the working folder, where the rule asks.", PRIVACY_PUBLIC,
	 true},
	{0},
};

/* What also carries logs away, by configuration that is not read here. */
static const char *const others[] = {
	"syslog-ng.service",     "fluent-bit.service",      "fluentd.service",
	"td-agent.service",      "vector.service",          "filebeat.service",
	"promtail.service",      "alloy.service",           "SplunkForwarder.service",
	"nxlog.service",         "otelcol-contrib.service", "logstash.service",
	"elastic-agent.service", "google-fluentd.service",  "amazon-cloudwatch-agent.service"};

#define RSYSLOG "unit:rsyslog.service"

static const char *const shippers[] = {"rsyslog.service", "systemd-journal-upload.service"};

static const char *const patterns[] = {RSYSLOG_CONF_PATTERNS,
				       JOURNALD_CONF_PATTERNS,
				       "unit:*",
				       "file:/proc/[0-9]*/cmdline",
				       "stat:/etc",
				       "tree:/var/spool/*",
				       "tree:/var/lib/*",
				       "dir:/*/systemd/journal-upload.conf.d",
				       "stat:/*/systemd/journal-upload.conf.d/*",
				       "file:/*/systemd/journal-upload.conf.d/*",
				       NULL};

static void paths(const json_t *with, struct names *into) {
	forwarding_paths(into);
	names_add(into, "file:/proc/[0-9]*/cmdline");
	if (param_bool(with, "spool", false)) {
		names_add(into, "tree:/var/spool/rsyslog");
		names_add(into, "tree:/var/lib/rsyslog");
	}
}

/* The words with which rsyslogd was started; NULL where it does not run. The caller frees. */
static char *words_name(const struct sources *fetched) {
	struct err ignored;
	json_t *service;
	if (!source_maybe_json(fetched, RSYSLOG, &service, &ignored))
		return NULL;
	long long pid = json_integer_value(json_object_get(service, "MainPID"));
	return pid > 0 ? xasprintf("file:/proc/%lld/cmdline", pid) : NULL;
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct forwarding forwarding = {0};
	struct err ignored;
	CLEANUP(free_ptr) char *words = words_name(fetched);
	if (words)
		names_add(names, words);
	for (size_t i = 0; i < ARRAY_LEN(shippers); i++)
		service_ask(shippers[i], names);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		service_ask(others[i], names);
	if (!forwarding_read(fetched, names, &forwarding, &ignored))
		return;
	if (param_bool(with, "spool", false) && forwarding.spool[0] == '/')
		names_addf(names, "tree:%s", forwarding.spool);
	forwarding_done(&forwarding);
}

static const char *text_of(const json_t *row, const char *field) {
	return json_string_value(json_object_get(row, field));
}

/* "HOST" or "HOST:PORT"; an address of IPv6 with a port is in brackets. */
static bool is_collector(const json_t *row, const char *collector) {
	const char *target = text_of(row, "target"), *rest = collector;
	bool is_bracketed = *collector == '[';
	size_t len = strlen(target);
	rest += is_bracketed;
	if (strncasecmp(rest, target, len) != 0)
		return false;
	rest += len;
	rest += is_bracketed && *rest == ']';
	if (*rest != ':')
		return *rest == '\0';
	CLEANUP(free_ptr)
	char *port = xasprintf("%lld", (long long)json_integer_value(json_object_get(row, "port")));
	return !strcmp(rest + 1, port);
}

static bool add_approval(json_t *row, const json_t *with, struct err *err) {
	const char *collector;
	bool is_approved = false;
	if (!json_object_get(with, "collectors"))
		return true;
	for (size_t i = 0; (collector = param_strings_at(with, "collectors", i)); i++)
		is_approved |= is_collector(row, collector);
	if (!param_strings_at(with, "collectors", 0) && !json_is_true(json_object_get(row, "local")))
		return err_set(err, ERR_UNPROVED, "collectors",
			       "logs are sent to %s, and no collectors are named that it could be one of",
			       text_of(row, "target"));
	row_bool(row, "approved", is_approved);
	return true;
}

/* When what was read was last written to. */
static int64_t changed_at(const struct sources *fetched, const struct names *files) {
	int64_t latest = 0;
	for (size_t i = 0; i < names_count(files); i++) {
		const struct source *source = sources_get(fetched, names_at(files, i));
		if (source && source->meta.mtime > latest)
			latest = source->meta.mtime;
	}
	return latest;
}

static bool spooled(const struct sources *fetched, const char *folder, int64_t *ret_bytes, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("tree:%s", folder);
	json_t *list, *entry;
	int64_t bytes = 0;
	size_t i;
	if (*folder != '/')
		return err_set(err, ERR_UNPROVED, "file:" RSYSLOG_CONF, "the working folder \"%s\" is no path", folder);
	if (!source_maybe_json(fetched, name, &list, err))
		return false;
	json_array_foreach(list, i, entry) {
		const char *type = text_of(entry, "type"), *path = text_of(entry, "path");
		if (type && !strcmp(type, "file") && path && !strstr(path, "/imjournal.state"))
			bytes += json_integer_value(json_object_get(entry, "size"));
	}
	*ret_bytes = bytes;
	return true;
}

static bool finish_row(json_t *row, const json_t *with, const struct sources *fetched,
		       const struct forwarding *forwarding, struct err *err) {
	struct service service;
	int64_t bytes;
	if (!service_read(fetched, text_of(row, "unit"), &service, err) || !add_approval(row, with, err))
		return false;
	row_bool(row, "forwards", true);
	row_bool(row, "active", service.is_active);
	row_bool(row, "enabled", service.is_enabled);
	row_bool(row, "current",
		 service.is_active && service.started > 0 && service.started >= changed_at(fetched, forwarding->files));
	if (!param_bool(with, "spool", false) || strcmp(text_of(row, "shipper"), "rsyslog") != 0)
		return true;
	if (!spooled(fetched, forwarding->spool, &bytes, err))
		return false;
	row_int(row, "spool_bytes", bytes);
	return true;
}

static bool sends_away(const json_t *actions) {
	const json_t *action;
	size_t i;
	json_array_foreach(actions, i, action) if (!json_is_true(json_object_get(action, "local"))) return true;
	return false;
}

/* That nothing is sent anywhere is said only where nothing runs whose configuration is not read here. */
static bool is_told(const struct sources *fetched, const struct forwarding *forwarding, struct err *err) {
	if (sends_away(forwarding->actions))
		return true;
	if (forwarding->unread)
		return err_set(err, ERR_UNPROVED, "file:" RSYSLOG_CONF, "sends messages by %s, which is not read here",
			       forwarding->unread);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct service service;
		if (!service_read(fetched, others[i], &service, err))
			return false;
		if (service.is_active)
			return err_set(err, ERR_UNPROVED, "unit:", "%s runs, whose configuration is not read here",
				       others[i]);
	}
	return true;
}

/* rsyslogd -f takes another file than the one that is read here. Of a process that ended since nothing is known. */
static bool is_started_with_it(const struct sources *fetched, struct err *err) {
	CLEANUP(free_ptr) char *name = words_name(fetched);
	const struct source *source = NULL;
	if (!name)
		return true;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	const char *at = source ? buf_str(&source->bytes) : "", *end = at + (source ? source->bytes.len : 0);
	while (at < end) {
		const char *file = text_starts(at, "-f") ? at + 2 : NULL;
		at += strlen(at) + 1;
		if (file && !*file)
			file = at < end ? at : RSYSLOG_CONF;
		if (file && strcmp(file, RSYSLOG_CONF) != 0)
			return err_set(err, ERR_UNPROVED, name,
				       "rsyslogd was started with -f %.200s, which is not read here", file);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(forwarding_done) struct forwarding forwarding = {0};
	json_t *row;
	size_t i;
	if (!is_started_with_it(fetched, err) || !forwarding_read(fetched, NULL, &forwarding, err) ||
	    !is_told(fetched, &forwarding, err))
		return false;
	json_array_foreach(forwarding.actions, i,
			   row) if (!finish_row(row, with, fetched, &forwarding, err)) return false;
	if (json_array_size(forwarding.actions) == 0)
		row_bool(row_add(forwarding.actions), "forwards", false);
	ret_observation->rows = json_incref(forwarding.actions);
	return true;
}

const struct check check_forwarder = {
	.name = "forwarder",
	.about = "Where the host's logs are sent, and whether what sends them runs on the configuration that is on "
		 "disk.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};
