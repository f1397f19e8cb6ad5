/* Packages as dpkg and rpm have them. */
#include "core/check.h"
#include "core/dnf.h"
#include "core/dpkg.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/rpm.h"
#include "core/setting.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"names", VALUE_STRINGS, false, "Only these, with a row for one that is not there; default: all that are."},
	{"held", VALUE_BOOL, false, "true: only packages that are held back. Default false."},
	{"broken", VALUE_BOOL, false, "true: only packages in a state between. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"name", VALUE_STRING, NULL, "The package.", PRIVACY_PUBLIC, false},
	{"architecture", VALUE_STRING, NULL, "Its architecture.", PRIVACY_PUBLIC, false},
	{"version", VALUE_STRING, NULL, "Its version.", PRIVACY_PUBLIC, false},
	{"source", VALUE_STRING, NULL, "The source package, when it has another name.", PRIVACY_PUBLIC, false},
	{"installed", VALUE_BOOL, NULL, "Whether it is installed and configured.", PRIVACY_PUBLIC, false},
	{"state", VALUE_STRING, NULL, "installed, half-installed, unpacked, half-configured, triggers-pending, ...",
	 PRIVACY_PUBLIC, false},
	{"held", VALUE_BOOL, NULL, "Whether upgrades are held back.", PRIVACY_PUBLIC, false},
	{"broken", VALUE_BOOL, NULL, "Whether it is in a state between or needs reinstalling.", PRIVACY_PUBLIC, false},
	{"purl", VALUE_STRING, NULL, "The package URL that vulnerability databases know it by.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {DPKG_STATUS,
				       RPMDB,
				       "file:/etc/os-release",
				       DNF_CONF,
				       "file:/etc/dnf/plugins/versionlock.list",
				       "file:/etc/dnf/versionlock.toml",
				       NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, DPKG_STATUS);
	names_add(names, RPMDB);
	names_add(names, "file:/etc/os-release");
	if (sources_get(fetched, RPMDB) && !sources_get(fetched, RPMDB)->err.code)
		dnf_locks_ask(names);
}

struct look {
	const json_t *with;
	json_t *rows;
	char *distribution; /* the namespace of package URLs, NULL when os-release does not say */
};

static bool is_named(const json_t *with, struct dpkg_text name) {
	const char *wanted;
	if (!json_object_get(with, "names"))
		return true;
	for (size_t i = 0; (wanted = param_strings_at(with, "names", i)); i++)
		if (is_dpkg_text(name, wanted))
			return true;
	return false;
}

/* pkg:deb/debian/openssl@3.0.15-1~deb12u1?arch=amd64 (package-url specification, "deb" and "rpm"). */
static void add_purl(json_t *row, const struct look *look, const char *type, const char *name, const char *version,
		     const char *architecture, const json_t *epoch) {
	CLEANUP(buf_done) struct buf purl = {0};
	if (!look->distribution || !version || !architecture)
		return;
	buf_addf(&purl, "pkg:%s/%s/%s@", type, look->distribution, name);
	for (const char *p = version; *p; p++)
		buf_addf(&purl, strchr("+:^", *p) ? "%%%02X" : "%c", *p);
	buf_addf(&purl, "?arch=%s", architecture);
	if (epoch)
		buf_addf(&purl, "&epoch=%lld", (long long)json_integer_value(epoch));
	row_text(row, "purl", buf_str(&purl));
}

static bool is_broken(const struct dpkg_package *package) {
	return !is_dpkg_text(package->flag, "ok") || !is_dpkg_text(package->state, "installed");
}

static bool take(void *context, const struct dpkg_package *package, struct err *err) {
	struct look *look = context;
	bool held = is_dpkg_text(package->want, "hold"), broken = is_broken(package);
	if (!is_dpkg_present(package) || !is_named(look->with, package->name) ||
	    (param_bool(look->with, "held", false) && !held) || (param_bool(look->with, "broken", false) && !broken))
		return true;
	CLEANUP(free_ptr) char *name = dpkg_text_dup(package->name);
	CLEANUP(free_ptr) char *version = dpkg_text_dup(package->version);
	CLEANUP(free_ptr) char *architecture = dpkg_text_dup(package->architecture);
	CLEANUP(free_ptr) char *source = dpkg_text_dup(package->source);
	CLEANUP(free_ptr) char *state = dpkg_text_dup(package->state);
	json_t *row = row_add(look->rows);
	row_text(row, "name", name);
	row_text(row, "architecture", architecture);
	row_text(row, "version", version);
	row_text(row, "source", source);
	row_bool(row, "installed", is_dpkg_text(package->state, "installed"));
	row_text(row, "state", state);
	row_bool(row, "held", held);
	row_bool(row, "broken", broken);
	add_purl(row, look, "deb", name, version, architecture, NULL);
	return true;
}

