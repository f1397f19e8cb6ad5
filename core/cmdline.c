#include "core/cmdline.h"

#include <string.h>

char *cmdline_next(char **at) {
	char *word = *at + strspn(*at, " \t\n"), *to = word;
	bool quoted = false;
	char *from = word;
	for (; *from && (quoted || !strchr(" \t\n", *from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	bool any = from != word;
	*at = *from ? from + 1 : from;
	*to = '\0';
	return any && strcmp(word, "--") != 0 ? word : NULL;
}

bool cmdline_is(const char *word, const char *name) {
	for (; *name; word++, name++)
		if (*word != *name && !(strchr("-_", *word) && *word && strchr("-_", *name)))
			return false;
	return *word == '\0' || *word == '=';
}

bool cmdline_is_word(const char *word, const char *wanted) {
	const char *own = strchr(word, '='), *value = strchr(wanted, '=');
	char name[256];
	if (!value)
		return cmdline_is(word, wanted);
	size_t len = (size_t)(value - wanted);
	if (!own || strcmp(own, value) != 0 || len >= sizeof name)
		return false;
	memcpy(name, wanted, len);
	name[len] = '\0';
	return cmdline_is(word, name);
}
