/* Whether the firmware checked what it started, and whether the kernel keeps root out of itself: what is in force, not
 * what the machine could do. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define FIRMWARE "dir:/sys/firmware"
#define VARIABLES "dir:/sys/firmware/efi/efivars"
#define LOCKDOWN "file:/sys/kernel/security/lockdown"
#define SECURITY "dir:/sys/kernel/security"
#define VARIABLE(name) "file:/sys/firmware/efi/efivars/" name
/* UEFI Specification 2.10, 3.3 "Globally Defined Variables"; the last is shim's. */
#define SECURE_BOOT VARIABLE("SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
#define SETUP_MODE VARIABLE("SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c")
#define SHIM_OFF VARIABLE("MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23")

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "firmware",
	 .type = VALUE_STRING,
	 .about = "uefi, or other (a BIOS, a hypervisor that starts the kernel itself)."},
	{.name = "secure_boot", .type = VALUE_BOOL, .about = "Whether the firmware checked signatures at this boot."},
	{.name = "setup_mode", .type = VALUE_BOOL, .about = "Whether anybody may replace the firmware's keys."},
	{.name = "shim_off", .type = VALUE_BOOL, .about = "Whether shim was told to start what is not signed."},
	{.name = "lockdown", .type = VALUE_STRING, .about = "The kernel's lockdown: none, integrity, confidentiality."},
	{0},
};

static const char *const patterns[] = {FIRMWARE, VARIABLES, SECURE_BOOT, SETUP_MODE,
				       SHIM_OFF, LOCKDOWN,  SECURITY,    NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; patterns[i]; i++)
		names_add(names, patterns[i]);
}

/* Four bytes of attributes, then the value's one byte; a variable that is not there is off. */
static bool add_variable(const struct sources *fetched, const char *name, json_t *row, const char *field,
			 struct err *err) {
	const struct source *variable;
	if (!source_maybe(fetched, name, &variable, err))
		return false;
	if (variable && variable->bytes.len != 5)
		return err_set(err, ERR_MALFORMED, name, "%zu bytes, where 5 are due", variable->bytes.len);
	row_bool(row, field, variable && variable->bytes.data[4] == 1);
	return true;
}

static bool add_variables(const struct sources *fetched, json_t *row, struct err *err) {
	json_t *variables;
	if (!source_maybe_json(fetched, VARIABLES, &variables, err))
		return false;
	if (json_array_size(variables) == 0)
		return err_set(err, ERR_UNPROVED, VARIABLES, "efivarfs is not mounted here");
	return add_variable(fetched, SECURE_BOOT, row, "secure_boot", err) &&
	       add_variable(fetched, SETUP_MODE, row, "setup_mode", err) &&
	       add_variable(fetched, SHIM_OFF, row, "shim_off", err);
}

/* "none [integrity] confidentiality" */
static bool add_lockdown(const struct sources *fetched, json_t *row, struct err *err) {
	const struct source *lockdown;
	json_t *security;
	if (!source_maybe(fetched, LOCKDOWN, &lockdown, err))
		return false;
	/* Without the file the kernel has no lockdown, if securityfs is there to show it. */
	if (!lockdown) {
		if (!source_maybe_json(fetched, SECURITY, &security, err))
			return false;
		if (json_array_size(security) == 0)
			return err_set(err, ERR_UNPROVED, LOCKDOWN, "securityfs is not mounted here");
		row_text(row, "lockdown", "none");
		return true;
	}
	const char *start = strchr(buf_str(&lockdown->bytes), '['), *end = start ? strchr(start, ']') : NULL;
	if (!end)
		return err_set(err, ERR_MALFORMED, LOCKDOWN, "none of its words is in brackets");
	CLEANUP(free_ptr) char *mode = xstrndup(start + 1, (size_t)(end - start - 1));
	row_text(row, "lockdown", mode);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *row = json_object();
	json_t *firmware, *entry;
	bool is_uefi = false;
	size_t i;
	if (!source_maybe_json(fetched, FIRMWARE, &firmware, err))
		return false;
	if (!firmware)
		return err_set(err, ERR_UNPROVED, FIRMWARE, "no /sys here to see the firmware in");
	json_array_foreach(firmware, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		is_uefi |= name && !strcmp(name, "efi");
	}
	row_text(row, "firmware", is_uefi ? "uefi" : "other");
	if (!is_uefi)
		row_bool(row, "secure_boot", false);
	if ((is_uefi && !add_variables(fetched, row, err)) || !add_lockdown(fetched, row, err))
		return false;
	ret_observation->rows = json_pack("[O]", row);
	return true;
}

const struct check check_secure_boot = {
	.name = "secure_boot",
	.about = "Whether the firmware checked what it started, and the kernel's lockdown.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
