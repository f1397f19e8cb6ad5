/* The names that /etc/hosts answers for before any DNS server is asked. */
#include "core/check.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/resolv.h"
#include "core/row.h"
#include "core/text.h"

#define HOSTS "file:/etc/hosts"
#define HOST_NAME "file:/proc/sys/kernel/hostname"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "name", .type = VALUE_STRING, .about = "The name that is answered for, in lower case."},
	{.name = "address", .type = VALUE_STRING, .about = "The answer."},
	{.name = "blocks",
	 .type = VALUE_BOOL,
	 .about = "Whether the answer is this host itself or no address: it leads nowhere, as block lists do."},
	{.name = "standard",
	 .type = VALUE_BOOL,
	 .about = "Whether the name is one that every host has: localhost, the ip6-* names, the host's own name."},
	{0},
};

static const char *const patterns[] = {HOSTS, HOST_NAME, ETC_SOURCE, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, HOSTS);
	names_add(names, HOST_NAME);
	names_add(names, ETC_SOURCE);
}

/* DNS names have no case: only ASCII letters fold. */
static void fold(char *text) {
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

static bool is_usual(const char *name) {
	static const char *const usual[] = {"localhost",
					    "localhost.localdomain",
					    "localhost4",
					    "localhost6",
					    "broadcasthost",
					    "ip6-localhost",
					    "ip6-loopback",
					    "ip6-localnet",
					    "ip6-mcastprefix",
					    "ip6-allnodes",
					    "ip6-allrouters",
					    "ip6-allhosts",
					    "localhost4.localdomain4",
					    "localhost6.localdomain6"};
	return text_is_one_of(name, usual, ARRAY_LEN(usual));
}

/* The host's name, bare or whole; the whole one with any domain only beside the bare one, as installers write it: a
 * host named www does not own every www.DOMAIN. */
static bool is_own(const char *name, const char *own, bool has_bare) {
	size_t len = strcspn(own, ".");
	if (len == 0 || strncmp(name, own, len) != 0)
		return false;
	return name[len] == '\0' || !strcmp(name, own) || (has_bare && name[len] == '.');
}

static bool own_name(const struct sources *fetched, char **ret_name, struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, HOST_NAME, &source, err))
		return false;
	char *name = xstrdup(source ? buf_str(&source->bytes) : "");
	memmove(name, text_trim(name), strlen(text_trim(name)) + 1);
	fold(name);
	*ret_name = name;
	return true;
}

static bool names_bare(const char *names, const char *own) {
	CLEANUP(free_ptr) char *copy = xstrdup(names);
	char *rest = copy, *name;
	size_t len = strcspn(own, ".");
	while ((name = text_word(&rest)))
		if (strlen(name) == len && !strncmp(name, own, len))
			return true;
	return false;
}

/* "10.1.2.3 name alias # comment" */
static void add_line(char *line, const char *own, json_t *rows) {
	line[strcspn(line, "#")] = '\0';
	fold(line);
	char *address = text_word(&line), *name;
	bool has_bare = address && names_bare(line, own);
	while (address && (name = text_word(&line))) {
		json_t *row = row_add(rows);
		row_text(row, "name", name);
		row_text(row, "address", address);
		row_bool(row, "blocks", resolv_is_loopback(address));
		row_bool(row, "standard", is_usual(name) || is_own(name, own, has_bare));
	}
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	const struct source *source = NULL;
	CLEANUP(free_ptr) char *own = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!etc_maybe(fetched, HOSTS, &source, err) || !own_name(fetched, &own, err))
		return false;
	CLEANUP(lines_done)
	struct lines lines = lines_over(HOSTS, source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	char *line;
	while ((line = lines_next(&lines)))
		add_line(text_trim(line), own, rows);
	if (!lines_ok(&lines, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_hosts = {
	.name = "hosts",
	.about = "The names that /etc/hosts answers for before any DNS server is asked.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