/* One that the rpm database lists is installed: rpm has no states between. */
static void add_rpm(struct look *look, const json_t *package, struct names *locks) {
	const char *name = json_string_value(json_object_get(package, "name"));
	const char *architecture = json_string_value(json_object_get(package, "arch"));
	const char *release = json_string_value(json_object_get(package, "release"));
	const json_t *epoch = json_object_get(package, "epoch");
	bool held = is_dnf_locked(locks, package);
	/* A key that rpm keeps among the packages is none. */
	if (!strcmp(name, "gpg-pubkey") || !is_named(look->with, (struct dpkg_text){name, strlen(name)}) ||
	    (param_bool(look->with, "held", false) && !held) || param_bool(look->with, "broken", false))
		return;
	CLEANUP(free_ptr) char *version = rpm_package_version(package);
	CLEANUP(free_ptr)
	char *plain = xasprintf("%s-%s", json_string_value(json_object_get(package, "version")), release);
	json_t *row = row_add(look->rows);
	row_text(row, "name", name);
	row_text(row, "architecture", architecture);
	row_text(row, "version", version);
	row_bool(row, "installed", true);
	row_text(row, "state", "installed");
	row_bool(row, "held", held);
	row_bool(row, "broken", false);
	add_purl(row, look, "rpm", name, plain, architecture, epoch);
}

/* *ret_count: how many the rpm database has. */
static bool read_rpm(const struct sources *fetched, struct look *look, size_t *ret_count, struct err *err) {
	json_t *list = NULL, *package;
	size_t i;
	CLEANUP(names_free_p) struct names *locks = names_new();
	if (!source_maybe_json(fetched, RPMDB, &list, err) || (list && !dnf_locks_read(fetched, locks, err)))
		return false;
	json_array_foreach(list, i, package) add_rpm(look, package, locks);
	*ret_count = json_array_size(list);
	return true;
}

/* A host of one family may have the tools of the other, and then an empty database of it. */
static bool read_dpkg(const struct sources *fetched, struct look *look, bool has_rpm, struct err *err) {
	const struct source *status = NULL;
	if (has_rpm && !source_maybe(fetched, DPKG_STATUS, &status, err))
		return false;
	if (has_rpm && (!status || status->bytes.len == 0))
		return true;
	return source_need(fetched, DPKG_STATUS, &status, err) && dpkg_status_read(status, take, look, err);
}

/* A named package that the database does not have on disk is a row too. */
static void add_missing(const struct look *look) {
	const char *wanted;
	for (size_t i = 0; (wanted = param_strings_at(look->with, "names", i)); i++) {
		json_t *row;
		size_t k;
		bool found = false;
		json_array_foreach(look->rows, k, row) found =
			found || !strcmp(json_string_value(json_object_get(row, "name")), wanted);
		if (found || param_bool(look->with, "held", false) || param_bool(look->with, "broken", false))
			continue;
		row = row_add(look->rows);
		row_text(row, "name", wanted);
		row_bool(row, "installed", false);
	}
}

static bool read_distribution(const struct sources *fetched, char **ret_id, struct err *err) {
	const struct source *source;
	char *line, *key, *value;
	if (!source_maybe(fetched, "file:/etc/os-release", &source, err))
		return false;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	while ((line = lines_next(&lines)))
		if (setting_split(line, '=', "#", &key, &value) && !strcmp(key, "ID")) {
			free(*ret_id);
			value = setting_unquote(value);
			*ret_id = text_percent_encode(!strcmp(value, "rhel") ? "redhat" : value);
		}
	return lines_ok(&lines, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(free_ptr) char *distribution = NULL;
	size_t rpms = 0;
	if (!read_distribution(fetched, &distribution, err))
		return false;
	struct look look = {with, rows, distribution};
	if (!read_rpm(fetched, &look, &rpms, err) || !read_dpkg(fetched, &look, rpms > 0, err))
		return false;
	add_missing(&look);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_package = {
	.name = "package",
	.about = "Packages as dpkg and rpm have them: version, state, whether they are held back.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
