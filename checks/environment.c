/* Whether the environment that this host says it belongs to is the one that its name and its addresses speak of. */
#include <fnmatch.h>

#include "core/addresses.h"
#include "core/check.h"
#include "core/etc.h"
#include "core/row.h"
#include "core/text.h"
#include "core/yaml.h"

#define USUAL "file:/etc/vouch/vouchd.yaml"
#define OWN "file:" VOUCH_SYSCONFDIR "/vouchd.yaml"
#define HOST_NAME "file:/proc/sys/kernel/hostname"

static const struct check_param params[] = {
	{"environments", VALUE_STRINGS, true,
	 "What belongs to which: \"prod host web*.prod.example\", \"prod net 10.1.0.0/16\"; of networks that hold one "
	 "another the smallest counts."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "signal", .type = VALUE_STRING, .about = "label (what vouchd.yaml says), host or address."},
	{.name = "value",
	 .type = VALUE_STRING,
	 .about = "The label, the host's name, or one of its addresses.",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "environments", .type = VALUE_STRINGS, .about = "Which environments it speaks of, as declared."},
	{.name = "agrees", .type = VALUE_BOOL, .about = "Whether the label is among them."},
	{.name = "contradicts", .type = VALUE_BOOL, .about = "Whether it speaks of others, and not of the label's."},
	{0},
};

static const char *const patterns[] = {OWN,        USUAL, ADDRESSES_IPV4_SOURCE, ADDRESSES_IPV6_SOURCE, HOST_NAME,
				       ETC_SOURCE, NULL};

/* One member of `environments`: "prod net 10.1.0.0/16"; the words lie in text. */
struct entry {
	char *text;
	const char *environment, *kind, *value;
};

static void entry_done(struct entry *entry) { free(entry->text); }

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; patterns[i]; i++)
		names_add(names, patterns[i]);
}

/* False behind the end, or where it is no such entry (*err is set then). */
static bool entry_at(const json_t *with, size_t index, struct entry *ret_entry, struct err *err) {
	struct network network;
	const char *text = param_strings_at(with, "environments", index);
	err->code = ERR_NONE;
	if (!text)
		return false;
	struct entry entry = {.text = xstrdup(text)};
	char *rest = entry.text;
	entry.environment = text_word(&rest);
	entry.kind = text_word(&rest);
	entry.value = text_word(&rest);
	bool is_host = entry.kind && !strcmp(entry.kind, "host"), is_net = entry.kind && !strcmp(entry.kind, "net");
	if (!entry.value || text_word(&rest) || (!is_host && !is_net) ||
	    (is_net && !network_parse(entry.value, &network))) {
		entry_done(&entry);
		return err_set(err, ERR_MALFORMED, "environments",
			       "\"%s\" is not \"ENV host PATTERN\" or \"ENV net CIDR\"", text);
	}
	*ret_entry = entry;
	return true;
}

/* The label, "" where none is set. */
static bool read_label(const struct sources *fetched, char **ret_label, struct err *err) {
	const struct source *source = NULL;
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	if (!source_maybe(fetched, OWN, &source, err) || (!source && !etc_maybe(fetched, USUAL, &source, err)))
		return false;
	if (source && source->bytes.len > 0 &&
	    !yaml_read(source->bytes.data, source->bytes.len, source->name, &root, err)) {
		err->code = ERR_MALFORMED;
		return false;
	}
	const struct yaml *label = root && root->kind == YAML_MAPPING ? yaml_get(root, "environment") : NULL;
	*ret_label = xstrdup(label && label->kind == YAML_SCALAR ? label->text : "");
	return true;
}

static void add_once(json_t *list, const char *text) {
	size_t i;
	const json_t *other;
	json_array_foreach(list, i, other) {
		if (!strcmp(json_string_value(other), text))
			return;
	}
	json_array_append_new(list, json_text(text));
}

/* Which environments a label, a name or an address speaks of. */
static bool spoken_of(const json_t *with, const char *signal, const char *value, json_t *into, struct err *err) {
	unsigned best = 0;
	struct err ended;
	for (size_t i = 0;; i++) {
		CLEANUP(entry_done) struct entry entry = {0};
		struct network network;
		if (!entry_at(with, i, &entry, &ended))
			break;
		bool is_host = !strcmp(entry.kind, "host");
		if (!strcmp(signal, "label") && !strcmp(entry.environment, value))
			add_once(into, entry.environment);
		if (!strcmp(signal, "host") && is_host && fnmatch(entry.value, value, FNM_CASEFOLD) == 0)
			add_once(into, entry.environment);
		if (strcmp(signal, "address") != 0 || is_host || !network_parse(entry.value, &network) ||
		    !network_has(&network, value) || network.prefix < best)
			continue;
		if (network.prefix > best)
			json_array_clear(into);
		best = network.prefix;
		add_once(into, entry.environment);
	}
	if (ended.code)
		*err = ended;
	return !ended.code;
}

static bool add(json_t *rows, const json_t *with, const char *signal, const char *value, const char *label,
		struct err *err) {
	json_t *row = row_add(rows), *spoken = json_array();
	bool agrees = false;
	size_t i;
	const json_t *one;
	row_text(row, "signal", signal);
	row_text(row, "value", value);
	json_object_set_new(row, "environments", spoken);
	if (!spoken_of(with, signal, value, spoken, err))
		return false;
	json_array_foreach(spoken, i, one) agrees |= !strcmp(json_string_value(one), label);
	row_bool(row, "agrees", agrees);
	row_bool(row, "contradicts", !agrees && json_array_size(spoken) > 0);
	return true;
}

static bool add_host(json_t *rows, const json_t *with, const struct sources *fetched, const char *label,
		     struct err *err) {
	const struct source *source = NULL;
	if (!source_need(fetched, HOST_NAME, &source, err))
		return false;
	CLEANUP(free_ptr) char *name = xstrndup(source->bytes.data ? source->bytes.data : "", source->bytes.len);
	name[strcspn(name, "\n")] = '\0';
	return add(rows, with, "host", name, label, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *addresses = NULL;
	CLEANUP(free_ptr) char *label = NULL;
	size_t i;
	const json_t *address;
	if (!read_label(fetched, &label, err) || !add(rows, with, "label", label, label, err) ||
	    !add_host(rows, with, fetched, label, err) || !addresses_need(fetched, &addresses, err))
		return false;
	json_array_foreach(addresses, i, address) {
		if (!add(rows, with, "address", json_string_value(address), label, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_environment = {
	.name = "environment",
	.about = "The environment that this host is labelled with, beside what its name and addresses speak of.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
