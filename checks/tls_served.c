/* What a TLS server serves: versions, the certificate that it shows, and whether that verifies. The look is an active
 * probe: without an approval it is not made. */
#include "core/check.h"
#include "core/row.h"
#include "core/served.h"

static const struct check_param params[] = {
	{.name = "target", .type = VALUE_STRING, .required = true, .about = "The server, HOST:PORT."},
	{.name = "sni",
	 .type = VALUE_STRING,
	 .about = "The name to ask for and to verify the certificate for; the target's host without it."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "The server that was asked."},
	SERVED_FIELDS,
	{0},
};

static const char *const patterns[] = {"tls:*", "now:", NULL};

static char *source_name(const json_t *with) {
	const char *sni = param_string(with, "sni", "");
	return xasprintf("tls:%s%s%s", param_string(with, "target", ""), *sni ? "?sni=" : "", sni);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *name = source_name(with);
	names_add(names, name);
	names_add(names, "now:");
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(free_ptr) char *name = source_name(with);
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *tls, *row = row_add(rows);
	int64_t now;
	if (!source_need_json(fetched, name, &tls, err) || !source_now(fetched, &now, err))
		return false;
	row_text(row, "target", param_string(with, "target", ""));
	if (!served_read(tls, now, name, row, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_served = {
	.name = "tls_served",
	.about = "Which versions of TLS a server speaks, and which certificate it shows: an active probe, made only "
		 "where "
		 "it was approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
