#include "core/forwarding.h"

#include <ctype.h>

#include "core/dropin.h"
#include "core/etc.h"
#include "core/journald_conf.h"
#include "core/lines.h"
#include "core/resolv.h"
#include "core/row.h"
#include "core/rsyslog_conf.h"
#include "core/setting.h"
#include "core/text.h"

#define UPLOAD "systemd-journal-upload"
#define UPLOAD_CONF "file:/etc/systemd/journal-upload.conf"
#define HOSTS "file:/etc/hosts"
#define UPLOAD_PORT 19532
#define SYSLOG_PORT "514"
#define PORT_MOST 65535

static const char *const upload_folders[] = {"/etc/systemd/journal-upload.conf.d", "/run/systemd/journal-upload.conf.d",
					     "/usr/local/lib/systemd/journal-upload.conf.d",
					     "/usr/lib/systemd/journal-upload.conf.d", NULL};

void forwarding_done(struct forwarding *forwarding) {
	json_decref(forwarding->actions);
	names_free(forwarding->files);
	free(forwarding->unread);
	free(forwarding->spool);
	*forwarding = (struct forwarding){0};
}

void forwarding_paths(struct names *patterns) {
	rsyslog_conf_paths(patterns);
	journald_conf_paths(patterns);
	names_add(patterns, HOSTS);
	names_add(patterns, UPLOAD_CONF);
	names_add(patterns, ETC_SOURCE);
	dropins_paths(upload_folders, ".conf", patterns);
}

static void to_lower(char *text) {
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

bool is_local_host(const char *host) {
	static const char *const names[] = {"localhost", "localhost.localdomain", "ip6-localhost", "localhost."};
	CLEANUP(free_ptr) char *lower = xstrdup(host);
	to_lower(lower);
	return text_is_one_of(lower, names, ARRAY_LEN(names)) || resolv_is_loopback(host);
}

/* What everything that is sent from here depends on beside the shipper's own configuration. */
struct surroundings {
	json_t *own;     /* names that /etc/hosts has on loopback, in lower case */
	json_t *journal; /* {"ForwardToSyslog", "MaxLevelSyslog": as written}, of those that are set */
};

static void surroundings_done(struct surroundings *around) {
	json_decref(around->own);
	json_decref(around->journal);
}

/* The resolver takes these before it asks anybody. */
static bool read_hosts(const struct sources *fetched, json_t *own, struct err *err) {
	const struct source *source;
	if (!source_maybe(fetched, HOSTS, &source, err))
		return false;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines))) {
		char *name;
		line[strcspn(line, "#")] = '\0';
		const char *address = text_word(&line);
		while (address && resolv_is_loopback(address) && (name = text_word(&line))) {
			to_lower(name);
			json_object_set_new(own, name, json_true());
		}
	}
	return lines_ok(&lines, err);
}

static void take_setting(json_t *into, const char *key, const char *value, const char *file) {
	if (strcmp(key, "ForwardToSyslog") != 0 && strcmp(key, "MaxLevelSyslog") != 0)
		return;
	json_object_del(into, key);
	row_text(into, key, *value ? value : NULL);
}

static bool surroundings_read(const struct sources *fetched, struct names *names, struct surroundings *around,
			      struct err *err) {
	struct err ignored, *told = names ? &ignored : err;
	*around = (struct surroundings){json_object(), json_object()};
	if (names) {
		names_add(names, HOSTS);
		journald_conf_ask(fetched, names);
	}
	bool is_read = read_hosts(fetched, around->own, told) &&
		       journald_conf_read(fetched, take_setting, around->journal, told);
	return is_read || names;
}

static bool is_this_host(const struct surroundings *around, const char *target) {
	CLEANUP(free_ptr) char *lower = xstrdup(target);
	to_lower(lower);
	if (text_ends(lower, "."))
		lower[strlen(lower) - 1] = '\0';
	return is_local_host(target) || json_object_get(around->own, lower);
}

/* The value under the first of two names, or `otherwise`. */
static const char *value_of(const json_t *params, const char *name, const char *other, const char *otherwise) {
	const char *value = json_string_value(json_object_get(params, name));
	if (!value && other)
		value = json_string_value(json_object_get(params, other));
	return value ? value : otherwise;
}

static bool is_on(const char *value) { return value && (!strcasecmp(value, "on") || !strcmp(value, "1")); }

/* A list, or one text with commas. */
static void add_list(json_t *row, const char *field, const json_t *value) {
	const json_t *item;
	size_t i, len;
	for (const char *at = json_string_value(value); at && *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		CLEANUP(free_ptr) char *part = xstrndup(at, len);
		if (len > 0)
			row_text_append(row, field, text_trim(part));
	}
	json_array_foreach(value, i, item) row_text_append(row, field, json_string_value(item));
}

