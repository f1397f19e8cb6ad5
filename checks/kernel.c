/* Whether the kernel that runs is the newest one that is installed. */
#include "core/check.h"
#include "core/dpkg.h"
#include "core/row.h"
#include "core/rpm.h"
#include "core/text.h"

#define RELEASE "file:/proc/sys/kernel/osrelease"
#define VERSION "file:/proc/sys/kernel/version"
#define SIGNATURE "file:/proc/version_signature"
#define LIVEPATCH "dir:/sys/kernel/livepatch"
#define BOOT "dir:/boot"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"running", VALUE_STRING, NULL, "The release of the kernel that runs (uname -r).", PRIVACY_PUBLIC, false},
	{"running_version", VALUE_STRING, NULL, "The package version it was built from, where the kernel says so.",
	 PRIVACY_PUBLIC, false},
	{"packaged", VALUE_BOOL, NULL, "Whether an installed package brought a kernel of this release.", PRIVACY_PUBLIC,
	 false},
	{"newest", VALUE_STRING, NULL, "The release of the newest installed kernel package.", PRIVACY_PUBLIC, false},
	{"newest_version", VALUE_STRING, NULL, "Its package version.", PRIVACY_PUBLIC, false},
	{"unpackaged", VALUE_STRING, NULL,
	 "The newest release among /boot/vmlinuz-* that no installed package brought.", PRIVACY_PUBLIC, false},
	{"is_newest", VALUE_BOOL, NULL,
	 "Whether the running one is packaged and neither a package nor /boot holds a newer one, the same release "
	 "built anew included.",
	 PRIVACY_PUBLIC, false},
	{"livepatches", VALUE_STRINGS, NULL, "Live patches that are loaded; which faults they mend they do not say.",
	 PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {RELEASE, VERSION, SIGNATURE, LIVEPATCH, BOOT, DPKG_STATUS, RPMDB, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; patterns[i]; i++)
		names_add(names, patterns[i]);
}

struct kernels {
	const char *running;
	char *newest, *newest_version; /* of the packages; NULL: none is installed */
	char *running_package;         /* version of the package that brought the running release */
	char *unpackaged;              /* the newest of /boot */
	json_t *packaged;              /* {release: true} */
	bool is_rpm;                   /* packages are rpm's, where releases may end in "+flavour" */
};

static void kernels_done(struct kernels *kernels) {
	free(kernels->newest);
	free(kernels->newest_version);
	free(kernels->running_package);
	free(kernels->unpackaged);
	json_decref(kernels->packaged);
}

/* "linux-image-6.1.0-28-amd64" and "linux-image-unsigned-6.8.0-45-generic" bring a kernel; "linux-image-amd64" only
 * depends on one, "...-dbg" holds its symbols. */
static const char *release_of(const char *package) {
	static const char *const prefixes[] = {"linux-image-unsigned-", "linux-image-"};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts(package, prefixes[i])) {
			const char *release = package + strlen(prefixes[i]);
			bool is_kernel = *release >= '0' && *release <= '9' && !text_ends(release, "-dbg") &&
					 !text_ends(release, "-dbgsym");
			return is_kernel ? release : NULL;
		}
	return NULL;
}

static void replace(char **text, const char *with) {
	free(*text);
	*text = xstrdup(with);
}

/* Debian's unsigned image is "6.1.0-28-amd64-unsigned" and boots as "6.1.0-28-amd64". */
static char *release_dup(const char *package) {
	const char *release = release_of(package);
	if (!release)
		return NULL;
	size_t len = strlen(release);
	return xstrndup(release, text_ends(release, "-unsigned") ? len - strlen("-unsigned") : len);
}

