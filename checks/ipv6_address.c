/* The addresses of IPv6 that this host has. */
#include "core/check.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define ADDRESSES "file:/proc/net/if_inet6"
#define DEVICES "file:/proc/net/dev" /* it is there whether IPv6 is or not */

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "interface", .type = VALUE_STRING, .about = "The interface."},
	{.name = "scope", .type = VALUE_STRING, .about = "host, link, site, or global (unique local ones as well)."},
	{0},
};

static const char *const patterns[] = {ADDRESSES, DEVICES, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, ADDRESSES);
	names_add(names, DEVICES);
}

/* "20010db8... 02 40 00 80 eth0": address, index, prefix, scope, flags, name. The address itself may be made anew each
 * day and is nobody's business. */
static bool read_line(char *line, json_t *rows) {
	static const struct {
		const char *code, *name;
	} scopes[] = {{"00", "global"}, {"10", "host"}, {"20", "link"}, {"40", "site"}};
	char *words[6], *rest = line;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!(words[i] = text_word(&rest)))
			return false;
	if (strlen(words[0]) != 32 || text_word(&rest))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		if (strcmp(words[3], scopes[i].code) != 0)
			continue;
		json_t *row = row_add(rows);
		row_text(row, "interface", words[5]);
		row_text(row, "scope", scopes[i].name);
		return true;
	}
	return false;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *source, *devices;
	if (!source_maybe(fetched, DEVICES, &devices, err) || !source_maybe(fetched, ADDRESSES, &source, err))
		return false;
	if (!devices)
		return err_set(err, ERR_UNPROVED, DEVICES, "no /proc here to see the network's interfaces in");
	CLEANUP(lines_done)
	struct lines lines = lines_over(ADDRESSES, source ? source->bytes.data : "", source ? source->bytes.len : 0);
	char *line;
	while ((line = lines_next(&lines)))
		if (!read_line(line, rows))
			return err_set_at(err, ERR_MALFORMED, ADDRESSES, lines.number, 0, "not an address of IPv6");
	if (!lines_ok(&lines, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_ipv6_address = {
	.name = "ipv6_address",
	.about = "The interfaces that have addresses of IPv6, and of which scope.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