/* A peer that every name fits is none. */
static bool has_wildcard_peer(const json_t *row) {
	const json_t *peer;
	size_t i;
	json_array_foreach(json_object_get(row, "peers"), i,
			   peer) if (!strcmp(json_string_value(peer), "*")) return true;
	return false;
}

/* omfwd: the driver makes it TLS only in mode 1. Without an AuthMode the drivers take x509/name, and without permitted
 * peers the name that they connect to (nsd_gtls.c, nsd_ossl.c). The names with a point in between (streamdriver.mode)
 * are known to late versions alone; others pass over them and stay plain, so they do not count. */
static void add_stream(json_t *row, const json_t *params, const json_t *settings) {
	static const char *const drivers[] = {"gtls", "ossl", "mbedtls"};
	const char *driver =
		value_of(params, "streamdriver", NULL, value_of(settings, "defaultnetstreamdriver", NULL, "ptcp"));
	const char *mode = value_of(params, "streamdrivermode", NULL, "0");
	const char *auth = value_of(params, "streamdriverauthmode", NULL, "x509/name");
	bool is_tls = !strcmp(mode, "1") && text_is_one_of(driver, drivers, ARRAY_LEN(drivers));
	row_bool(row, "tls", is_tls);
	row_text(row, "driver", driver);
	row_bool(row, "verified", false);
	if (!is_tls)
		return;
	row_text(row, "auth", auth);
	add_list(row, "peers", json_object_get(params, "streamdriverpermittedpeers"));
	row_text(row, "ca_file",
		 value_of(params, "streamdriver.cafile", NULL,
			  value_of(settings, "defaultnetstreamdrivercafile", "netstreamdrivercafile", NULL)));
	bool has_print = !strcasecmp(auth, "x509/fingerprint") && json_object_get(row, "peers");
	row_bool(row, "verified", has_print || (!strcasecmp(auth, "x509/name") && !has_wildcard_peer(row)));
}

/* omrelp: names are checked against permitted peers alone. */
static void add_relp(json_t *row, const json_t *params) {
	const char *auth = value_of(params, "tls.authmode", NULL, "none");
	bool is_tls = is_on(value_of(params, "tls", NULL, "off"));
	row_bool(row, "tls", is_tls);
	row_bool(row, "verified", false);
	if (!is_tls)
		return;
	row_text(row, "auth", auth);
	add_list(row, "peers", json_object_get(params, "tls.permittedpeer"));
	row_text(row, "ca_file", value_of(params, "tls.cacert", NULL, NULL));
	bool is_strict = !strcasecmp(auth, "name") || !strcasecmp(auth, "fingerprint");
	row_bool(row, "verified", is_strict && json_object_get(row, "peers") && !has_wildcard_peer(row));
}

static void add_queue(json_t *row, const json_t *params) {
	const char *type = value_of(params, "queue.type", NULL, "direct");
	const char *retry = value_of(params, "action.resumeretrycount", NULL, "0");
	bool has_file = value_of(params, "queue.filename", "queue.spooldirectory", NULL) != NULL;
	unsigned long long count;
	row_text(row, "queue", type);
	row_bool(row, "queue_disk", has_file && strcasecmp(type, "direct") != 0);
	if (!strcmp(retry, "-1"))
		row_int(row, "retry", -1);
	else if (text_to_u64(retry, INT32_MAX, &count))
		row_int(row, "retry", (int64_t)count);
}

/* Actions that are not done for each message that comes to them. */
static void add_occasions(json_t *row, const json_t *params) {
	static const char *const counts[] = {"action.execonlyeverynthtime", "action.execonlyonceeveryinterval"};
	const char *selector = json_string_value(json_object_get(row, "selector"));
	bool is_seldom = is_on(value_of(params, "action.execonlywhenpreviousissuspended", NULL, NULL));
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		is_seldom |= strcmp(value_of(params, counts[i], NULL, "0"), "0") != 0;
	if (is_seldom)
		json_object_set_new(row, "selector", json_sprintf("%s & seldom", selector));
}

/* What journald does not pass on, rsyslogd has only where it reads the journal. */
static void add_taken(json_t *row, const struct rsyslog_conf *conf, const struct surroundings *around) {
	static const char *const off[] = {"no", "n", "false", "f", "off", "0"}, *const all[] = {"debug", "7"};
	const char *passes = value_of(around->journal, "ForwardToSyslog", NULL, "");
	const char *level = value_of(around->journal, "MaxLevelSyslog", NULL, "debug");
	bool is_passed = !text_is_one_of(passes, off, ARRAY_LEN(off));
	row_bool(row, "takes_local", conf->takes_journal || (conf->takes_local && is_passed));
	if (!conf->takes_journal && !text_is_one_of(level, all, ARRAY_LEN(all))) {
		CLEANUP(free_ptr) char *text = xasprintf("journald: MaxLevelSyslog=%s", level);
		row_text_append(row, "discarded", text);
	}
}

