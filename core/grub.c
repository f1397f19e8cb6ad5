#include "core/grub.h"

#include <string.h>

#include "core/lines.h"
#include "core/mem.h"
#include "core/setting.h"
#include "core/text.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

bool grub_value(const struct source *file, const char *name, char **ret_value, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(file->name, file->bytes.data, file->bytes.len);
	CLEANUP(free_ptr) char *found = NULL;
	size_t len = strlen(name);
	while (lines_next(&lines)) {
		char *line = text_trim(lines.line);
		if (text_starts(line, "set "))
			line = text_trim(line + strlen("set "));
		if (!text_starts(line, name) || line[len] != '=')
			continue;
		free(found);
		found = xstrdup(setting_unquote(line + len + 1));
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_value = found;
	found = NULL;
	return true;
}

char *grub_variable(const char *text, size_t *at, size_t *ret_begin) {
	for (size_t i = *at; text[i]; i++) {
		bool begins = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
		size_t len = text[i] == '$' && begins ? strspn(text + i + 1, NAME_CHARACTERS) : 0;
		if (len == 0)
			continue;
		*ret_begin = i;
		*at = i + 1 + len;
		return xstrndup(text + i + 1, len);
	}
	return NULL;
}
