#include "core/who_unit.h"

#include <string.h>

#include "core/mem.h"
#include "core/text.h"

static bool is_unit(const char *word, const char *unit) {
	size_t len = strlen(word);
	return !strcmp(word, unit) || (len > 0 && !strncmp(unit, word, len) && !strcmp(unit + len, ".service"));
}

/* Units of another system, or of a user. */
static bool is_elsewhere(const char *word) {
	static const char *const options[] = {"-H", "-M", "--host", "--machine", "--root", "--image", "--user"};
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (text_starts(word, options[i]))
			return true;
	return false;
}

bool who_unit_is_told(const char *command, const char *unit) {
	static const char *const programs[] = {"systemctl", "service", "invoke-rc.d", "deb-systemd-invoke"};
	static const char *const verbs[] = {"start",
					    "stop",
					    "restart",
					    "try-restart",
					    "reload",
					    "force-reload",
					    "reload-or-restart",
					    "try-reload-or-restart",
					    "kill",
					    "isolate",
					    "freeze",
					    "thaw",
					    "clean",
					    "enable",
					    "disable",
					    "reenable",
					    "preset",
					    "mask",
					    "unmask",
					    "link",
					    "edit",
					    "revert",
					    "set-property"};
	CLEANUP(free_ptr) char *text = xstrdup(command);
	char *rest = text, *word = text_word(&rest);
	const char *name = word ? strrchr(word, '/') : NULL;
	bool has_verb = false, has_unit = false;
	if (!word || !text_is_one_of(name ? name + 1 : word, programs, ARRAY_LEN(programs)))
		return false;
	while ((word = text_word(&rest))) {
		if (is_elsewhere(word))
			return false;
		has_verb |= text_is_one_of(word, verbs, ARRAY_LEN(verbs));
		has_unit |= is_unit(word, unit);
	}
	return has_verb && has_unit;
}