static bool add_target(const json_t *action, const struct rsyslog_conf *conf, const struct surroundings *around,
		       const char *target, struct forwarding *forwarding, struct err *err) {
	static const char *const copied[] = {"file", "line", "selector", "discarded"};
	const json_t *params = json_object_get(action, "params");
	const char *type = value_of(params, "type", NULL, ""), *port = value_of(params, "port", NULL, SYSLOG_PORT);
	CLEANUP(free_ptr) char *source = xasprintf("file:%s", value_of(action, "file", NULL, ""));
	unsigned long long number;
	if (*target == '`' || *port == '`')
		return err_set_at(err, ERR_UNPROVED, source,
				  (unsigned)json_integer_value(json_object_get(action, "line")), 0,
				  "takes its target from the environment of rsyslogd");
	json_t *row = row_add(forwarding->actions);
	row_text(row, "shipper", "rsyslog");
	row_text(row, "unit", "rsyslog.service");
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		json_object_set_new(row, copied[i], json_deep_copy(json_object_get(action, copied[i])));
	add_occasions(row, params);
	add_taken(row, conf, around);
	row_text(row, "target", target);
	row_bool(row, "local", is_this_host(around, target));
	if (text_to_u64(port, PORT_MOST, &number))
		row_int(row, "port", (int64_t)number);
	add_queue(row, params);
	const char *protocol = !strcmp(type, "omrelp") ? "relp" : value_of(params, "protocol", NULL, "udp");
	bool is_tcp = !strcasecmp(protocol, "tcp");
	row_text(row, "protocol", is_tcp ? "tcp" : !strcmp(protocol, "relp") ? "relp" : "udp");
	row_bool(row, "tls", false);
	row_bool(row, "verified", false);
	if (is_tcp)
		add_stream(row, params, conf->settings);
	else if (!strcmp(type, "omrelp"))
		add_relp(row, params);
	return true;
}

/* Modules that carry messages elsewhere, in ways that are not read here. */
static bool is_unread(const char *type) {
	static const char *const types[] = {"omkafka",      "omelasticsearch",  "omhttp",   "ommongodb",
					    "omhiredis",    "ommysql",          "ompgsql",  "omlibdbi",
					    "omamqp1",      "omrabbitmq",       "omgssapi", "omudpspoof",
					    "omclickhouse", "omazureeventhubs", "omczmq"};
	return text_is_one_of(type, types, ARRAY_LEN(types));
}

static bool add_action(const json_t *action, const struct rsyslog_conf *conf, const struct surroundings *around,
		       struct forwarding *forwarding, struct err *err) {
	const json_t *params = json_object_get(action, "params"), *target = json_object_get(params, "target"), *each;
	const char *type = value_of(params, "type", NULL, "");
	size_t i;
	if (is_unread(type)) {
		free(forwarding->unread);
		forwarding->unread = xstrdup(type);
	}
	if (strcmp(type, "omfwd") != 0 && strcmp(type, "omrelp") != 0)
		return true;
	json_array_foreach(target, i, each) if (!add_target(action, conf, around, json_string_value(each), forwarding,
							    err)) return false;
	const char *name =
		json_is_string(target) ? json_string_value(target) : value_of(params, "targetsrv", NULL, NULL);
	return json_is_array(target) || !name || add_target(action, conf, around, name, forwarding, err);
}

static bool read_rsyslog(const struct sources *fetched, struct names *names, const struct surroundings *around,
			 struct forwarding *forwarding, struct err *err) {
	CLEANUP(rsyslog_conf_done) struct rsyslog_conf conf = {0};
	const struct source *main_file;
	json_t *action;
	size_t i;
	if (names)
		names_add(names, ETC_SOURCE);
	else if (!etc_maybe(fetched, "file:" RSYSLOG_CONF, &main_file, err))
		return false;
	if (!rsyslog_conf_read(fetched, names, &conf, err))
		return false;
	json_array_foreach(conf.actions, i,
			   action) if (!add_action(action, &conf, around, forwarding, err)) return false;
	for (i = 0; i < names_count(conf.files); i++)
		names_add(forwarding->files, names_at(conf.files, i));
	forwarding->spool = xstrdup(value_of(conf.settings, "workdirectory", NULL, "/var/spool/rsyslog"));
	return true;
}