static bool take_package(void *context, const struct dpkg_package *package, struct err *err) {
	struct kernels *kernels = context;
	CLEANUP(free_ptr) char *name = dpkg_text_dup(package->name);
	CLEANUP(free_ptr) char *release = release_dup(name);
	if (!release || !package->version.at || !is_dpkg_text(package->state, "installed"))
		return true;
	CLEANUP(free_ptr) char *version = dpkg_text_dup(package->version);
	json_object_set_new(kernels->packaged, release, json_true());
	if (!strcmp(release, kernels->running))
		replace(&kernels->running_package, version);
	int order = kernels->newest ? dpkg_version_compare(version, kernels->newest_version) : 1;
	/* Flavours of one version are equally new: the running one stands for them. */
	if (order > 0 || (order == 0 && !strcmp(release, kernels->running))) {
		replace(&kernels->newest, release);
		replace(&kernels->newest_version, version);
	}
	return true;
}

/* Kernels of rpm distributions: the release is what uname says of them, but for the flavours that it ends in. */
static bool is_rpm_kernel(const char *name) {
	static const char *const names[] = {"kernel",     "kernel-core",     "kernel-rt-core", "kernel-debug-core",
					    "kernel-uek", "kernel-uek-core", "kernel-64k-core"};
	return text_is_one_of(name, names, ARRAY_LEN(names));
}

/* "5.14.0-503.el9.x86_64", with "+rt", "+64k", "+debug" behind it where the package is a flavour. */
static bool is_release_of(const char *running, const json_t *package) {
	CLEANUP(free_ptr)
	char *release = xasprintf("%s-%s.%s", json_string_value(json_object_get(package, "version")),
				  json_string_value(json_object_get(package, "release")),
				  json_string_value(json_object_get(package, "arch")));
	size_t len = strlen(release);
	return !strncmp(running, release, len) && (!running[len] || running[len] == '+');
}

static void take_rpm(struct kernels *kernels, const json_t *package, const json_t **newest) {
	const char *name = json_string_value(json_object_get(package, "name"));
	if (!is_rpm_kernel(name) || !json_is_string(json_object_get(package, "arch")))
		return;
	CLEANUP(free_ptr)
	char *release = xasprintf("%s-%s.%s", json_string_value(json_object_get(package, "version")),
				  json_string_value(json_object_get(package, "release")),
				  json_string_value(json_object_get(package, "arch")));
	CLEANUP(free_ptr) char *version = rpm_package_version(package);
	bool is_running = is_release_of(kernels->running, package);
	json_object_set_new(kernels->packaged, is_running ? kernels->running : release, json_true());
	if (is_running)
		replace(&kernels->running_package, version);
	int order = *newest ? rpm_package_compare(package, *newest) : 1;
	if (order > 0 || (order == 0 && is_running)) {
		*newest = package;
		replace(&kernels->newest, is_running ? kernels->running : release);
		replace(&kernels->newest_version, version);
	}
}

static bool read_rpms(const struct sources *fetched, struct kernels *kernels, struct err *err) {
	json_t *list = NULL, *package;
	const json_t *newest = NULL;
	size_t i;
	if (!source_maybe_json(fetched, RPMDB, &list, err))
		return false;
	json_array_foreach(list, i, package) take_rpm(kernels, package, &newest);
	kernels->is_rpm = newest != NULL;
	return true;
}

/* A rescue image is built from one of the others. */
static bool is_packaged(const struct kernels *kernels, const char *release) {
	if (!kernels->is_rpm)
		return json_object_get(kernels->packaged, release);
	CLEANUP(free_ptr) char *plain = xstrndup(release, strcspn(release, "+"));
	return text_starts(release, "0-rescue") || json_object_get(kernels->packaged, release) ||
	       json_object_get(kernels->packaged, plain);
}

static bool read_boot(const struct sources *fetched, struct kernels *kernels, struct err *err) {
	json_t *list, *entry;
	size_t i;
	if (!source_maybe_json(fetched, BOOT, &list, err))
		return false;
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && text_starts(name, "vmlinuz-") && name[8] >= '0' && name[8] <= '9' &&
		    !is_packaged(kernels, name + 8) &&
		    (!kernels->unpackaged || dpkg_version_compare(name + 8, kernels->unpackaged) > 0))
			replace(&kernels->unpackaged, name + 8);
	}
	return true;
}

