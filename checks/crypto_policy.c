/* What the system-wide configuration of cryptography demands of programs that do not choose for themselves. */
#include <ctype.h>

#include "core/check.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/openssl_conf.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define POLICY "file:/etc/crypto-policies/state/current"
#define CONFIGURED "file:/etc/crypto-policies/config"
#define GNUTLS "file:/etc/gnutls/config"
#define FIPS "file:/proc/sys/crypto/fips_enabled"
#define PROOF "file:/proc/sys/kernel/ostype"

static const struct check_param params[] = {
	{.name = "kernel",
	 .type = VALUE_BOOL,
	 .about = "The kernel's FIPS mode matters: where no kernel can be seen the look is unproved. Default false."},
	{0},
};

/* Where distributions put the library of OpenSSL 3. */
static const char *const libraries[] = {"stat:/usr/lib/x86_64-linux-gnu/libssl.so.3",
					"stat:/usr/lib/aarch64-linux-gnu/libssl.so.3", "stat:/usr/lib64/libssl.so.3",
					"stat:/usr/lib/libssl.so.3", "stat:/lib64/libssl.so.3"};

static const struct check_field fields[] = {
	{.name = "min_protocol",
	 .type = VALUE_STRING,
	 .about = "MinProtocol of OpenSSL's system default for TLS, as TLSv1.2; not there: the library's own default."},
	{.name = "security_level",
	 .type = VALUE_INT,
	 .about = "@SECLEVEL in the cipher string of that system default; not there: the library's own default."},
	{.name = "crypto_policy",
	 .type = VALUE_STRING,
	 .about = "The policy in force of crypto-policies (Fedora, RHEL), as DEFAULT or FUTURE; not there without it."},
	{.name = "applied",
	 .type = VALUE_BOOL,
	 .about = "Whether that is the one that its configuration asks for; not there without crypto-policies."},
	{.name = "gnutls_disabled",
	 .type = VALUE_STRINGS,
	 .about = "Versions that GnuTLS's system-wide configuration takes away, as tls1.0; not there without one: the "
		  "library's own default."},
	{.name = "fips_kernel",
	 .type = VALUE_BOOL,
	 .about = "Whether the kernel runs in FIPS mode; not there where no kernel can be seen."},
	{.name = "fips_openssl",
	 .type = VALUE_BOOL,
	 .about = "Whether OpenSSL's configuration activates the FIPS provider and asks for it by default."},
	{.name = "oldest",
	 .type = VALUE_STRING,
	 .about =
		 "The oldest TLS that programs get which do not choose: MinProtocol, but never older than TLSv1.2 "
		 "where "
		 "OpenSSL 3 keeps a security level above 0, because it then refuses the signatures that TLS 1.1 needs; "
		 "not there: the library's build decides."},
	{0},
};

static const char *const patterns[] = {
	OPENSSL_CONF_PATTERNS,     FIPS, PROOF, ETC_SOURCE, GNUTLS, "stat:/usr/lib*/libssl.so.3",
	"stat:/lib64/libssl.so.3", NULL};

static void paths(const json_t *with, struct names *into) {
	static const char *const fixed[] = {POLICY,
					    CONFIGURED,
					    GNUTLS,
					    FIPS,
					    PROOF,
					    ETC_SOURCE,
					    "stat:/usr/lib*/libssl.so.3",
					    "stat:/lib64/libssl.so.3"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(into, fixed[i]);
	openssl_conf_paths(into);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err err;
	json_t *sections = NULL;
	names_add(names, POLICY);
	names_add(names, CONFIGURED);
	names_add(names, GNUTLS);
	names_add(names, FIPS);
	names_add(names, PROOF);
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++)
		names_add(names, libraries[i]);
	names_add(names, ETC_SOURCE);
	if (openssl_conf_need(fetched, names, &sections, &err))
		json_decref(sections);
}

/* Members may be prefixed to repeat them ("TLS.MinProtocol", "1.Options"), in any case; the last that speaks of TLS is
 * in force. */
static const char *last_of(const json_t *section, const char *command) {
	const char *name, *found = NULL;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)section, name, value) {
		const char *dot = strchr(name, '.'), *bare = dot ? dot + 1 : name;
		if (!strcasecmp(bare, command) && !text_starts(json_string_value(value), "DTLS"))
			found = json_string_value(value);
	}
	return found;
}

static void add_level(json_t *row, const char *ciphers) {
	static const char keyword[] = "@SECLEVEL=";
	const char *at = ciphers ? strstr(ciphers, keyword) : NULL;
	for (const char *next; at && (next = strstr(at + 1, keyword));)
		at = next; /* the last counts */
	if (at && isdigit((unsigned char)at[strlen(keyword)]))
		row_int(row, "security_level", at[strlen(keyword)] - '0');
}

static bool is_yes(const char *text) {
	return text &&
	       (!strcmp(text, "1") || !strcasecmp(text, "yes") || !strcasecmp(text, "true") || !strcasecmp(text, "on"));
}

static bool has_fips(const json_t *sections, const char *init) {
	const char *providers = openssl_conf_value(sections, init, "providers");
	const char *provider = openssl_conf_value(sections, providers, "fips");
	const char *algorithms = openssl_conf_value(sections, init, "alg_section");
	const char *wanted = openssl_conf_value(sections, algorithms, "default_properties");
	return is_yes(openssl_conf_value(sections, provider, "activate")) && wanted && strstr(wanted, "fips=yes");
}

