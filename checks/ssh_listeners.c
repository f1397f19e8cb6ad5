/* Which algorithms each SSH server of this host offers: active probes. */
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"

static const struct check_param params[] = {LISTENERS_PARAMS, {0}};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "unit", .type = VALUE_STRING, .about = "The unit that it belongs to; not there where none does."},
	{.name = "banner", .type = VALUE_STRING, .about = "How it names itself."},
	{.name = "kex",
	 .type = VALUE_STRINGS,
	 .about = "Key exchanges that it offers, without the markers among them."},
	{.name = "strict_kex",
	 .type = VALUE_BOOL,
	 .about = "Whether it offers strict key exchange, which CVE-2023-48795 made necessary."},
	{.name = "host_keys", .type = VALUE_STRINGS, .about = "Signatures of its host keys."},
	{.name = "ciphers", .type = VALUE_STRINGS, .about = "Ciphers, of either direction."},
	{.name = "macs", .type = VALUE_STRINGS, .about = "Message authentication codes, of either direction."},
	{.name = "problem", .type = VALUE_STRING, .about = "Why nothing is known of it."},
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS, "ssh:*", NULL};

static bool is_ssh(const json_t *listener) {
	const char *service = json_string_value(json_object_get(listener, "service"));
	return service && !strcmp(service, "ssh") && !json_object_get(listener, "declared");
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *listener;
	struct err ignored;
	size_t i;
	listeners_ask(with, fetched, names);
	if (!listeners_read(with, fetched, &list, &ignored))
		return;
	json_array_foreach(list, i, listener) if (is_ssh(listener))
		names_addf(names, "ssh:%s", json_string_value(json_object_get(listener, "target")));
}

static bool has(const json_t *row, const char *field, const char *text) {
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(row, field), i,
			   item) if (!strcmp(json_string_value(item), text)) return true;
	return false;
}

/* Names that are no algorithms but say what a side can do (RFC 8308 2.1; OpenSSH's PROTOCOL 1.9). */
static bool is_marker(const char *name) {
	return !strcmp(name, "ext-info-s") || !strcmp(name, "kex-strict-s-v00@openssh.com");
}

static bool read_list(const json_t *ssh, const char *member, const char *field, const char *where, json_t *row,
		      struct err *err) {
	json_t *names, *name;
	size_t i;
	if (!json_get_array(ssh, member, where, &names, err))
		return false;
	if (!json_object_get(row, field))
		json_object_set_new(row, field, json_array());
	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);
		if (!text)
			return err_set(err, ERR_MALFORMED, where, "an algorithm that is no text");
		if (!is_marker(text) && !has(row, field, text))
			row_text_append(row, field, text);
		if (!strcmp(text, "kex-strict-s-v00@openssh.com"))
			row_bool(row, "strict_kex", true);
	}
	return true;
}

static bool add_row(const json_t *listener, const struct sources *fetched, json_t *rows, struct err *err) {
	const char *target = json_string_value(json_object_get(listener, "target"));
	const json_t *problem = json_object_get(listener, "heard") ? NULL : json_object_get(listener, "problem");
	CLEANUP(free_ptr) char *name = xasprintf("ssh:%s", target);
	json_t *ssh;
	if (!is_ssh(listener) && !problem)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "target", target);
	row_text(row, "unit", json_string_value(json_object_get(listener, "unit")));
	row_text(row, "problem", json_string_value(problem));
	if (!is_ssh(listener))
		return true;
	if (!source_need_json(fetched, name, &ssh, err))
		return listener_problem(err, row);
	row_text(row, "banner", json_string_value(json_object_get(ssh, "banner")));
	row_bool(row, "strict_kex", false);
	return read_list(ssh, "kex", "kex", name, row, err) &&
	       read_list(ssh, "host_keys", "host_keys", name, row, err) &&
	       read_list(ssh, "ciphers_c2s", "ciphers", name, row, err) &&
	       read_list(ssh, "ciphers_s2c", "ciphers", name, row, err) &&
	       read_list(ssh, "macs_c2s", "macs", name, row, err) && read_list(ssh, "macs_s2c", "macs", name, row, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *listener;
	size_t i;
	if (!listeners_read(with, fetched, &list, err))
		return false;
	json_array_foreach(list, i, listener) if (!add_row(listener, fetched, rows, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_ssh_listeners = {
	.name = "ssh_listeners",
	.about = "Which algorithms each SSH server of this host offers: active probes, made only where they were "
		 "approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