/* {"URL": value, ...} of [Upload]; an empty value takes a setting back. */
static bool read_settings(const struct source *source, json_t *settings, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value, *section;
	bool is_ours = false;
	while ((line = lines_next(&lines))) {
		if ((section = setting_section(line)))
			is_ours = !strcmp(section, "Upload");
		else if (setting_split(line, '=', "#;", &key, &value) && is_ours)
			row_text(settings, key, value);
		if (is_ours && json_object_get(settings, "URL") && !json_object_get(settings, "file"))
			row_text(settings, "file", source_path(source));
	}
	return lines_ok(&lines, err);
}

/* "https://host:port/path"; without a scheme it is https, without a port journal-upload's own. */
static void add_upload(json_t *actions, const json_t *settings, const struct surroundings *around, const char *url) {
	bool is_plain = text_starts(url, "http://"), is_named = is_plain || text_starts(url, "https://");
	const char *host = is_named ? strstr(url, "://") + 3 : url;
	const char *trust = value_of(settings, "TrustedCertificateFile", NULL, "/etc/ssl/ca/trusted.pem");
	bool is_bracketed = *host == '[';
	size_t len = strcspn(host + is_bracketed, is_bracketed ? "]/" : ":/");
	CLEANUP(free_ptr) char *target = xstrndup(host + is_bracketed, len);
	const char *behind = host + is_bracketed + len;
	behind += is_bracketed && *behind == ']';
	CLEANUP(free_ptr) char *port = *behind == ':' ? xstrndup(behind + 1, strcspn(behind + 1, "/")) : xstrdup("");
	unsigned long long number = UPLOAD_PORT;
	if (*port && !text_to_u64(port, PORT_MOST, &number))
		number = 0;
	bool is_unchecked = !strcmp(trust, "-") || !strcmp(trust, "all");
	json_t *row = row_add(actions);
	row_text(row, "shipper", UPLOAD);
	row_text(row, "unit", UPLOAD ".service");
	json_object_set(row, "file", json_object_get(settings, "file"));
	row_text(row, "selector", "*.*");
	json_object_set_new(row, "discarded", json_array());
	row_bool(row, "takes_local", true);
	row_text(row, "target", target);
	row_bool(row, "local", is_this_host(around, target));
	if (number)
		row_int(row, "port", (int64_t)number);
	row_text(row, "protocol", is_plain ? "http" : "https");
	row_bool(row, "tls", !is_plain);
	row_bool(row, "verified", !is_plain && !is_unchecked);
	row_text(row, "ca_file", is_plain || is_unchecked ? NULL : trust);
	row_text(row, "queue", "journal"); /* it goes on where it stopped */
	row_bool(row, "queue_disk", true);
	row_int(row, "retry", -1);
}

static bool read_upload_settings(const struct sources *fetched, json_t *settings, struct names *files,
				 struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	const struct source *main_file = NULL;
	if (!source_maybe(fetched, UPLOAD_CONF, &main_file, err) ||
	    (main_file && !read_settings(main_file, settings, err)) ||
	    !dropins_read(upload_folders, ".conf", fetched, &dropins, err))
		return false;
	if (main_file)
		names_add(files, main_file->name);
	for (size_t i = 0; i < dropins.count; i++) {
		if (!read_settings(dropins.files[i], settings, err))
			return false;
		names_add(files, dropins.files[i]->name);
	}
	return true;
}

static bool read_upload(const struct sources *fetched, struct names *names, const struct surroundings *around,
			struct forwarding *forwarding, struct err *err) {
	CLEANUP(json_decref_p) json_t *settings = json_object();
	struct err ignored;
	if (names) {
		names_add(names, UPLOAD_CONF);
		dropins_ask(upload_folders, ".conf", fetched, names);
	}
	if (!read_upload_settings(fetched, settings, forwarding->files, names ? &ignored : err))
		return names != NULL;
	const char *url = value_of(settings, "URL", NULL, "");
	if (*url)
		add_upload(forwarding->actions, settings, around, url);
	return true;
}

bool forwarding_read(const struct sources *fetched, struct names *names, struct forwarding *ret_forwarding,
		     struct err *err) {
	CLEANUP(surroundings_done) struct surroundings around;
	struct forwarding forwarding = {.actions = json_array(), .files = names_new()};
	bool is_read = surroundings_read(fetched, names, &around, err);
	is_read = (is_read || names) && read_rsyslog(fetched, names, &around, &forwarding, err) && is_read;
	is_read = (is_read || names) && read_upload(fetched, names, &around, &forwarding, err) && is_read;
	if (is_read)
		*ret_forwarding = forwarding;
	else
		forwarding_done(&forwarding);
	return is_read;
}
