#include "agent/targets.h"

#include "core/text.h"
#include "sources/fetch.h"

void targets_done(struct targets *targets) {
	for (size_t i = 0; i < targets->count; i++)
		free(targets->names[i]);
	for (size_t i = 0; i < targets->count; i++)
		free(targets->sources[i]);
}

/* name is taken over. */
static void add_target(struct targets *targets, enum who_kind kind, char *name, const char *source) {
	if (targets->count == TARGETS_MOST) {
		free(name);
		return;
	}
	targets->names[targets->count] = name;
	targets->sources[targets->count] = xstrdup(source);
	targets->list[targets->count++] = (struct who_target){kind, name};
}

bool target_is_of_path(const struct who_target *target) { return target->kind <= WHO_TREE; }

/* Kinds of sources whose rest is a path or a unit, and what of it they say. */
static const struct {
	const char *prefix;
	enum who_kind kind;
} plain[] = {{"file:", WHO_FILE},    {"stat:", WHO_FILE},     {"head:", WHO_FILE},   {"link:", WHO_FILE},
	     {"keyfile:", WHO_FILE}, {"tree:", WHO_TREE},     {"dir:", WHO_ENTRIES}, {"unit:", WHO_UNIT},
	     {"service:", WHO_UNIT}, {"nft:", WHO_NETFILTER}, {"audit:", WHO_AUDIT}};

/* Kinds that read more than their name says. */
static const struct {
	const char *prefix;
	enum who_kind kind;
	const char *source, *path;
} derived[] = {{"shadow:", WHO_FILE, "shadow:", "/etc/shadow"},
	       {"cmd:sshd-T", WHO_FILE, TARGETS_SSHD_CONFIG, "/etc/ssh/sshd_config"},
	       {"cmd:sshd-T", WHO_TREE, TARGETS_SSHD_CONFIGS, "/etc/ssh/sshd_config.d"},
	       {"cmd:cvtsudoers", WHO_FILE, TARGETS_SUDOERS, "/etc/sudoers"},
	       {"cmd:cvtsudoers", WHO_TREE, TARGETS_SUDOERS_MORE, "/etc/sudoers.d"}};

/* The kernel's own files are written by the kernel, but for its settings. */
static bool is_told(const char *name) {
	const char *path = strchr(name, '/');
	bool is_kernels = path && (text_starts(path, "/proc/") || text_starts(path, "/sys/"));
	return !fetch_is_volatile(name) && (!is_kernels || text_starts(path, "/proc/sys/"));
}

static void add_source(struct targets *targets, const char *name) {
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!text_starts(name, plain[i].prefix))
			continue;
		const char *rest = name + strlen(plain[i].prefix);
		bool is_named = plain[i].kind <= WHO_UNIT;
		size_t len = plain[i].kind == WHO_TREE ? strcspn(rest, "?") : strlen(rest);
		add_target(targets, plain[i].kind, is_named ? xstrndup(rest, len) : xstrdup(""), name);
	}
	for (size_t i = 0; i < ARRAY_LEN(derived); i++)
		if (text_starts(name, derived[i].prefix))
			add_target(targets, derived[i].kind, xstrdup(derived[i].path), derived[i].source);
}

void targets_take(struct targets *targets, const char *source) {
	if (is_told(source))
		add_source(targets, source);
}

void targets_find(struct targets *targets, const struct names *sources) {
	for (size_t i = 0; i < names_count(sources); i++)
		targets_take(targets, names_at(sources, i));
}