static bool read_line(const struct sources *fetched, const char *name, char **ret_line, struct err *err) {
	const struct source *source;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (source) {
		*ret_line = xstrdup(buf_str(&source->bytes));
		(*ret_line)[strcspn(*ret_line, "\n")] = '\0';
	}
	return true;
}

/* "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)" and Ubuntu's "Ubuntu 6.8.0-45.45-generic 6.8.12". NULL when
 * neither says a version. */
static char *built_from(const char *version, const char *signature) {
	const char *debian = version ? strstr(version, " Debian ") : NULL;
	if (debian)
		return xstrndup(debian + 8, strcspn(debian + 8, " "));
	if (!signature || !text_starts(signature, "Ubuntu "))
		return NULL;
	const char *text = signature + 7;
	size_t len = strcspn(text, " ");
	const char *flavour = memrchr(text, '-', len);
	const char *first = memchr(text, '-', len);
	return flavour && flavour != first ? xstrndup(text, (size_t)(flavour - text)) : NULL;
}

static bool is_newest(const struct kernels *kernels, const char *running_version) {
	if (!kernels->running_package)
		return false;
	if (kernels->is_rpm && strcmp(kernels->newest, kernels->running) != 0)
		return false;
	const char *version = running_version ? running_version : kernels->running_package;
	if (!kernels->is_rpm && dpkg_version_compare(kernels->newest_version, version) > 0)
		return false;
	return !kernels->unpackaged || dpkg_version_compare(kernels->unpackaged, kernels->running) <= 0;
}

static bool add_livepatches(json_t *row, const struct sources *fetched, struct err *err) {
	json_t *list, *entry;
	size_t i;
	if (!source_maybe_json(fetched, LIVEPATCH, &list, err))
		return false;
	json_object_set_new(row, "livepatches", json_array());
	json_array_foreach(list, i, entry)
		row_text_append(row, "livepatches", json_string_value(json_object_get(entry, "name")));
	return true;
}

static bool read_kernels(const struct sources *fetched, struct kernels *kernels, struct err *err) {
	const struct source *status, *rpms = NULL;
	if (!read_rpms(fetched, kernels, err) || !source_maybe(fetched, RPMDB, &rpms, err) ||
	    !source_maybe(fetched, DPKG_STATUS, &status, err))
		return false;
	if (rpms && !kernels->is_rpm && !status)
		return err_set(err, ERR_UNPROVED, RPMDB, "no kernel package of a name that is known here");
	if (!kernels->is_rpm &&
	    (!source_need(fetched, DPKG_STATUS, &status, err) || !dpkg_status_read(status, take_package, kernels, err)))
		return false;
	if (!read_boot(fetched, kernels, err))
		return false;
	if (!kernels->newest && !kernels->unpackaged)
		return err_set(err, ERR_UNPROVED, DPKG_STATUS,
			       "no kernel is installed here: the running one is not this system's to renew");
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(kernels_done) struct kernels kernels = {.packaged = json_object()};
	CLEANUP(free_ptr) char *running = NULL;
	CLEANUP(free_ptr) char *version = NULL;
	CLEANUP(free_ptr) char *signature = NULL;
	if (!read_line(fetched, RELEASE, &running, err) || !read_line(fetched, VERSION, &version, err) ||
	    !read_line(fetched, SIGNATURE, &signature, err))
		return false;
	if (!running)
		return err_set(err, ERR_UNPROVED, RELEASE, "no /proc here to see the running kernel in");
	kernels.running = running;
	if (!read_kernels(fetched, &kernels, err))
		return false;
	CLEANUP(free_ptr) char *built = built_from(version, signature);
	json_t *row = row_add(rows);
	row_text(row, "running", running);
	row_text(row, "running_version", built);
	row_bool(row, "packaged", kernels.running_package != NULL);
	row_text(row, "newest", kernels.newest);
	row_text(row, "newest_version", kernels.newest_version);
	row_text(row, "unpackaged", kernels.unpackaged);
	row_bool(row, "is_newest", is_newest(&kernels, built));
	if (!add_livepatches(row, fetched, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_kernel = {
	.name = "kernel",
	.about = "Whether the kernel that runs is the newest one that is installed.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};