/* openssl_conf names a section, its ssl_conf another, its system_default the one that holds. */
static void add_openssl(json_t *row, const json_t *sections) {
	const char *init = openssl_conf_value(sections, "default", "openssl_conf");
	const char *ssl = openssl_conf_value(sections, init, "ssl_conf");
	const char *defaults = openssl_conf_value(sections, ssl, "system_default");
	const json_t *section = defaults ? json_object_get(sections, defaults) : NULL;
	row_text(row, "min_protocol", last_of(section, "MinProtocol"));
	add_level(row, last_of(section, "CipherString"));
	row_bool(row, "fips_openssl", has_fips(sections, init));
}

static bool has_openssl_3(const struct sources *fetched, bool *ret_has, struct err *err) {
	bool has = false;
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
		const struct source *library;
		if (!source_maybe(fetched, libraries[i], &library, err))
			return false;
		has |= library != NULL;
	}
	*ret_has = has;
	return true;
}

/* The security level is 1 in a plain build of OpenSSL 3 and 2 in Debian's, so one that is not set is above 0. All names
 * of what is older than TLS 1.2 are in the list; anything unknown is left for the policy to refuse. */
static void add_oldest(json_t *row, bool is_openssl_3) {
	static const char *const old[] = {"None", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"};
	const char *minimum = json_string_value(json_object_get(row, "min_protocol"));
	const json_t *level = json_object_get(row, "security_level");
	bool is_kept = is_openssl_3 && (!level || json_integer_value(level) > 0), is_old = !minimum;
	for (size_t i = 0; minimum && i < ARRAY_LEN(old); i++)
		is_old |= !strcasecmp(minimum, old[i]);
	row_text(row, "oldest", is_old && is_kept ? "TLSv1.2" : minimum);
}

/* The first line of a source, trimmed; NULL when it is absent. The caller frees. */
static bool first_line(const struct sources *fetched, const char *name, char **ret_line, struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	char *text = source ? xstrndup(buf_str(&source->bytes), strcspn(buf_str(&source->bytes), "\n")) : NULL;
	*ret_line = text ? xstrdup(text_trim(text)) : NULL;
	free(text);
	return true;
}

/* A kernel without FIPS has no such file; a folder without a kernel has none either, which says nothing. */
static bool add_kernel(json_t *row, const json_t *with, const struct sources *fetched, struct err *err) {
	CLEANUP(free_ptr) char *fips = NULL;
	const struct source *proof;
	if (!first_line(fetched, FIPS, &fips, err) || !source_maybe(fetched, PROOF, &proof, err))
		return false;
	if (fips || proof)
		row_bool(row, "fips_kernel", fips && !strcmp(fips, "1"));
	else if (param_bool(with, "kernel", false))
		return err_set(err, ERR_UNPROVED, PROOF, "no /proc here to see the kernel in");
	return true;
}

/* The first line that is no comment names the policy; without one it is DEFAULT (update-crypto-policies(8)). */
static bool add_applied(json_t *row, const struct sources *fetched, const char *policy, struct err *err) {
	const struct source *configured;
	const char *wanted = "DEFAULT";
	if (!source_maybe(fetched, CONFIGURED, &configured, err))
		return false;
	if (!policy || !configured)
		return true;
	CLEANUP(lines_done)
	struct lines lines = lines_over(CONFIGURED, configured->bytes.data, configured->bytes.len);
	CLEANUP(free_ptr) char *found = NULL;
	while (!found && lines_next(&lines)) {
		char *line = text_trim(lines.line);
		if (*line && *line != '#')
			found = xstrdup(line);
	}
	row_bool(row, "applied", !strcmp(found ? found : wanted, policy));
	return lines_ok(&lines, err);
}

/* GnuTLS manual, "System-wide configuration of the library": disabled-version under [overrides]. */
static bool add_gnutls(json_t *row, const struct sources *fetched, struct err *err) {
	const struct source *config;
	bool is_override = false;
	if (!source_maybe(fetched, GNUTLS, &config, err))
		return false;
	if (!config)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(GNUTLS, config->bytes.data, config->bytes.len);
	json_object_set_new(row, "gnutls_disabled", json_array());
	while (lines_next(&lines)) {
		char *key, *value, *section = setting_section(lines.line);
		if (section)
			is_override = !strcmp(section, "overrides");
		else if (is_override && setting_split(lines.line, '=', "#", &key, &value) &&
			 !strcasecmp(key, "disabled-version"))
			row_text_append(row, "gnutls_disabled", value);
	}
	return lines_ok(&lines, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *sections = NULL;
	CLEANUP(free_ptr) char *policy = NULL;
	CLEANUP(json_decref_p) json_t *row = json_object();
	const struct source *proof = NULL; /* that there is an /etc which may lack these files */
	if (!openssl_conf_need(fetched, NULL, &sections, err) || !etc_maybe(fetched, POLICY, &proof, err) ||
	    !first_line(fetched, POLICY, &policy, err) || !add_kernel(row, with, fetched, err))
		return false;
	bool is_openssl_3;
	if (!has_openssl_3(fetched, &is_openssl_3, err))
		return false;
	add_openssl(row, sections);
	add_oldest(row, is_openssl_3);
	row_text(row, "crypto_policy", policy);
	if (!add_applied(row, fetched, policy, err) || !add_gnutls(row, fetched, err))
		return false;
	ret_observation->rows = json_pack("[O]", row);
	return true;
}

const struct check check_crypto_policy = {
	.name = "crypto_policy",
	.about = "What the system-wide configuration of cryptography demands, and whether FIPS mode is consistent.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};
